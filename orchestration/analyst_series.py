"""Repeated measurements out of an analyst's CSV: persons by times, one score in each place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestration.analyst_csv import AnalystFile, FileRefused
from orchestration.measures.arrays import Floats


@dataclass(frozen=True)
class Series:
    """`scores` is persons by times, NaN where missing; ids and times are sorted, numbers first."""

    ids: tuple[str, ...]
    times: tuple[float | str, ...]
    scores: Floats


def long_series(
    file: AnalystFile, person: str, time: str, value: str, only: Sequence[str] | None = None
) -> Series:
    """One row per person and time becomes a table; `only` keeps these times, in this order.

    Times are the same when they are the same number (1 and 1.0) or the same word. Raises
    FileRefused for an id or time that is empty, two rows of one person and time, a time of `only`
    that no row has, or a value that is no number in a row that is kept.
    """
    people, moments = file.words(person), file.words(time)
    keys = [_moment(file, moment) for moment in moments]
    if only is None:
        order: list[float | str] = [
            _moment(file, moment) for moment in sorted(set(moments), key=file.sort_key)
        ]
        order = list(dict.fromkeys(order))
    else:
        order = [_moment(file, moment.strip()) for moment in only]
        for asked, moment in zip(only, order, strict=True):
            if moment not in keys:
                raise FileRefused(f"column {time}: no row has the time {asked!r}")
    wanted = set(order)
    kept = [at for at, key in enumerate(keys) if key in wanted]
    ids = sorted({people[at] for at in kept}, key=file.sort_key)
    row_of = {one: row for row, one in enumerate(ids)}
    column_of = {moment: column for column, moment in enumerate(order)}
    seen: dict[tuple[int, int], int] = {}
    twice: list[tuple[int, int]] = []
    scores = np.full((len(ids), len(order)), np.nan)
    values = file.numbers([value], kept)
    for at, score in zip(kept, values[:, 0], strict=True):
        cell = row_of[people[at]], column_of[keys[at]]
        if cell in seen:
            twice.append((seen[cell], file.lines[at]))
        seen[cell] = file.lines[at]
        scores[cell] = score
    _refuse(twice, f"{person} and {time}")
    return Series(tuple(ids), tuple(order), scores)


def wide_series(file: AnalystFile, person: str, columns: Sequence[str]) -> Series:
    """One row per person; `columns` in their order are times 1, 2, 3 ...

    Raises FileRefused for an id that is empty or comes twice, or a value that is no number.
    """
    people = file.words(person)
    seen: dict[str, int] = {}
    twice: list[tuple[int, int]] = []
    for one, line in zip(people, file.lines, strict=True):
        if one in seen:
            twice.append((seen[one], line))
        seen[one] = line
    _refuse(twice, person)
    order = sorted(range(len(people)), key=lambda at: file.sort_key(people[at]))
    return Series(
        tuple(people[at] for at in order),
        tuple(float(number) for number in range(1, len(columns) + 1)),
        file.numbers(columns, order),
    )


def _refuse(twice: Sequence[tuple[int, int]], what: str) -> None:
    """Refuse pairs of lines that have the same `what`, if there are any."""
    if twice:
        first, second = twice[0]
        others = len(twice) - 1
        more = f" (and {others} more pair{'s' * (others > 1)})" if others else ""
        raise FileRefused(
            f"lines {first} and {second}{more} have the same {what}; keep one of them"
        )


def _moment(file: AnalystFile, text: str) -> float | str:
    number = file.number(text)
    return text if number is None else number
