"""Table twins of the charts: one description, drawn on the page and written as a download. PURE.

Plain HTML: read by a screen reader cell by cell, printed as it stands, and not sortable by value,
because an order by value is a ranking. The download has the page's digits and no more, for more
would say more than the page stands for; an interval is two columns there.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from dashboards import bounds, labels, part_labels
from dashboards.table import safe_cell

Kind = Literal["text", "count", "score", "signed", "finer", "share", "plain"]
"""text; whole number; points of the scale; a difference of such; the same with one digit more;
share (0-1); two decimals."""
Row = Mapping[str, Any]
TEXT: Kind = "text"
INSTEAD = "instead"
"""Key of a row that has words in place of all its numbers."""


@dataclass(frozen=True)
class Column:
    """A column of the page. Of two `names` the cell says "from to"; each is one in the download.

    `bound` names what says whether the number stands for itself or beyond: a sign before it on the
    page, a column of its own in the download.
    """

    header: str
    names: tuple[str, ...]
    kind: Kind
    bound: str | None = None


@dataclass(frozen=True)
class Twin:
    """A table in the order given. `name` is the test id and the start of the download's name."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    decimals: int


def _digits(kind: Kind, decimals: int) -> int | None:
    points = {"score": decimals, "signed": decimals, "finer": decimals + 1}
    return (points | {"share": 2, "plain": 2}).get(kind)


def _text(value: Any, kind: Kind, decimals: int) -> str:
    if value is None or value == "":
        return "–"
    if kind == "text":
        return str(value)
    if kind == "share":
        return labels.percent(value)
    digits = _digits(kind, decimals) or 0
    if kind in ("signed", "finer"):
        return part_labels.signed(value, digits)
    return labels.number(value, digits)


def cell(row: Row, column: Column, decimals: int) -> str:
    """What a cell of the page says: a dash where there is nothing."""
    values = [row.get(name) for name in column.names]
    if all(value is None for value in values):
        return "–"
    text = " to ".join(_text(value, column.kind, decimals) for value in values)
    return bounds.signed(text, row.get(column.bound)) if column.bound else text


def html(twin: Twin) -> str:
    """The table, its first column the rows' heading; it scrolls within itself, by keyboard too."""
    head = "".join(
        f'<th scope="col" class="{_look(column)}">{escape(column.header)}</th>'
        for column in twin.columns
    )
    return (
        f'<div class="table-scroll" role="region" tabindex="0" aria-label="{escape(twin.caption)}">'
        f'<table class="comparison" data-testid="{escape(twin.name)}">'
        f"<caption><span>{escape(twin.caption)}</span></caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(_body_row(row, twin) for row in twin.rows)}</tbody></table></div>"
    )


def _body_row(row: Row, twin: Twin) -> str:
    first, *others = twin.columns
    heading = f'<th scope="row">{escape(cell(row, first, twin.decimals))}</th>'
    if INSTEAD in row:
        words = f'<td colspan="{len(others)}">{escape(row[INSTEAD])}</td>'
        return f'<tr class="suppressed">{heading}{words}</tr>'
    cells = "".join(
        f'<td class="{_look(column)}">{escape(cell(row, column, twin.decimals))}</td>'
        for column in others
    )
    return f"<tr>{heading}{cells}</tr>"


def _look(column: Column) -> str:
    return "words" if column.kind == "text" else "number"


def csv_text(twin: Twin, identity: Mapping[str, object]) -> str:
    """The table as CSV, columns named as in the release; `identity` stands before every row."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    named = [
        (name, kind)
        for column in twin.columns
        for name, kind in (
            *((name, column.kind) for name in column.names),
            *([(column.bound, TEXT)] if column.bound else []),
        )
    ]
    writer.writerow([*identity, *(name for name, _ in named)])
    for row in twin.rows:
        values = [_rounded(row.get(name), kind, twin.decimals) for name, kind in named]
        writer.writerow([safe_cell(value) for value in (*identity.values(), *values)])
    return buffer.getvalue()


def _rounded(value: Any, kind: Kind, decimals: int) -> object:
    digits = _digits(kind, decimals)
    return value if value is None or digits is None else round(float(value), digits)
