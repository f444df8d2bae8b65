"""The dictionary a draft guesses by, and the only words of cells it may repeat."""

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).with_name("words.yml")


@cache
def dictionary() -> dict[str, Any]:
    """The content of words.yml."""
    loaded: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return loaded


def plain(text: str) -> str:
    """Lower case, no accents, camel case taken apart, other signs as `_`: VisitDate, visit_date."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", " ", text.strip())
    bare = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", bare.lower()).strip("_")


def named(header: str, phrases: list[str]) -> float:
    """How well a header fits some phrases: 3 it is one, 2 and more it holds one, 0 not at all."""
    name = plain(header)
    if name in phrases or name.replace("_", "") in phrases:
        return 3
    around = f"_{name}_"
    held = [phrase.count("_") + 1 for phrase in phrases if f"_{phrase}_" in around]
    return 2 + max(held) / 10 if held else 0


def meaning(column: str, word: str, allowed: tuple[str, ...]) -> str | None:
    """What a word of an enumeration means, or None when the dictionary does not know it.

    A number is never a word; an age band is, however its ends are joined.
    """
    name = plain(word)
    if column == "age_band_at_intake":
        band = re.sub(r"\s*\+$", "_plus", word.strip()).replace("-", "_").replace("–", "_")
        return band if band in allowed else None
    if name.isdigit():
        return None
    if name in allowed:
        return name
    for ours, theirs in dictionary()["values"].get(column, {}).items():
        if name in theirs:
            return str(ours)
    return None


def is_missing_word(word: str) -> bool:
    """Whether a cell's whole text is one that systems write for nothing."""
    known = dictionary()
    return word in known["missing_signs"] or (plain(word) in known["missing"] and word != "")
