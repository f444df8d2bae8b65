"""What a column of text holds: dates, numbers, ids or a few words. Pure; says so in counts only."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from orchestration.drafting.words import dictionary, is_missing_word, named, plain

_DAYS = (
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
_TIMES = (" %H:%M:%S", " %H:%M", "T%H:%M:%S", "T%H:%M", " %I:%M %p", "T%H:%M:%S%z", "T%H:%M:%S.%fZ")
DATE_FORMATS = (*_DAYS, *(day + time for day in _DAYS for time in _TIMES))
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{2,63}")
_SHORT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
"""What an id is where the column's name alone says that it holds ids."""
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
    beside: set[str] = set()
    for cells in columns:
        words = {cell for cell in set(cells) if is_missing_word(cell)}
        found.update(words)
        rest = {cell for cell in set(cells) if cell and cell not in words}
        if rest and (all(map(_NUMBER.fullmatch, rest)) or _date_formats(rest)):
            beside |= {word for word in words if not _NUMBER.fullmatch(word)}
    return tuple(sorted(word for word, n in found.items() if n >= 2 or word in beside))


def entity_of(header: str) -> str | None:
    """Whose id a column is by its name: client, session, episode, ...

    Of several words the last is meant: `visit_episode` is the episode of a visit.
    """
    name = plain(header)
    scored = [
        (named(header, phrases), max(map(name.rfind, phrases)), -place, entity)
        for place, (entity, phrases) in enumerate(dictionary()["entities"].items())
    ]
    best = max(scored)
    return best[3] if best[0] else None


def profile(header: str, cells: Sequence[str], missing: Sequence[str]) -> Profile:
    """What a column holds, blank and missing cells aside."""
    counts = Counter(cell for cell in cells if cell and cell not in missing)
    distinct, n = frozenset(counts), sum(counts.values())
    entity = entity_of(header)

    def share(test: re.Pattern[str]) -> float:
        return sum(k for cell, k in counts.items() if test.fullmatch(cell)) / n

    if not n:
        return Profile(header, "empty", distinct, 0, entity=entity)
    formats = _date_formats(distinct)
    if formats:
        return Profile(header, "date", distinct, n, date_formats=formats)
    is_number = share(_NUMBER) >= _SURE
    with_digit = sum(any(c.isdigit() for c in cell) for cell in distinct) >= 0.9 * len(distinct)
    shape = _SHORT_ID if entity is not None and plain(header).endswith("_id") else _ID
    may_be_id = with_digit and share(shape) >= _SURE and not share(_BAND) >= 0.5
    is_telling = entity is not None if is_number else entity is not None or len(distinct) > _FEW
    if may_be_id and is_telling:
        return Profile(header, "id", distinct, n, entity=entity)
    if is_number:
        comma = any("," in cell for cell in distinct)
        return Profile(header, "number", distinct, n, decimal_comma=comma)
    kind = "words" if len(distinct) <= _FEW else "text"
    return Profile(header, kind, distinct, n, entity=entity)


def _date_formats(distinct: Iterable[str]) -> tuple[str, ...]:
    """Formats every cell can be read with. One cell narrows them down for all others."""
    formats = DATE_FORMATS
    for cell in distinct:
        formats = tuple(f for f in formats if _is_date(cell, f))
        if not formats:
            break
    return formats


@lru_cache(maxsize=200_000)
def _is_date(cell: str, pattern: str) -> bool:
    try:
        return 1900 <= datetime.strptime(cell, pattern).year <= 2100
    except ValueError:
        return False


_MOST_RUNS = 6
_FEWEST_DIGITS = 3
_MOST_SHAPES = 4
"""More shapes than these are no shapes: then the signs they use are all that is said."""


def id_pattern(ids: Iterable[str]) -> str | None:
    """The shapes of a file's ids in character classes, none of their letters kept.

    Where they share no few shapes, the signs they are made of and their lengths. None without ids,
    or where an id has a sign no id should have.
    """
    shapes: dict[tuple[str, ...], list[list[int]]] = {}
    texts = list(ids)
    for text in texts:
        runs = re.findall(r"[0-9]+|[A-Z]+|[a-z]+|[._:-]", text)
        if "".join(runs) != text:
            return None
        kinds = tuple(_class_of(run) for run in runs)
        shapes.setdefault(kinds, []).append([len(run) for run in runs])
    if not shapes:
        return None
    if len(shapes) <= _MOST_SHAPES and max(map(len, shapes)) <= _MOST_RUNS:
        found = sorted(_shape(kinds, lengths) for kinds, lengths in shapes.items())
        return "^" + (found[0] if len(found) == 1 else f"(?:{'|'.join(found)})") + "$"
    signs = "".join(sorted({sign for text in texts for sign in text if not sign.isalnum()}))
    classes = [
        name
        for name, test in (("0-9", str.isdigit), ("A-Z", str.isupper), ("a-z", str.islower))
        if any(test(sign) for text in texts for sign in text)
    ]
    lengths_seen = {len(text) for text in texts}
    low, high = min(lengths_seen), max(lengths_seen)
    long = f"{{{low}}}" if low == high else f"{{{max(1, low - 2)},{high + 2}}}"
    # A hyphen stands last in a class, or it would mean a range.
    hyphen = "-" if "-" in signs else ""
    return f"^[{''.join(classes)}{signs.replace('-', '')}{hyphen}]{long}$"


def _shape(kinds: tuple[str, ...], lengths: Sequence[Sequence[int]]) -> str:
    parts = []
    for place, kind in enumerate(kinds):
        sizes = {row[place] for row in lengths}
        low, high = min(sizes), max(sizes)
        if kind.startswith("["):
            # Few digits are a count that has only begun.
            is_fixed = low == high and not (kind == "[0-9]" and high < _FEWEST_DIGITS)
            parts.append(f"{kind}{{{low}}}" if is_fixed else f"{kind}{{1,{high + 2}}}")
        else:
            parts.append(kind)
    return "".join(parts)


def _class_of(run: str) -> str:
    if run.isdigit():
        return "[0-9]"
    if run.isalpha():
        return "[A-Z]" if run.isupper() else "[a-z]"
    return r"\." if run == "." else run


def number(cell: str) -> float | None:
    """A cell as a number, whichever its decimal mark."""
    return float(cell.replace(",", ".")) if _NUMBER.fullmatch(cell) else None
