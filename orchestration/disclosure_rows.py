"""What the tables of measures said, row by row and writing by writing, kept in the warehouse: what
stands in a release stands as it is here.

A row is found again by its key and is one text; so every table of the allow-list has the same way,
whatever its columns are. Rows of a table whose columns are others now do not stand: they could not
be shown as they were. They are written, taken back and put out with the rest of the ledger
(disclosure_ledger).
"""

import hashlib
import json
from collections.abc import Iterable, Sequence

import duckdb

from orchestration.release.tables import ReleaseTable, tables_of_measures
from orchestration.sql import identifier, literal

CELL = (
    "practice_id",
    "site_id",
    "instrument_code",
    "version",
    "language",
    "informant",
    "metric",
    "stratum_kind",
    "stratum",
    "period",
)
"""What names a cell of marts.rpt_site_metrics, and its row in a release."""
_SKETCH = 1
"""How int_cells_sketched makes its sketches. With another formula every cell would seem to have
other people: then this is another number, and no row from before stands."""


def about_clients(table: ReleaseTable) -> tuple[str, ...]:
    """Columns that follow from the answers of clients, those of the key among them."""
    return tuple(column.name for column in table.columns if not column.follows_data)


def shape(table: ReleaseTable) -> str:
    """What rows of a table look like; other columns, types or sketches are another shape."""
    columns = [(column.name, column.type, column.follows_data) for column in table.columns]
    return hashlib.sha256(json.dumps([_SKETCH, columns, table.key]).encode()).hexdigest()[:16]


def _lasting(name: str) -> str:
    """SQL for a column as it is found again. The last twelve months have another name each month:
    two of them in a row are of the same people but for a month's at either end."""
    column = identifier(name)
    if name != "period":
        return column
    return f"case when starts_with({column}, '12m-') then '12m' else {column} end"


def digest(names: Iterable[str]) -> str:
    """SQL for what a row is found again by: a number made of columns' values."""
    texts = (f"coalesce('=' || ({_lasting(name)})::varchar, '-')" for name in names)
    return f"md5_number_lower(concat_ws(chr(31), {', '.join(texts)}))"


def said(table: ReleaseTable) -> str:
    """SQL for what a row says of clients."""
    columns = about_clients(table)
    parts = ", ".join(f"{literal(name)}: {_lasting(name)}" for name in columns)
    return f"to_json({{{parts}}})::varchar"


def read_back(table: ReleaseTable, text: str) -> str:
    """SQL for the columns of a row out of what it said: a struct."""
    types = {each.name: each.type for each in table.columns if not each.follows_data}
    return f"from_json({text}, {literal(json.dumps(types))})"


def is_shown(table: ReleaseTable) -> str:
    """SQL for whether a row shows anything."""
    return "not is_suppressed" if "is_suppressed" in table.names else "true"


def sketched(con: duckdb.DuckDBPyConnection) -> None:
    """Tonight's sketches by the digest of their cell, as the table `sketches`; temporary."""
    con.execute(
        f"create or replace temp table sketches as select {digest(CELL)} as cell_digest, sketch "
        "from intermediate.int_cells_sketched"
    )


def has_cells(table: ReleaseTable) -> bool:
    """Whether rows of a table are cells of the marts, some or all."""
    return table.changes_counted in ("by_cell", "by_cell_or_questionnaire")


def shapes() -> str:
    """SQL for a relation: `table_name`, `shape`, `changes_counted` of all tables of measures."""
    rows = ", ".join(
        f"({literal(table.table)}, {literal(shape(table))}, {literal(str(table.changes_counted))})"
        for table in tables_of_measures()
    )
    return f"(values {rows}) as tables (table_name, shape, changes_counted)"


def said_ever(since: int, before: int) -> str:
    """SQL for every row that releases `since <= release_no < before` wrote."""
    return f"""
        select rows.*
        from benchmark.disclosure_measures as rows
        semi join {shapes()} using (table_name, shape)
        where rows.release_no >= {since} and rows.release_no < {before}
        """


def last_said(since: int, before: int) -> str:
    """SQL for the newest of these rows of every key."""
    return f"""
        {said_ever(since, before)}
        qualify row_number() over (
            partition by rows.table_name, rows.row_digest order by rows.release_no desc
        ) = 1
        """


def learn_rows(
    con: duckdb.DuckDBPyConnection, release: duckdb.DuckDBPyConnection, release_no: int
) -> None:
    """Take in what a release's file says of measures. In the caller's transaction.

    Who stood behind its rows is not known any more: tonight's people are taken for them, as
    disclosure_members does.
    """
    sketched(con)
    for table in tables_of_measures():
        cell = digest(CELL) if has_cells(table) else "null::ubigint"
        try:
            found = release.sql(
                f"select {digest(table.key)} as row_digest, {said(table)} as said, "
                f"{cell} as cell_digest from {identifier(table.table)} where {is_shown(table)}"
            ).to_arrow_table()
        except duckdb.Error:
            continue  # of other columns: such rows do not stand anyway
        con.register("found_rows", found)
        con.execute(
            "insert into benchmark.disclosure_measures by name "
            f"select {literal(table.table)} as table_name, rows.row_digest, "
            f"{literal(shape(table))} as shape, rows.said, sketches.sketch, ? as release_no "
            "from found_rows as rows left join sketches using (cell_digest)",
            [release_no],
        )
        con.unregister("found_rows")


def columns_said(table: ReleaseTable, of: Sequence[str]) -> str:
    """SQL for some columns by the names of all, null where a table has none."""
    return ", ".join(
        f"{identifier(name)}::varchar as {identifier(name)}"
        if name in table.names
        else f"null::varchar as {identifier(name)}"
        for name in of
    )
