"""Checked rows into the warehouse: data, quarantine, verdicts and ledger in one transaction.

Whatever kills the process, a delivery is there whole with its ledger row, or not at all.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from expectations.model import Column, Feed
from orchestration.ingest.cells import INVALID_ID, INVALID_SQL, is_sender_id
from orchestration.ingest.conformed import Part
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.privacy import is_showable
from orchestration.landing import Arrival
from orchestration.sql import identifier, literal
from orchestration.warehouse import transaction

ROWS_A_DELIVERY = 10**10
"""`administration_row` is the delivery's number times this plus the form's place in its part."""
ROWS_A_PART = ROWS_A_DELIVERY // 1000
FIRST_HASH = "0" * 64
_DAY_OF = {"episodes": "opened_on", "sessions": "scheduled_on", "administrations": "completed_on"}


class WithdrawnClientRead(Exception):
    """Rows came to be loaded that no build may see again."""


@dataclass(frozen=True)
class Stamp:
    """What is written beside every row of one delivery."""

    load_seq: int
    received_at: datetime
    """UTC, without its zone."""
    received_on: date
    """The group's local date at that time."""
    code_version: str
    registry_digest: str
    contract_digest: str
    n_attempts: int


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
) -> None:
    """Write one delivery. `scratch` is attached on `con` when the outcome has accepted rows.

    A refused or dead delivery leaves its ledger row and its verdicts, and nothing else.
    """
    with transaction(con):
        if outcome.is_loadable:
            for number, part in enumerate(parts):
                if not (part.is_unknown_instrument or part.holds_only_exclusions):
                    _insert_part(con, feed, arrival, outcome, part, stamp, number)
            _hold_back_the_withdrawn(con, arrival, stamp)
            _insert_quarantine(con, feed, arrival, outcome, parts, stamp)
            _insert_touched(con, arrival, stamp)
        _insert_verdicts(con, arrival, outcome, stamp)
        _insert_ledger(con, arrival, outcome, stamp)


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
    exported = f"date '{arrival.exported_on}'" if arrival.exported_on else "null::date"
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
        f"case when {values[_DAY_OF[feed.feed]]} is null then 'none' else 'day' end"
    )
    if "use_permission" in values:
        default = arrival.contract.default_use_permission if arrival.contract else "none"
        values["use_permission"] = f"coalesce({values['use_permission']}, {literal(default)})"
    if part.instrument is not None:
        values |= {
            "administration_row": "administration_row",
            "form_key": "unit_key",
            "instrument_code": literal(part.instrument.instrument_code),
            "version": literal(part.instrument.version),
            "language": literal(str(part.language)),
            "informant": literal(str(part.informant)),
        }
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
    client = next(_stored(column) for column in feed.columns if column.name == "client_id")
    for part in (each for each in parts if not each.holds_only_exclusions):
        # A row of an unknown questionnaire was read no further: nobody's.
        client_key = "null::uuid" if part.is_unknown_instrument else client
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
                units.client_key
            from {schema}.quarantine as failed
            left join (
                select row_no, {client_key} as client_key
                from {schema}.{identifier(part.table)} where excluded is null
            ) as units on failed.row_no = units.row_no
            where failed.part = ?
            """,
            [arrival.practice_id, arrival.delivery_id, stamp.load_seq, arrival.feed, part.table],
        )


def _insert_touched(con: duckdb.DuckDBPyConnection, arrival: Arrival, stamp: Stamp) -> None:
    con.execute(
        f"""
        insert into raw.touched_clients
        select distinct load_seq, practice_id, client_key
        from raw.{identifier(arrival.feed)} where load_seq = $load_seq
        """,
        {"load_seq": stamp.load_seq},
    )
    if arrival.feed == "episodes":
        # An episode that came back under another client takes a row away from the former one.
        con.execute(
            """
            insert into raw.touched_clients
            select distinct $load_seq::bigint, former.practice_id, former.client_key
            from raw.episodes as former
            semi join raw.episodes as latest
                on former.episode_key = latest.episode_key and latest.load_seq = $load_seq
            where former.load_seq < $load_seq and former.client_key not in (
                select client_key from raw.touched_clients where load_seq = $load_seq
            )
            """,
            {"load_seq": stamp.load_seq},
        )


def _insert_verdicts(
    con: duckdb.DuckDBPyConnection, arrival: Arrival, outcome: Outcome, stamp: Stamp
) -> None:
    last = con.execute(
        "select check_seq, row_hash from quality.check_results order by check_seq desc limit 1"
    ).fetchall()
    check_seq, previous = last[0] if last else (0, FIRST_HASH)
    rows = []
    for verdict in outcome.verdicts:
        check_seq += 1
        row = (
            check_seq,
            verdict.check_id,
            arrival.practice_id,
            arrival.delivery_id,
            stamp.load_seq,
            arrival.sha256,
            arrival.feed,
            verdict.instrument_code,
            verdict.column,
            verdict.rule,
            verdict.rule_version,
            verdict.rule_text,
            verdict.category,
            verdict.severity,
            verdict.threshold,
            verdict.n_evaluated,
            verdict.n_failed,
            verdict.failed_share,
            verdict.status,
            verdict.message,
            stamp.code_version,
            stamp.registry_digest,
            stamp.received_at,
            previous,
        )
        previous = chained_hash(row)
        rows.append((*row, previous))
    if rows:
        # One statement: the engine's price is by the statement, not by the row.
        marks = "(" + ", ".join(["?"] * len(rows[0])) + ")"
        con.execute(
            f"insert into quality.check_results values {', '.join([marks] * len(rows))}",
            [cell for row in rows for cell in row],
        )


def chained_hash(row: Sequence[object]) -> str:
    """SHA-256 over a verdict's columns, the previous row's hash included.

    A row edited later no longer gives the hash that the next one carries.
    """
    text = json.dumps([None if cell is None else str(cell) for cell in row])
    return hashlib.sha256(text.encode()).hexdigest()


def _insert_ledger(
    con: duckdb.DuckDBPyConnection, arrival: Arrival, outcome: Outcome, stamp: Stamp
) -> None:
    day = _DAY_OF[arrival.feed]
    first, last = (None, None)
    if outcome.is_loadable:
        ((first, last),) = con.execute(
            f"select min({day}), max({day}) from raw.{identifier(arrival.feed)} where load_seq = ?",
            [stamp.load_seq],
        ).fetchall()
    row = {
        "load_seq": stamp.load_seq,
        "delivery_id": arrival.delivery_id,
        "practice_id": arrival.practice_id,
        "feed": arrival.feed,
        "file": arrival.spec.file if arrival.spec else None,
        "file_name": arrival.path.name if is_showable(arrival.path.name) else None,
        "file_sha256": arrival.sha256,
        "file_bytes": outcome.n_bytes,
        "state": outcome.state,
        "reason": outcome.reason,
        "message": outcome.message,
        "n_rows_read": outcome.n_rows_read,
        "n_accepted": outcome.n_accepted,
        "n_quarantined": outcome.n_quarantined,
        "n_excluded": outcome.n_excluded,
        "exclusions": json.dumps(outcome.exclusions, sort_keys=True),
        "is_over_tolerance": outcome.is_over_tolerance,
        "exported_on": arrival.exported_on,
        "received_at": stamp.received_at,
        "delivery_scope": arrival.spec.delivery_scope if arrival.spec else None,
        "contract_valid_from": arrival.contract.valid_from if arrival.contract else None,
        "contract_digest": stamp.contract_digest,
        "registry_digest": stamp.registry_digest,
        "code_version": stamp.code_version,
        "data_from_on": first,
        "data_through_on": last,
        "n_attempts": stamp.n_attempts,
        "n_file_rows": outcome.n_file_rows,
        "received_on": stamp.received_on,
    }
    marks = ", ".join(["?"] * len(row))
    con.execute(
        f"insert into raw.deliveries ({', '.join(row)}) values ({marks})", list(row.values())
    )
