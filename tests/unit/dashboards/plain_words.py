"""What every sentence of the pages must keep to, whatever it says: plain, whole, and no verdict."""

import re

from tests.unit.dashboards.reading_grade import reading_grade

HIGHEST_GRADE = 9.0

_RANKING = re.compile(
    r"\b(best|worst|top|bottom|rank\w*|league|winner\w*|leading|first|last|outperform\w*"
    r"|\d+(st|nd|rd|th))\b",
    re.IGNORECASE,
)
_CAUSE = re.compile(
    r"\b(caus\w+|because of the (site|therapist)\w*|due to|thanks to|owing to|leads? to|led to"
    r"|effect\w*|impact\w*|result(s|ed)? (in|of|from)|thus|therefore)\b",
    re.IGNORECASE,
)
_ALLOWED = (
    # About the scale, not about a site; about our guess; and the words that deny a cause.
    "the best score there is",
    "our best guess",
    "It does not show a cause.",
    "checked against its first source",
)
_WRONG_NUMBER = re.compile(
    r"(?<![\d.,])1 (clients|sites|other sites|points|forms|values|people)\b"
    r"|(?<![\d.,])(?:[02-9]|[1-9][\d,]*\d) (client|site|other site|point|form|value|person)\b"
    r"|\b(?:both|all \d+) \w+ (lies|has)\b|\bnone lie\b"
)


def check_plain(text: str) -> None:
    """Fails unless a text is whole sentences, each of grade 9 or lower, without a ranking, a
    cause, a hole where a value is missing, or a singular for a plural."""
    judged = text
    for allowed in _ALLOWED:
        judged = judged.replace(allowed, "")
    assert not _RANKING.search(judged), f"a ranking: {text}"
    assert not _CAUSE.search(judged), f"a cause: {text}"
    assert not _WRONG_NUMBER.search(text), f"singular and plural: {text}"
    assert not re.search(r"None|\bnan\b|\binf\b|–", text), f"a missing value: {text}"
    assert not re.search(r"  | [.,;:)]|\( |\(\)|\.\.|,\.|: \.|[{}_]", text), f"torn: {text}"
    assert re.match(r"[A-Z“\d]", text), f"no beginning: {text}"
    assert text.endswith("."), f"no end: {text}"
    for part in re.split(r"(?<=[.?]) ", text):
        assert re.match(r"[A-Z“\d(]", part), f"no beginning: {part}"
        assert reading_grade(part) <= HIGHEST_GRADE, f"{reading_grade(part):.1f}: {part}"
