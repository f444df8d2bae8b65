"""Answers to the items of a scale out of an analyst's CSV, with what is known of the items."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from orchestration.analyst_csv import AnalystFile, FileRefused
from orchestration.measures.arrays import Bools, Floats

_PLACE = re.compile(r"[1-9][0-9]{0,5}")
_PLACES = re.compile(r"([1-9][0-9]{0,5})(?:[-:]([1-9][0-9]{0,5}))?")
_BETWEEN = re.compile(r"[,;+ ]")


@dataclass(frozen=True)
class Items:
    """`answers` is rows by items as given, NaN where missing; `minimum` and `maximum` in points."""

    names: tuple[str, ...]
    answers: Floats
    is_reversed: Bools
    minimum: float
    maximum: float


def read_items(
    file: AnalystFile,
    items: str,
    reverse: str,
    minimum: float | None,
    maximum: float | None,
) -> Items:
    """The columns `items` of `file`; lowest and highest possible answer, else those given.

    Raises FileRefused for a column that is not there, a reversed item that is none of them, a cell
    that is no number or outside the range, and for columns without any answer.
    """
    names = file.chosen(items)
    answers = file.numbers(names)
    given = answers[~np.isnan(answers)]
    if not given.size:
        raise FileRefused(f"none of the {len(names)} items has an answer")
    lowest = float(given.min()) if minimum is None else minimum
    highest = float(given.max()) if maximum is None else maximum
    if lowest > highest or (minimum is not None and minimum == maximum):
        raise FileRefused("--min must be below --max and the answers between them")
    outside = np.argwhere((answers < lowest) | (answers > highest))
    if outside.size:
        row, column = outside[0].tolist()
        where = f"line {file.lines[row]}, column {names[column]}"
        more = "" if len(outside) == 1 else f" ({len(outside)} such answers)"
        raise FileRefused(f"{where}: the answer is not between --min and --max{more}")
    is_reversed = np.zeros(len(names), dtype=np.bool_)
    if reverse.strip():
        is_reversed[_places(file, names, reverse, "--reversed")] = True
    return Items(tuple(names), answers, is_reversed, lowest, highest)


def scale_items(file: AnalystFile, names: Sequence[str], scales: str) -> list[list[int]]:
    """Places of the items of each scale, from 0, out of what --scales takes.

    Either lengths (`5,5,5`: the first five items, the next five ...) or the items of each scale
    (`bond=3,5,7,9;goal=4,6,10,11`): places among --items, ranges of them (1-5), or columns as
    --items takes them, with comma, plus or blank between. A semicolon ends a scale, and so does
    the next name; names may be left out. Raises FileRefused for an item that is not there or comes
    twice, lengths beyond the items, or a scale of fewer than two.
    """
    parts = [part for part in _BETWEEN.split(scales) if part]
    if not parts:
        raise FileRefused("--scales: expected lengths such as 5,5,5 or bond=1-4;goal=5-8")
    if all(_PLACE.fullmatch(part) and part not in names for part in parts):
        ends = np.cumsum([int(part) for part in parts]).tolist()
        if ends[-1] > len(names):
            raise FileRefused(f"--scales: {ends[-1]} items in the scales, {len(names)} in --items")
        found = [list(range(start, end)) for start, end in pairwise([0, *ends])]
    else:
        grouped = [group for text in scales.split(";") for group in _groups(text, names)]
        found = [_places(file, names, ",".join(group), "--scales") for group in grouped]
    placed = [place for places in found for place in places]
    if len(set(placed)) < len(placed):
        raise FileRefused("--scales: an item is in two scales, or twice in one")
    if any(len(places) < 2 for places in found):
        raise FileRefused("--scales: a scale has fewer than 2 items, hence no even and odd")
    return found


def _groups(text: str, names: Sequence[str]) -> list[list[str]]:
    """The items of each scale in a text without semicolons; a name with = begins a scale."""
    grouped: list[list[str]] = []
    for part in (part for part in _BETWEEN.split(text) if part):
        name, equals, first = part.partition("=")
        if equals and name and part not in names:
            grouped.append([first] if first else [])
        elif grouped:
            grouped[-1].append(part)
        else:
            grouped.append([part])
    return grouped


def _places(file: AnalystFile, names: Sequence[str], chosen: str, option: str) -> list[int]:
    """Places of items chosen by name, place (from 1) or range of places."""
    found: list[int] = []
    for part in (part.strip() for part in chosen.split(",")):
        span = None if part in names else _PLACES.fullmatch(part)
        if span:
            first, last = int(span[1]), int(span[2] or span[1])
            if not first <= last <= len(names):
                raise FileRefused(f"{option}: {part} is no place among {len(names)} items")
            found.extend(range(first - 1, last))
            continue
        for name in [part] if part in names else file.chosen(part):
            if name not in names:
                raise FileRefused(f"{option}: {name!r} is none of --items")
            found.append(list(names).index(name))
    return found
