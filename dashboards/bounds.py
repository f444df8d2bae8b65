"""Numbers that stand for "this or beyond": in words and in signs. PURE.

Near an end of its scale a mean would tell single scores, so a release shows the end, and says so
(`raw_bound` and the like). A code that nobody has given words to is shown as itself.
"""

from dashboards import labels

_WORDS = {"at_most": "or less", "at_least": "or more", "any": "or any other"}
_SIGNS = {"at_most": "≤ ", "at_least": "≥ "}
_ARROWS = {"at_most": -1, "at_least": 1}


def worded(text: str, bound: str | None) -> str:
    """A number with what it stands for, as `5.0 or more`."""
    if bound is None:
        return text
    return f"{text} {_WORDS.get(bound, f'({labels.readable(bound)})')}"


def signed(text: str, bound: str | None) -> str:
    """The same for a narrow column, as `≥ 5.0`."""
    sign = _SIGNS.get(bound or "")
    return worded(text, bound) if sign is None else f"{sign}{text}"


def direction(bound: str | None) -> int:
    """Which way the true number may lie beyond the shown one: 1 up, -1 down, 0 neither."""
    return _ARROWS.get(bound or "", 0)
