"""One reader a format: bytes -> an all-text relation whose columns are named by the header."""
