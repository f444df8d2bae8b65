"""Checked rows into the warehouse: data, quarantine, verdicts and ledger in one transaction.

Whatever kills the process, a delivery is there whole with its ledger row, or not at all.
"""

from collections.abc import Sequence

import duckdb

from expectations.mapping import ONLY_YEAR
from expectations.model import Column, Feed, FeedName
from orchestration.ingest import snapshots, standing
from orchestration.ingest.cells import INVALID_ID, INVALID_SQL, is_sender_id
from orchestration.ingest.conformed import Part
from orchestration.ingest.ledger_rows import Stamp, exported_on, insert_attempt
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.standing import DAY_OF
from orchestration.ingest.verdict_chain import Judged, insert_verdicts
from orchestration.landing import Arrival
from orchestration.sql import identifier, literal
from orchestration.warehouse import transaction

ROWS_A_DELIVERY = 10**10
"""`administration_row` is the delivery's number times this plus the form's place in its part."""
ROWS_A_PART = ROWS_A_DELIVERY // 1000

NAMED_BY: dict[FeedName, str] = {"administrations": "form_key", "process_ratings": "rating_key"}
"""Feeds whose units the sender gives no id of their own -> the column that names them in raw."""


class WithdrawnClientRead(Exception):
    """Rows came to be loaded that no build may see again."""


def next_load_seq(con: duckdb.DuckDBPyConnection) -> int:
    """Number of the next delivery."""
    (row,) = con.execute("select coalesce(max(load_seq), 0) + 1 from raw.deliveries").fetchall()
    return int(row[0])


def load(
    con: duckdb.DuckDBPyConnection,
    feed: Feed,
    arrival: Arrival,
    outcome: Outcome,
    parts: Sequence[Part],
    stamp: Stamp,
    *,
    with_verdicts: bool = True,
) -> None:
    """Write one delivery. `scratch` is attached on `con` when the outcome has accepted rows.

    A refused or dead delivery leaves its ledger row and its verdicts, and nothing else. A rebuild
    that kept the history of verdicts writes none.
    """
    before = standing.place(con, arrival) if snapshots.is_snapshot(arrival) else None
    with transaction(con):
        if outcome.is_loadable:
            if snapshots.is_snapshot(arrival):
                snapshots.begin(con)
            for number, part in enumerate(parts):
                if not (part.is_unknown_instrument or part.holds_only_exclusions):
                    _insert_part(con, feed, arrival, outcome, part, stamp, number)
            if snapshots.is_snapshot(arrival):
                snapshots.note_changes(con, arrival, stamp.load_seq)
            _hold_back_the_withdrawn(con, arrival, stamp)
            _insert_quarantine(con, feed, arrival, outcome, parts, stamp)
        if with_verdicts:
            judged = Judged(
                arrival.practice_id,
                arrival.delivery_id,
                stamp.load_seq,
                arrival.sha256,
                arrival.feed,
            )
            insert_verdicts(
                con,
                [(judged, verdict) for verdict in outcome.verdicts],
                code_version=stamp.code_version,
                registry_digest=stamp.registry_digest,
                checked_at=stamp.replayed_at or stamp.received_at,
            )
        insert_attempt(con, arrival, outcome, stamp)
        if outcome.is_loadable:
            standing.touch(con, arrival, stamp.load_seq, before)


def _date_precision(arrival: Arrival) -> str:
    """`year` where the practice sends years, with or without offsets of its own, else `day`."""
    name = DAY_OF[arrival.feed]
    mappings = arrival.spec.mappings if arrival.spec else ()
    for mapping in (mapping for mapping in mappings if mapping.feed == arrival.feed):
        blocks = (mapping.columns, *(block.columns for block in mapping.forms))
        sources = [columns[name] for columns in blocks if name in columns]
        if any((source.date_format or mapping.date_format) == ONLY_YEAR for source in sources):
            return "year"
    return "day"


def _stored(column: Column) -> str:
    """A canonical column as it is stored.

    What a critical rule let through is readable; a mark that only warned becomes null.
    """
    name = identifier(column.name)
    if column.type == "date":
        return f"case when not isinf({name}) then {name} end"
    if column.type == "integer":
        return f"case when not isinf({name}) then {name}::integer end"
    if column.type == "number":
        return f"case when not isinf({name}) then {name}::decimal(9, 3) end"
    if column.type == "boolean":
        return f"case {name} when 1 then true when 0 then false end"
    invalid = INVALID_ID if is_sender_id(column) else INVALID_SQL
    return f"case when {name} <> {invalid} then {name} end"


def _insert_part(
    con: duckdb.DuckDBPyConnection,
    feed: Feed,
    arrival: Arrival,
    outcome: Outcome,
    part: Part,
    stamp: Stamp,
    number: int,
) -> None:
    schema = f"scratch.{identifier(outcome.schema)}"
    day_of_export = exported_on(arrival, outcome)
    exported = f"date '{day_of_export}'" if day_of_export else "null::date"
    first = stamp.load_seq * ROWS_A_DELIVERY + number * ROWS_A_PART
    # The same number for a form in both statements: a scratch table is written once and read only.
    accepted = f"""(
        select {first} + rowid as administration_row, *
        from {schema}.{identifier(part.table)}
        where excluded is null and row_no not in (
            select row_no from {schema}.quarantine where part = {literal(part.table)}
        )
    )"""
    values = {
        "practice_id": literal(arrival.practice_id),
        "delivery_id": literal(arrival.delivery_id),
        "load_seq": str(stamp.load_seq),
        "row_no": "row_no",
        "exported_on": exported,
        **{column.stored_name: _stored(column) for column in feed.columns},
    }
    values["date_precision"] = (
        f"case when {values[DAY_OF[feed.feed]]} is null then 'none' "
        f"else {literal(_date_precision(arrival))} end"
    )
    if "use_permission" in values:
        default = arrival.contract.default_use_permission if arrival.contract else "none"
        values["use_permission"] = f"coalesce({values['use_permission']}, {literal(default)})"
    if feed.feed in NAMED_BY:
        values[NAMED_BY[feed.feed]] = "unit_key"
    if part.instrument is not None:
        values |= {
            "administration_row": "administration_row",
            "instrument_code": literal(part.instrument.instrument_code),
            "version": literal(part.instrument.version),
            "language": literal(str(part.language)),
            "informant": literal(str(part.informant)),
        }
    if snapshots.is_snapshot(arrival):
        day = values[DAY_OF[feed.feed]]
        accepted = snapshots.new_versions(con, arrival, part, number, accepted, values, day)
        values["row_hash"] = "row_hash"
    selected = ", ".join(f"{value} as {identifier(name)}" for name, value in values.items())
    con.execute(
        f"insert into raw.{identifier(feed.feed)} by name select {selected} from {accepted}"
    )
    if part.items:
        con.execute(
            f"""
            insert into raw.answers
            select administration_row, {stamp.load_seq}, item_no::utinyint, value::decimal(9, 3)
            from (
                select
                    administration_row,
                    unnest(range(1, {len(part.items) + 1})) as item_no,
                    unnest([{", ".join(part.items)}]) as value
                from {accepted}
            )
            where value is not null
            """
        )


def _hold_back_the_withdrawn(
    con: duckdb.DuckDBPyConnection, arrival: Arrival, stamp: Stamp
) -> None:
    """The reader leaves them out and counts them; a caller that did not name them to it must not
    bring a client back."""
    ((n_rows,),) = con.execute(
        f"select count(*) from raw.{identifier(arrival.feed)} where load_seq = ? and "
        "(practice_id, client_key) in (select practice_id, client_key from quality.withdrawals)",
        [stamp.load_seq],
    ).fetchall()
    if n_rows:
        raise WithdrawnClientRead(
            f"{n_rows} rows of clients who withdrew were read from delivery "
            f"{arrival.delivery_id}; nothing of it was loaded; this is a fault of the software"
        )


def _insert_quarantine(
    con: duckdb.DuckDBPyConnection,
    feed: Feed,
    arrival: Arrival,
    outcome: Outcome,
    parts: Sequence[Part],
    stamp: Stamp,
) -> None:
    schema = f"scratch.{identifier(outcome.schema)}"
    found = con.execute(f"select distinct part from {schema}.quarantine").fetchall()
    client = next(_stored(column) for column in feed.columns if column.name == "client_id")
    for part in parts:
        if (part.table,) not in found:
            continue
        # A row that was read no further is nobody's.
        is_unread = part.is_unknown_instrument or part.holds_only_exclusions
        client_key = "null::uuid" if is_unread else client
        con.execute(
            f"""
            insert into quality.quarantine by name
            select
                ? as practice_id,
                ? as delivery_id,
                ?::bigint as load_seq,
                ? as feed,
                failed.instrument_code,
                failed.row_no,
                failed.check_id,
                failed.column_name,
                units.unit_key,
                units.client_key
            from {schema}.quarantine as failed
            left join (
                select row_no, {_unit(feed, part)} as unit_key, {client_key} as client_key
                from {schema}.{identifier(part.table)} where excluded is null
            ) as units on failed.row_no = units.row_no
            where failed.part = ?
            """,
            [arrival.practice_id, arrival.delivery_id, stamp.load_seq, arrival.feed, part.table],
        )


def _unit(feed: Feed, part: Part) -> str:
    """What names a unit in raw, as SQL over a conformed table."""
    if part.is_unknown_instrument or part.holds_only_exclusions:
        return "null::uuid"
    if feed.feed in NAMED_BY:
        return "unit_key"
    own = f"{feed.feed.removesuffix('s')}_id"
    return next(_stored(column) for column in feed.columns if column.name == own)
