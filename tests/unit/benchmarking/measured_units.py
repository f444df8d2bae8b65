"""Units of made-up sites by hand: cells of one instrument, rows from lists."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from orchestration.benchmarking.units import FORM, SITE, Units

Found = dict[str, Any]
SRS = ("srs", "3", "en", "client")


def units(
    sites: Sequence[str], rows: Mapping[str, Iterable[Any]], **more: Sequence[Any] | str | float
) -> Units:
    """One cell a site of practice `p`, alike in all but `more`; `rows` by column."""
    cells = pd.DataFrame({"practice_id": ["p"] * len(sites), "site_id": list(sites)})
    for name, value in zip(FORM, SRS, strict=True):
        cells[name] = value
    for name, each in more.items():
        cells[name] = each
    assert list(cells.columns[: len(SITE)]) == list(SITE)
    return Units(cells, pd.DataFrame({name: list(each) for name, each in rows.items()}))


def found_in(table: pd.DataFrame) -> list[Found]:
    """Rows as plain values, None where there is none."""
    plain = table.astype("object").where(table.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]


def one_of(table: pd.DataFrame, **named: Any) -> Found:
    """The one row with these values."""
    (row,) = [
        row for row in found_in(table) if all(row[name] == value for name, value in named.items())
    ]
    return row
