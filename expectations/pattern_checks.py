"""Globs and regular expressions of a contract, checked before a file meets them."""

import re
from functools import cache

_BEYOND_RE2 = re.compile(r"\(\?(?:=|!|<=|<!|P=|\()|\\[1-9]")
"""Look-around and back-references: DuckDB's engine (RE2) has neither."""

_CLASS = r"\[\^?\]?(?:\\.|[^\]\\])*\]"
_PIECE = re.compile(rf"\\.|{_CLASS}|\(\?P<\w+>|\(\?|\(|\)|.", re.DOTALL)
"""What a regular expression is read in to find its groups: a parenthesis that is escaped or in a
class is none."""
_DAY_SPELT = ("20260131", "2026-01-31", "2026_01_31", "2026.01.31")
"""The ways in which an export's date is read from a file's name."""


def regex_problem(pattern: str) -> str | None:
    """Why `pattern` cannot be used, or None."""
    try:
        re.compile(pattern)
    except re.error as error:
        return f"is no valid regular expression: {error.msg} at position {error.pos}"
    if _BEYOND_RE2.search(pattern):
        return "uses look-around or a back-reference, which the database's engine does not have"
    return None


def date_regex_problem(pattern: str) -> str | None:
    """Why no export's date can be read with the first group of `pattern`, or None."""
    problem = regex_problem(pattern)
    if problem is not None:
        return problem
    group = _first_group(pattern)
    if group is None:
        return "needs a group in parentheses around the part to read"
    if not any(re.fullmatch(group, day) for day in _DAY_SPELT):
        return (
            "has a first group that fits no date; it must fit the whole date and nothing else, "
            "written like 20260131 or 2026-01-31"
        )
    return None


def _first_group(pattern: str) -> str | None:
    """What stands in the first capturing group of a valid regular expression."""
    inside, depth = "", 0
    is_open = False
    for piece in (found[0] for found in _PIECE.finditer(pattern)):
        if is_open:
            depth += piece.startswith("(") - (piece == ")")
            if depth == 0:
                return inside
            inside += piece
        elif piece == "(" or piece.startswith("(?P<"):
            is_open, depth = True, 1
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
