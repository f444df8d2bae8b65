"""Releases: the only files anyone outside the nightly run reads."""
