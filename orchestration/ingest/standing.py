"""Which clients a delivery moves: those for whom other rows may stand than before it.

Which rows stand is decided in the views `raw.deliveries_ordered` and its neighbours (standing.sql)
and in the models that read them. Here only those clients are found whose rows are made anew.
"""

from dataclasses import dataclass
from datetime import date

import duckdb

from expectations.model import FeedName
from orchestration.ingest import snapshots
from orchestration.landing import Arrival
from orchestration.sql import identifier, literal

DAY_OF: dict[FeedName, str] = {
    "episodes": "opened_on",
    "sessions": "scheduled_on",
    "administrations": "completed_on",
    "process_ratings": "rated_on",
}
"""The feed's own day."""


@dataclass(frozen=True)
class Place:
    """Where a delivery stands: its load and place in the order, and which snapshot of its kind of
    file is in force."""

    order: tuple[int, date | None, int] | None
    newest_snapshot: int | None


def place(con: duckdb.DuckDBPyConnection, arrival: Arrival) -> Place:
    """Asked before and after; the difference is what a delivery did."""
    found = con.execute(
        "select load_seq, last_exported_on, placed_seq from raw.deliveries_ordered "
        "where delivery_id = ? and version_rank is not null",
        [arrival.delivery_id],
    ).fetchall()
    newest = con.execute(
        "select load_seq from raw.deliveries_ordered where practice_id = ? and feed = ? "
        "and file is not distinct from ? and is_newest_snapshot",
        [arrival.practice_id, arrival.feed, arrival.spec.file if arrival.spec else None],
    ).fetchall()
    return Place(found[0] if found else None, newest[0][0] if newest else None)


def touch(
    con: duckdb.DuckDBPyConnection, arrival: Arrival, load_seq: int, before: Place | None
) -> None:
    """Write the clients for whom the ledger's row `load_seq` makes other rows stand.

    The row is in the ledger already, with its rows, or as the arrival of bytes that were loaded
    before. `before` is the delivery's place before that; a load of anything but a snapshot has no
    need of it. More clients than needed cost time, one too few would be a wrong number.
    """
    after = place(con, arrival) if before is not None else None
    if before is not None and after == before:
        return
    moved = " or ".join(f"({condition})" for condition in _moved(con, arrival, before, after))
    if not moved:
        return
    feed, practice = identifier(arrival.feed), literal(arrival.practice_id)
    # An episode may come back under another client: all who ever had it are touched.
    others = (
        "union select client_key from raw.episodes where episode_key in "
        "(select episode_key from moved)"
        if arrival.feed == "episodes"
        else ""
    )
    con.execute(
        f"""
        insert into raw.touched_clients
        with moved as (
            select * from raw.{feed} where practice_id = {practice} and ({moved})
        )
        select {load_seq}, {practice}, client_key
        from (select client_key from moved {others}) group by client_key
        """
    )
    _touch_units(con, practice, load_seq)


def _touch_units(con: duckdb.DuckDBPyConnection, practice: str, load_seq: int) -> None:
    """Touch the members of units that were touched, and the units of members.

    A row that names the couple alone has the couple for its client; a member's form belongs to it
    by the session's or the episode's id. So neither is made anew without the other.
    """
    con.execute(
        f"""
        insert into raw.touched_clients
        with of_units as (
            select client_key as unit_key, session_key, null::uuid as episode_key
            from raw.sessions where practice_id = {practice} and client_key = unit_key
            union
            select client_key, null, episode_key
            from raw.episodes where practice_id = {practice} and client_key = unit_key
        ),
        members as (
            select forms.client_key, units.unit_key
            from raw.administrations as forms
            inner join of_units as units on forms.session_key = units.session_key
            where forms.practice_id = {practice}
            union
            select forms.client_key, units.unit_key
            from raw.administrations as forms
            inner join of_units as units on forms.episode_key = units.episode_key
            where forms.practice_id = {practice}
        ),
        touched as (select client_key from raw.touched_clients where load_seq = {load_seq})
        select {load_seq}, {practice}, client_key
        from (
            select client_key from members where unit_key in (select client_key from touched)
            union
            select unit_key from members where client_key in (select client_key from touched)
        )
        where client_key not in (select client_key from touched)
        """
    )


def _moved(
    con: duckdb.DuckDBPyConnection, arrival: Arrival, before: Place | None, after: Place | None
) -> list[str]:
    """Conditions on the feed's table: rows that may stand now and did not, or the reverse."""
    loads = con.execute(
        "select load_seq, delivery_id, delivery_scope, period_on, period_from_on, period_to_on, "
        "file is not distinct from ? from raw.deliveries "
        "where practice_id = ? and feed = ? and state = 'loaded' order by load_seq",
        [arrival.spec.file if arrival.spec else None, arrival.practice_id, arrival.feed],
    ).fetchall()
    mine = [row for row in loads if row[1] == arrival.delivery_id]
    _, _, scope, on, first, last, _ = mine[-1]
    conditions = [_loaded_as([row[0] for row in mine if row[2] != "snapshot"])]
    if scope == "period" and first is not None:
        day = f"coalesce({identifier(on or DAY_OF[arrival.feed])}, date '{first}')"
        conditions.append(f"{day} between date '{first}' and date '{last}'")
    if scope == "snapshot" and before is not None and after is not None:
        conditions += _of_snapshots(arrival, before, after)
        if before.newest_snapshot != after.newest_snapshot:
            # What this kind of file sent before it became a snapshot is put out by the first one.
            plain = [row[0] for row in loads if row[6] and row[2] != "snapshot"]
            conditions.append(_loaded_as(plain))
        if not all(row[6] for row in loads):
            # The same snapshot under a newer date outdoes what other kinds of file say.
            conditions.append(f"row_hash in ({snapshots.held_at(mine[-1][0], arrival)})")
    return [condition for condition in conditions if condition]


def _of_snapshots(arrival: Arrival, before: Place, after: Place) -> list[str]:
    """Rows that are in one of two snapshots and not in the other."""
    if before.newest_snapshot == after.newest_snapshot:
        return []
    one, other = (
        snapshots.held_at(each or 0, arrival)
        for each in (before.newest_snapshot, after.newest_snapshot)
    )
    return [
        f"row_hash in ({one} except {other})",
        f"row_hash in ({other} except {one})",
    ]


def _loaded_as(load_seqs: list[int]) -> str:
    return f"load_seq in ({', '.join(map(str, load_seqs))})" if load_seqs else ""
