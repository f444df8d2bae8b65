"""Globs and regular expressions of a contract, checked before a file meets them."""

import re
from functools import cache

_BEYOND_RE2 = re.compile(r"\(\?(?:=|!|<=|<!|P=|\()|\\[1-9]")
"""Look-around and back-references: DuckDB's engine (RE2) has neither."""


def regex_problem(pattern: str, *, needs_group: bool = False) -> str | None:
    """Why `pattern` cannot be used, or None."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        return f"is no valid regular expression: {error.msg} at position {error.pos}"
    if _BEYOND_RE2.search(pattern):
        return "uses look-around or a back-reference, which the database's engine does not have"
    if needs_group and not compiled.groups:
        return "needs a group in parentheses around the part to read"
    return None


def glob_problem(pattern: str) -> str | None:
    """Why `pattern` cannot name files of a landing folder, or None."""
    if not pattern or "/" in pattern or "\\" in pattern or pattern.startswith("."):
        return "must be a bare file name: no folder, and no leading dot"
    if "[" in pattern:
        return "may use `*` and `?` only, so that overlapping patterns can be found"
    return None


def globs_overlap(left: str, right: str) -> bool:
    """Whether some file name matches both globs (of `*`, `?` and literal characters)."""

    @cache
    def meet(here: int, there: int) -> bool:
        if here == len(left) or there == len(right):
            return set(left[here:]) | set(right[there:]) <= {"*"}
        a, b = left[here], right[there]
        if a == "*" and meet(here + 1, there):
            return True
        if b == "*" and meet(here, there + 1):
            return True
        if a == "*":
            return b != "*" and meet(here, there + 1)
        if b == "*":
            return meet(here + 1, there)
        return (a == b or "?" in (a, b)) and meet(here + 1, there + 1)

    return meet(0, 0)
