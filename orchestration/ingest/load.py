"""Checked rows into the warehouse: data, quarantine, verdicts and ledger in one transaction.

Whatever kills the process, a delivery is there whole with its ledger row, or not at all.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from orchestration.ingest.conform import Part
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.privacy import is_showable
from orchestration.landing import Arrival
from orchestration.sql import identifier, literal
from orchestration.warehouse import transaction

ROWS_A_DELIVERY = 10**10
"""`administration_row` is the delivery's number times this plus a running number: unique for good."""
FIRST_HASH = "0" * 64

_COMMON = "practice_id, delivery_id, load_seq, row_no, exported_on"
_EPISODES = (
    "episode_key, client_key, unit_key, site_id, therapist_key, opened_on, closed_on, "
    "date_precision, state, ending_code, service_type, modality, planned_sessions, "
    "agreed_interval_days, age_band_at_intake, gender, language, problem_group, use_permission, "
    "prior_episodes"
)
_SESSIONS = (
    "session_key, client_key, unit_key, episode_key, therapist_key, site_id, scheduled_on, "
    "date_precision, attendance, session_type, delivery_mode, stated_number, planned_minutes, "
    "actual_minutes, group_session_key, interpreter"
)
_ADMINISTRATIONS = (
    "form_key, administration_key, client_key, respondent, episode_key, session_key, occasion, "
    "rated_therapist_key, rater_key, instrument_code, version, language, informant, status, "
    "completed_on, date_precision, timing, collection_mode, seen_by_therapist, stated_total"
)
_DATES = {"episodes": "opened_on", "sessions": "scheduled_on", "administrations": "completed_on"}


@dataclass(frozen=True)
class Stamp:
    """What is written beside every row of one delivery."""

    load_seq: int
    received_at: datetime
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
                    _insert_part(con, arrival, outcome, part, stamp, number)
            _insert_quarantine(con, arrival, outcome, stamp)
            _insert_touched(con, arrival, stamp)
        _insert_verdicts(con, arrival, outcome, stamp)
        _insert_ledger(con, arrival, outcome, stamp)


def _accepted(outcome: Outcome, part: Part) -> str:
    table = f"scratch.{identifier(outcome.schema)}.{identifier(part.table)}"
    quarantine = f"scratch.{identifier(outcome.schema)}.quarantine"
    return (
        f"(select * from {table} where excluded is null and row_no not in "
        f"(select row_no from {quarantine} where part = {literal(part.table)}))"
    )


def _common(arrival: Arrival, stamp: Stamp) -> str:
    exported = f"date '{arrival.exported_on}'" if arrival.exported_on else "null::date"
    return (
        f"{literal(arrival.practice_id)} as practice_id, {literal(arrival.delivery_id)} as "
        f"delivery_id, {stamp.load_seq} as load_seq, row_no, {exported} as exported_on"
    )


def _word(name: str) -> str:
    """An enumeration or id; an invalid one that a mere warning let through is null."""
    return f"(case when {name} <> (chr(1) || 'invalid') then {name} end)"


def _whole(name: str) -> str:
    return f"(case when not isinf({name}) then {name}::integer end)"


def _day(name: str) -> str:
    return f"(case when not isinf({name}) then {name} end)"


def _flag(name: str) -> str:
    return f"(case {name} when 1 then true when 0 then false end)"


def _decimal(name: str) -> str:
    return f"(case when not isinf({name}) then {name}::decimal(9, 3) end)"


def _precision(name: str) -> str:
    return f"case when {_day(name)} is null then 'none' else 'day' end"


def _insert_part(
    con: duckdb.DuckDBPyConnection,
    arrival: Arrival,
    outcome: Outcome,
    part: Part,
    stamp: Stamp,
    number: int,
) -> None:
    rows, common = _accepted(outcome, part), _common(arrival, stamp)
    if part.feed == "episodes":
        con.execute(
            f"insert into raw.episodes ({_COMMON}, {_EPISODES}) select {common}, episode_id, client_id, "
            f"{_word('unit_id')}, site_id, {_word('therapist_id')}, {_day('opened_on')}, "
            f"{_day('closed_on')}, {_precision('opened_on')}, {_word('state')}, {_word('ending_code')}, "
            f"{_word('service_type')}, {_word('modality')}, {_whole('planned_sessions')}, "
            f"{_whole('agreed_interval_days')}, {_word('age_band_at_intake')}, {_word('gender')}, "
            f"{_word('language')}, {_word('problem_group')}, "
            f"coalesce({_word('use_permission')}, {literal(_permission(arrival))}), "
            f"{_whole('prior_episodes')} from {rows}"
        )
    elif part.feed == "sessions":
        con.execute(
            f"insert into raw.sessions ({_COMMON}, {_SESSIONS}) select {common}, session_id, client_id, "
            f"{_word('unit_id')}, {_word('episode_id')}, {_word('therapist_id')}, site_id, "
            f"{_day('scheduled_on')}, {_precision('scheduled_on')}, {_word('attendance')}, "
            f"{_word('session_type')}, {_word('delivery_mode')}, {_whole('stated_number')}, "
            f"{_whole('planned_minutes')}, {_whole('actual_minutes')}, {_word('group_session_id')}, "
            f"{_flag('interpreter')} from {rows}"
        )
    else:
        _insert_forms(con, part, rows, common, stamp, number)


def _permission(arrival: Arrival) -> str:
    return arrival.contract.default_use_permission if arrival.contract else "none"


def _insert_forms(
    con: duckdb.DuckDBPyConnection,
    part: Part,
    rows: str,
    common: str,
    stamp: Stamp,
    number: int,
) -> None:
    assert part.instrument is not None
    assert part.language is not None
    assert part.informant is not None
    # The table's own row id makes the running number; a part of a delivery gets a range of its own.
    first = stamp.load_seq * ROWS_A_DELIVERY + number * (ROWS_A_DELIVERY // 1000)
    row = f"({first} + form_no)"
    numbered = f"(select *, row_number() over () as form_no from {rows})"
    con.execute(
        f"create or replace temp table accepted_forms as select {row} as administration_row, "
        f"* from {numbered}"
    )
    con.execute(
        f"insert into raw.administrations (administration_row, {_COMMON}, {_ADMINISTRATIONS}) select "
        f"administration_row, {common}, unit_key, {_word('administration_id')}, client_id, "
        f"{_word('respondent')}, {_word('episode_id')}, {_word('session_id')}, {_whole('occasion')}, "
        f"{_word('rated_therapist_id')}, {_word('rater_id')}, {literal(part.instrument.instrument_code)}, "
        f"{literal(part.instrument.version)}, {literal(part.language)}, {literal(part.informant)}, "
        f"{_word('status')}, {_day('completed_on')}, {_precision('completed_on')}, {_word('timing')}, "
        f"{_word('collection_mode')}, {_flag('seen_by_therapist')}, {_decimal('stated_total')} "
        "from accepted_forms"
    )
    if part.items:
        con.execute(
            f"insert into raw.answers select administration_row, {stamp.load_seq}, "
            f"item_no::utinyint, value::decimal(9, 3) from (select administration_row, "
            f"unnest(range(1, {len(part.items) + 1})) as item_no, "
            f"unnest([{', '.join(part.items)}]) as value from accepted_forms) where value is not null"
        )
    con.execute("drop table accepted_forms")


def _insert_quarantine(
    con: duckdb.DuckDBPyConnection, arrival: Arrival, outcome: Outcome, stamp: Stamp
) -> None:
    con.execute(
        f"insert into quality.quarantine select {literal(arrival.practice_id)}, "
        f"{literal(arrival.delivery_id)}, {stamp.load_seq}, {literal(arrival.feed)}, "
        f"instrument_code, row_no, check_id, column_name "
        f"from scratch.{identifier(outcome.schema)}.quarantine"
    )


def _insert_touched(con: duckdb.DuckDBPyConnection, arrival: Arrival, stamp: Stamp) -> None:
    rows = f"select load_seq, practice_id, client_key from raw.{identifier(arrival.feed)}"
    con.execute(
        f"insert into raw.touched_clients select distinct * from ({rows} where load_seq = {stamp.load_seq})"
    )
    if arrival.feed == "episodes":
        # An episode that came back under another client takes a row away from the former one.
        con.execute(
            f"insert into raw.touched_clients select distinct {stamp.load_seq}, practice_id, client_key "
            f"from raw.episodes where load_seq < {stamp.load_seq} and episode_key in "
            f"(select episode_key from raw.episodes where load_seq = {stamp.load_seq}) and client_key "
            f"not in (select client_key from raw.touched_clients where load_seq = {stamp.load_seq})"
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
        marks = ", ".join(["?"] * len(rows[0]))
        con.executemany(f"insert into quality.check_results values ({marks})", rows)


def chained_hash(row: Sequence[object]) -> str:
    """SHA-256 over a verdict's columns, the previous row's hash included.

    A row edited later no longer gives the hash that the next one carries.
    """
    text = json.dumps([None if cell is None else str(cell) for cell in row])
    return hashlib.sha256(text.encode()).hexdigest()


def _insert_ledger(
    con: duckdb.DuckDBPyConnection, arrival: Arrival, outcome: Outcome, stamp: Stamp
) -> None:
    day = _DATES[arrival.feed]
    first, last = (None, None)
    if outcome.is_loadable:
        ((first, last),) = con.execute(
            f"select min({day}), max({day}) from raw.{identifier(arrival.feed)} where load_seq = ?",
            [stamp.load_seq],
        ).fetchall()
    row = (
        stamp.load_seq,
        arrival.delivery_id,
        arrival.practice_id,
        arrival.feed,
        arrival.spec.file if arrival.spec else None,
        arrival.path.name if is_showable(arrival.path.name) else None,
        arrival.sha256,
        outcome.n_bytes,
        outcome.state,
        outcome.reason,
        outcome.message,
        outcome.n_rows_read,
        outcome.n_accepted,
        outcome.n_quarantined,
        outcome.n_excluded,
        json.dumps(outcome.exclusions, sort_keys=True),
        outcome.is_over_tolerance,
        arrival.exported_on,
        stamp.received_at,
        arrival.spec.delivery_scope if arrival.spec else None,
        arrival.contract.valid_from if arrival.contract else None,
        stamp.contract_digest,
        stamp.registry_digest,
        stamp.code_version,
        first,
        last,
        stamp.n_attempts,
    )
    marks = ", ".join(["?"] * len(row))
    con.execute(f"insert into raw.deliveries values ({marks})", list(row))
