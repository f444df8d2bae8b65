"""A feed that repeats its whole list: only versions of rows that are new are stored.

What a snapshot holds is kept as changes against the one loaded before it, so a night in which
nothing changed costs one line of the ledger, and each snapshot can still be told row by row.
"""

from collections.abc import Mapping

import duckdb

from orchestration.ingest.conformed import Part, key
from orchestration.landing import Arrival
from orchestration.sql import identifier, literal

SENT_ROWS = "snapshot_sent_rows"
_NOT_CONTENT = (
    *("practice_id", "delivery_id", "load_seq", "row_no", "exported_on", "administration_row"),
)
"""Stored columns in which two equal rows may differ."""


def is_snapshot(arrival: Arrival) -> bool:
    """Whether a file repeats the whole list of its feed."""
    return arrival.spec is not None and arrival.spec.delivery_scope == "snapshot"


def begin(con: duckdb.DuckDBPyConnection) -> None:
    """Make the connection's table of what the snapshot holds."""
    con.execute(
        f"create or replace temp table {SENT_ROWS} (part integer, administration_row bigint, "
        "row_hash uuid, day date, is_new boolean)"
    )


def new_versions(
    con: duckdb.DuckDBPyConnection,
    arrival: Arrival,
    part: Part,
    number: int,
    accepted: str,
    stored: Mapping[str, str],
    day: str,
) -> str:
    """The accepted rows of one part that are not stored yet, as a relation with `row_hash`.

    `accepted` is a relation that has `administration_row`, `stored` what is stored of it, by
    column, and `day` the row's day. Notes every row, new or not, as one the snapshot holds.
    """
    assert arrival.spec is not None
    content = [sql for name, sql in stored.items() if name not in _NOT_CONTENT]
    digest = key([literal(arrival.practice_id), literal(arrival.spec.file), *content, *part.items])
    con.execute(
        f"""
        insert into {SENT_ROWS}
        select {number}, sent.*, sent.row_hash not in (
            select row_hash from raw.{identifier(arrival.feed)}
            where practice_id = {literal(arrival.practice_id)} and row_hash is not null
        )
        from (
            select administration_row, {digest} as row_hash, {day} as day from {accepted}
        ) as sent
        """
    )
    return f"""(
        select accepted.*, sent.row_hash
        from {accepted} as accepted
        inner join {SENT_ROWS} as sent
            on sent.part = {number} and accepted.administration_row = sent.administration_row
        where sent.is_new
    )"""


def held_at(load_seq: int, arrival: Arrival) -> str:
    """The digests of the rows that a kind of file's snapshot of that number holds, as a query."""
    return f"""
        select row_hash
        from (
            select row_hash, is_in, row_number() over (
                partition by row_hash order by load_seq desc
            ) as change_no
            from raw.snapshot_changes
            where {_kind(arrival)} and load_seq <= {load_seq}
        )
        where change_no = 1 and is_in
        """


def note_changes(con: duckdb.DuckDBPyConnection, arrival: Arrival, load_seq: int) -> None:
    """Keep what differs between the snapshot and the one loaded before it."""
    assert arrival.spec is not None
    names = ", ".join(literal(n) for n in (arrival.practice_id, arrival.feed, arrival.spec.file))
    con.execute(
        f"""
        insert into raw.snapshot_changes
        with before as materialized ({held_at(load_seq - 1, arrival)}),
        sent as materialized (select distinct row_hash from {SENT_ROWS})
        select {load_seq}, {names}, row_hash, true from sent
        where row_hash not in (select row_hash from before)
        union all
        select {load_seq}, {names}, row_hash, false from before
        where row_hash not in (select row_hash from sent)
        """
    )


def first_and_last_day(con: duckdb.DuckDBPyConnection) -> tuple[object, object]:
    """Of the rows the snapshot holds, stored tonight or earlier."""
    ((first, last),) = con.execute(f"select min(day), max(day) from {SENT_ROWS}").fetchall()
    return first, last


def _kind(arrival: Arrival) -> str:
    assert arrival.spec is not None
    return (
        f"practice_id = {literal(arrival.practice_id)} and feed = {literal(arrival.feed)} "
        f"and file = {literal(arrival.spec.file)}"
    )
