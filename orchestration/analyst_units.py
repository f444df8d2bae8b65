"""Units out of an analyst's CSV for `alliance benchmark`: sums, means or counts, one row a unit.

Published tables hold suppression marks, blanks and units without clients. Such a row is left out,
counted and named by line, unit and column, never by what the cell holds; nothing is guessed for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.analyst_csv import MISSING, AnalystFile, FileRefused
from orchestration.measures.arrays import Floats

Codes = NDArray[np.intp]


@dataclass(frozen=True)
class LeftOut:
    """A row that cannot be used; `column` is where, `unit` None where the unit itself is blank."""

    line: int
    unit: str | None
    column: str
    reason: str


@dataclass(frozen=True)
class UnitRows:
    """Usable rows: `numbers` is rows by columns, `unit` the place of each row's unit in `names`,
    which are in the file's order; `group` likewise numbers unit x therapist, and is None where no
    column names therapists."""

    names: tuple[str, ...]
    unit: Codes
    numbers: Floats
    group: Codes | None
    lines: tuple[int, ...]
    left_out: tuple[LeftOut, ...]

    def summed(self, column: int) -> Floats:
        """The column's sum over each unit's rows."""
        found = np.bincount(self.unit, self.numbers[:, column], len(self.names))
        return np.asarray(found, dtype=np.float64)


def read_units(
    file: AnalystFile,
    unit: str,
    columns: Sequence[str],
    *,
    above_zero: Sequence[str] = (),
    at_least_zero: Sequence[str] = (),
    at_most: tuple[str, str] | None = None,
    therapist: str | None = None,
) -> UnitRows:
    """Rows with a unit and usable numbers in all `columns`.

    `above_zero` and `at_least_zero` name columns with a floor; `at_most` a column that must not
    exceed another. Clients without a therapist are therapists of their own: clustering cannot be
    taken from what is not known. Raises FileRefused when a column is not there or no row is usable.
    """
    places = [file.place(name) for name in columns]
    unit_place = file.place(unit)
    group_place = None if therapist is None else file.place(therapist)
    found: list[list[float]] = []
    names: dict[str, int] = {}
    codes: list[int] = []
    groups: dict[tuple[int, str], int] = {}
    group_codes: list[int] = []
    lines: list[int] = []
    left_out: list[LeftOut] = []
    for line, row in zip(file.lines, file.rows, strict=True):
        name = row[unit_place].strip()
        if name.lower() in MISSING:
            left_out.append(LeftOut(line, None, unit, "no unit"))
            continue
        numbers = [file.number(row[place].strip()) for place in places]
        wrong = _what_is_wrong(
            dict(zip(columns, numbers, strict=True)),
            [row[place].strip().lower() in MISSING for place in places],
            above_zero,
            at_least_zero,
            at_most,
        )
        if wrong is not None:
            left_out.append(LeftOut(line, name, *wrong))
            continue
        found.append([number for number in numbers if number is not None])
        codes.append(names.setdefault(name, len(names)))
        lines.append(line)
        if group_place is not None:
            label = row[group_place].strip()
            # A blank is no therapist whose clients resemble each other.
            key = f"\n{line}" if label.lower() in MISSING else label
            group_codes.append(groups.setdefault((codes[-1], key), len(groups)))
    if not found:
        raise FileRefused(
            f"none of {len(file.rows)} rows can be used; the first, line {left_out[0].line}, "
            f"column {left_out[0].column}: {left_out[0].reason}"
        )
    return UnitRows(
        tuple(names),
        np.array(codes, dtype=np.intp),
        np.array(found, dtype=np.float64),
        None if therapist is None else np.array(group_codes, dtype=np.intp),
        tuple(lines),
        tuple(left_out),
    )


def _what_is_wrong(
    numbers: dict[str, float | None],
    is_missing: Sequence[bool],
    above_zero: Sequence[str],
    at_least_zero: Sequence[str],
    at_most: tuple[str, str] | None,
) -> tuple[str, str] | None:
    """Column and reason why a row cannot be used; None when it can."""
    for (name, number), missing in zip(numbers.items(), is_missing, strict=True):
        if number is None:
            return name, "blank" if missing else "no number, perhaps suppressed"
        if name in above_zero and number <= 0:
            return name, "not above 0"
        if name in at_least_zero and number < 0:
            return name, "below 0"
    if at_most is not None:
        smaller, larger = numbers[at_most[0]], numbers[at_most[1]]
        if smaller is not None and larger is not None and smaller > larger:
            return at_most[0], f"more than {at_most[1]}"
    return None
