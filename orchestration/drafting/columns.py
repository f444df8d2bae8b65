"""What a column of text holds: dates, numbers, ids or a few words. Pure; says so in counts only."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from orchestration.drafting.words import dictionary, is_missing_word, named

DATE_FORMATS = (
    "%Y-%m-%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%Y/%m/%d",
    "%d-%b-%Y",
    "%d %b %Y",
    "%Y%m%d",
    "%d-%m-%Y",
    "%m-%d-%Y",
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{2,63}")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_BAND = re.compile(r"\d{1,2}\s*[-–_]\s*\d{1,2}|\d{2}\s*\+|\d{2}_plus")
_FEW = 40
_SURE = 0.97
"""Share of cells that must fit: a sample may hold a slip of the keyboard."""


@dataclass(frozen=True)
class Profile:
    """A column seen from outside: what its cells are, and how many differ."""

    header: str
    kind: str
    """empty | date | number | id | words | text"""
    distinct: frozenset[str]
    n_filled: int
    date_formats: tuple[str, ...] = ()
    entity: str | None = None
    decimal_comma: bool = False


def missing_words(columns: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Words for nothing in a file: those that stand in several columns, or beside other types."""
    found: Counter[str] = Counter()
    for cells in columns:
        found.update({cell for cell in set(cells) if is_missing_word(cell)})
    return tuple(sorted(word for word, n in found.items() if n >= 2))


def entity_of(header: str) -> str | None:
    """Whose id a column is by its name: client, session, episode, ..."""
    scored = [
        (named(header, phrases), -place, entity)
        for place, (entity, phrases) in enumerate(dictionary()["entities"].items())
    ]
    best = max(scored)
    return best[2] if best[0] else None


def profile(header: str, cells: Sequence[str], missing: Sequence[str]) -> Profile:
    """What a column holds, blank and missing cells aside."""
    counts = Counter(cell for cell in cells if cell and cell not in missing)
    distinct, n = frozenset(counts), sum(counts.values())
    entity = entity_of(header)

    def share(test: re.Pattern[str]) -> float:
        return sum(k for cell, k in counts.items() if test.fullmatch(cell)) / n

    if not n:
        return Profile(header, "empty", distinct, 0, entity=entity)
    formats = tuple(f for f in DATE_FORMATS if all(_is_date(cell, f) for cell in distinct))
    if formats:
        return Profile(header, "date", distinct, n, date_formats=formats)
    is_number = share(_NUMBER) >= _SURE
    with_digit = sum(any(c.isdigit() for c in cell) for cell in distinct) >= 0.9 * len(distinct)
    may_be_id = with_digit and share(_ID) >= _SURE and not share(_BAND) >= 0.5
    is_telling = entity is not None if is_number else entity is not None or len(distinct) > _FEW
    if may_be_id and is_telling:
        return Profile(header, "id", distinct, n, entity=entity)
    if is_number:
        comma = any("," in cell for cell in distinct)
        return Profile(header, "number", distinct, n, decimal_comma=comma)
    kind = "words" if len(distinct) <= _FEW else "text"
    return Profile(header, kind, distinct, n, entity=entity)


@lru_cache(maxsize=200_000)
def _is_date(cell: str, pattern: str) -> bool:
    try:
        return 1900 <= datetime.strptime(cell, pattern).year <= 2100
    except ValueError:
        return False


def id_pattern(ids: Iterable[str]) -> str | None:
    """The shape of a file's ids in character classes, none of their letters kept; None if there
    are none, or they share no shape.
    """
    shapes: dict[tuple[str, ...], list[list[int]]] = {}
    for text in ids:
        runs = re.findall(r"[0-9]+|[A-Z]+|[a-z]+|[._:-]", text)
        kinds = tuple(_class_of(run) for run in runs)
        shapes.setdefault(kinds, []).append([len(run) for run in runs])
    if len(shapes) != 1:
        return None
    ((kinds, lengths),) = shapes.items()
    parts = []
    for place, kind in enumerate(kinds):
        sizes = {row[place] for row in lengths}
        low, high = min(sizes), max(sizes)
        if kind.startswith("["):
            parts.append(f"{kind}{{{low}}}" if low == high else f"{kind}{{1,{high + 2}}}")
        else:
            parts.append(kind)
    return "^" + "".join(parts) + "$"


def _class_of(run: str) -> str:
    if run.isdigit():
        return "[0-9]"
    if run.isalpha():
        return "[A-Z]" if run.isupper() else "[a-z]"
    return r"\." if run == "." else run


def number(cell: str) -> float | None:
    """A cell as a number, whichever its decimal mark."""
    return float(cell.replace(",", ".")) if _NUMBER.fullmatch(cell) else None
