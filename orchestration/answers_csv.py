"""Item answers in a CSV: what `alliance score` reads, outside any practice and its contract."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.instrument import Instrument
from orchestration.analyst_csv import MISSING, AnalystFile, FileRefused, read_analyst_csv
from orchestration.scoring import Form, ScoringEngine

if TYPE_CHECKING:
    import pandas as pd

_ITEM = re.compile(r"(?:item[ _]?)?0*([1-9][0-9]*)", re.IGNORECASE)
_SAYS_ITEM = re.compile(r"item[ _]?[0-9]", re.IGNORECASE)


class AnswersRefused(Exception):
    """The file cannot be read as answers; says what was expected, never what a cell holds."""


@dataclass(frozen=True)
class RefusedAnswer:
    """An answer the instrument does not offer. `row` counts the rows below the header from 1."""

    row: int
    item: int


@dataclass(frozen=True)
class ScoredForms:
    """`scores`: row, id (where the file has such a column), then ScoringEngine.score's columns.

    A form with a refused answer has no row in `scores`.
    """

    scores: "pd.DataFrame"
    n_forms: int
    refused: tuple[RefusedAnswer, ...]


@dataclass(frozen=True)
class _Sheet:
    """The file's rows as forms; `ids` is empty where no column names them."""

    rows: list[int]
    ids: list[str]
    forms: list[Form]
    refused: list[RefusedAnswer]
    n_forms: int


def score_csv(path: Path, instrument: Instrument, engine: ScoringEngine) -> ScoredForms:
    """Score a file with one row a form and columns item_1 ... item_n (also item_01, or 1 ... n).

    One more column may name the forms, and questions that are in no score may stand there. A blank
    cell, NA or a point is an unanswered item. Comma, semicolon or tab; UTF-8. Raises AnswersRefused
    when the columns are others, or a row has more or fewer cells.
    """
    sheet = _read(path, instrument)
    scores = engine.score([(instrument, form) for form in sheet.forms])
    position = scores.pop("form_no").to_list()
    if sheet.ids:
        scores.insert(0, "id", [sheet.ids[number] for number in position])
    scores.insert(0, "row", [sheet.rows[number] for number in position])
    return ScoredForms(scores, sheet.n_forms, tuple(sheet.refused))


def _read(path: Path, instrument: Instrument) -> _Sheet:
    try:
        file = read_analyst_csv(path, needs_rows=False)
    except FileRefused as refusal:
        raise AnswersRefused(str(refusal)) from None
    return _forms(file, *_columns(file.header, instrument), instrument)


def _columns(header: Sequence[str], instrument: Instrument) -> tuple[dict[int, int], int | None]:
    """Column of each item, and the column that names the forms, if any."""
    if instrument.totals_only:
        raise AnswersRefused(f"{instrument.instrument_code} is sent as totals: there are no items")
    items: dict[int, int] = {}
    others: list[int] = []
    twice: list[int] = []
    for column, title in enumerate(header):
        match = _ITEM.fullmatch(title.strip())
        number = int(match[1]) if match else 0
        if number in instrument.excluded_items:
            continue
        if not 0 < number <= instrument.n_items:
            others.append(column)
        elif number in items:
            twice.append(column)
        else:
            items[number] = column
    if len(items) < instrument.n_items or twice or len(others) > 1:
        raise AnswersRefused(_misfit(header, items, twice, others, instrument.n_items))
    return items, others[0] if others else None


def _misfit(
    header: Sequence[str],
    items: dict[int, int],
    twice: Sequence[int],
    others: Sequence[int],
    n_items: int,
) -> str:
    """What is wrong with the first line, by position: it may be answers, the header forgotten.

    Which items are missing is said only when some title says `item`; bare numbers may be a form's
    own answers, and the numbers they leave out would tell them.
    """
    expected = f"expected item_1 to item_{n_items} and at most one column more in line 1"
    if not any(_SAYS_ITEM.match(title.strip()) for title in header):
        return (
            f"{expected}; of its {len(header)} cells {len(items)} are item numbers, {len(twice)} "
            f"repeat one and {len(others)} are something else; write a header with those names"
        )
    missing = [f"item_{n}" for n in range(1, n_items + 1) if n not in items]
    return (
        f"{expected}; missing: {', '.join(missing) or 'none'}; an item again in column: "
        f"{_positions(twice)}; no item in column: {_positions(others)}"
    )


def _positions(columns: Sequence[int]) -> str:
    return ", ".join(str(column + 1) for column in columns) or "none"


def _forms(
    file: AnalystFile, items: dict[int, int], named: int | None, instrument: Instrument
) -> _Sheet:
    sheet = _Sheet([], [], [], [], len(file.rows))
    for row, cells in enumerate(file.rows, start=1):
        answers = {item: _answer(file, cells[column]) for item, column in items.items()}
        wrong = [
            RefusedAnswer(row, item)
            for item, answer in sorted(answers.items())
            if answer is not None and not instrument.is_admissible(answer)
        ]
        sheet.refused.extend(wrong)
        if not wrong:
            sheet.rows.append(row)
            sheet.forms.append(Form(answers))
            if named is not None:
                sheet.ids.append(cells[named])
    return sheet


def _answer(file: AnalystFile, cell: str) -> float | None:
    """The cell's number; None when missing, NaN (which no instrument offers) when no number."""
    text = cell.strip()
    if text.lower() in MISSING:
        return None
    number = file.number(text)
    return float("nan") if number is None else number
