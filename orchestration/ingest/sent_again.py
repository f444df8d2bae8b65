"""Bytes that are loaded and came again: a fact for the ledger, and perhaps a newer export.

A practice whose file did not change has still delivered, and a correction that is taken back comes
as bytes that were loaded before under a newer date.
"""

from collections.abc import Iterable

import duckdb

from orchestration.ingest import standing
from orchestration.ingest.ledger_rows import Stamp, insert_duplicate
from orchestration.ingest.privacy import is_showable
from orchestration.landing import Arrival
from orchestration.warehouse import transaction


def not_noted(con: duckdb.DuckDBPyConnection, arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Those that the ledger does not know, oldest export first.

    A file of the same name that was last written at the same time is the one that was loaded: a
    killed run leaves it in landing.
    """
    found = sorted(arrivals, key=lambda a: (a.exported_on is not None, a.exported_on, a.path.name))
    rows = con.execute(
        "select delivery_id, file_name, file_modified_at from raw.deliveries "
        "where state in ('loaded', 'duplicate') and list_contains(?, delivery_id)",
        [[arrival.delivery_id for arrival in found]],
    ).fetchall()
    exactly, by_name = set(rows), {row[:2] for row in rows if row[2] is None}
    fresh: list[Arrival] = []
    for arrival in found:
        name = arrival.path.name if is_showable(arrival.path.name) else None
        seen = (arrival.delivery_id, name, arrival.modified_at)
        if seen not in exactly and seen[:2] not in by_name:
            fresh.append(arrival)
    return fresh


def note(con: duckdb.DuckDBPyConnection, arrival: Arrival, stamp: Stamp) -> None:
    """Write the arrival, and the clients for whom other rows stand by it, in one transaction."""
    with transaction(con):
        before = standing.place(con, arrival)
        insert_duplicate(con, arrival, stamp)
        standing.touch(con, arrival, stamp.load_seq, before)
