"""The registry as tables, so that SQL may know what the declarations say.

dbt knows no practice and no instrument by name; it joins these tables. They are rewritten whole.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import duckdb

from expectations.frozen_reference import FrozenReference
from expectations.model import NOT_RECORDED, Thresholds
from expectations.practice import Contract, Practice
from expectations.registry import Registry
from expectations.schedule import AGE_BANDS, Schedule
from orchestration.reference_instruments import INSTRUMENT_TABLES, write_instruments
from orchestration.reference_rows import Row, insert_rows
from orchestration.warehouse import read_sql

REFERENCE_TABLES: tuple[str, ...] = (
    "practices",
    "sites",
    "schedules",
    "schedule_sessions",
    "schedule_sites",
    "schedule_service_types",
    "schedule_exemptions",
    "episode_derivations",
    *INSTRUMENT_TABLES,
    "settings",
    "period_kinds",
    "metrics",
    "frozen_norms",
)
"""Tables of the schema `reference` that dbt reads; `registry` beside them holds the digest."""


def write_reference(con: duckdb.DuckDBPyConnection, registry: Registry) -> None:
    """Replace every reference table by what the registry declares.

    A practice whose declaration is broken keeps the rows it had: it keeps its last good data until
    somebody mends the file. The caller's transaction makes the change one step.
    """
    kept = _rows_of(con, registry.broken)
    con.execute(read_sql("reference.sql"))
    practices = registry.practices.values()
    insert_rows(con, "practices", ((p.practice_id, p.name) for p in practices))
    insert_rows(con, "sites", (row for p in practices for row in _sites(p)))
    for practice in practices:
        _write_schedules(con, practice)
    insert_rows(con, "episode_derivations", (row for p in practices for row in _derivations(p)))
    write_instruments(con, registry.instruments.values())
    insert_rows(con, "settings", [_settings(registry.group.thresholds)])
    insert_rows(con, "period_kinds", ((kind,) for kind in registry.group.periods))
    insert_rows(
        con,
        "metrics",
        (
            (
                each.metric,
                each.aggregation,
                each.is_per_instrument,
                each.has_distribution,
                each.minimum_units,
            )
            for each in registry.metrics
        ),
    )
    insert_rows(con, "frozen_norms", _norms(registry.references))
    insert_rows(con, "registry", [(registry.digest,)])
    for table, rows in kept.items():
        insert_rows(con, table, rows)


def _rows_of(
    con: duckdb.DuckDBPyConnection, practice_ids: Iterable[str]
) -> dict[str, Sequence[Row]]:
    names = list(practice_ids)
    tables = con.execute(
        "select table_name from information_schema.columns "
        "where table_schema = 'reference' and column_name = 'practice_id'"
    ).fetchall()
    return {
        table: con.execute(
            f"select * from reference.{table} where list_contains(?, practice_id)", [names]
        ).fetchall()
        for (table,) in tables
    }


def _sites(practice: Practice) -> list[Row]:
    return [
        (
            practice.practice_id,
            site.site_id,
            site.name,
            site.service_setting,
            site.peer_group,
            site.open_from,
            site.open_to,
        )
        for site in practice.sites
    ]


def _write_schedules(con: duckdb.DuckDBPyConnection, practice: Practice) -> None:
    sites = [site.site_id for site in practice.sites]
    schedules: list[Row] = []
    sessions: list[Row] = []
    in_sites: list[Row] = []
    in_services: list[Row] = []
    let_off: list[Row] = []
    for name, due, valid_from, valid_to in _schedules_in_force(practice):
        key = (practice.practice_id, name)
        schedules.append(
            (
                *key,
                due.instrument_code,
                due.version,
                due.informant,
                due.rule,
                due.every,
                due.window_days,
                valid_from,
                valid_to,
            )
        )
        sessions += [(*key, number) for number in due.sessions]
        in_sites += [(*key, site) for site in due.scope.sites or sites]
        in_services += [(*key, service) for service in due.scope.service_types]
        let_off += [(*key, *exemption) for exemption in _exemptions(due)]
    insert_rows(con, "schedules", schedules)
    insert_rows(con, "schedule_sessions", sessions)
    insert_rows(con, "schedule_sites", in_sites)
    insert_rows(con, "schedule_service_types", in_services)
    insert_rows(con, "schedule_exemptions", let_off)


def _exemptions(due: Schedule) -> Iterable[Row]:
    """A row for each age band and way of meeting that is let off; null stands for any.

    A scope by age lets off every other band, and clients whose age nobody recorded.
    """
    if due.scope.age_bands:
        for band in (*AGE_BANDS, NOT_RECORDED):
            if band not in due.scope.age_bands:
                yield ("out_of_scope", band, None, None, None, None)
    for each in due.exemptions:
        for age in each.age_bands or (None,):
            for mode in each.delivery_modes or (None,):
                yield (each.reason, age, mode, each.interpreter, each.valid_from, each.valid_to)


def _derivations(practice: Practice) -> list[Row]:
    """How episodes are derived of the sessions of each contract version's days."""
    contracts = practice.contracts
    return [
        (
            practice.practice_id,
            contract.valid_from if position else date.min,
            _day_before_next(contracts, position),
            contract.episodes.derive.gap_days,
            contract.episodes.derive.service_type,
            contract.default_use_permission,
        )
        for position, contract in enumerate(contracts)
        if contract.episodes.derive is not None
    ]


def _schedules_in_force(
    practice: Practice,
) -> Iterable[tuple[str, Schedule, date, date | None]]:
    """Every schedule with its name and the days on which it was in force, both ends inclusive.

    A contract's schedules hold until the next version's do; the first version's also hold for
    sessions from before it was signed, which its first export brings along. A schedule that goes
    on through several versions has a row for each, so its name says which.
    """
    contracts = practice.contracts
    for position, contract in enumerate(contracts):
        begins = contract.valid_from if position else date.min
        ends = _day_before_next(contracts, position)
        for due in contract.schedules:
            valid_from = max(due.valid_from, begins)
            valid_to = min((day for day in (due.valid_to, ends) if day), default=None)
            if valid_to is None or valid_from <= valid_to:
                name = due.schedule_id if len(contracts) == 1 else _dated(due, contract)
                yield name, due, valid_from, valid_to


def _day_before_next(contracts: Sequence[Contract], position: int) -> date | None:
    following = contracts[position + 1 :]
    return following[0].valid_from - timedelta(days=1) if following else None


def _dated(due: Schedule, contract: Contract) -> str:
    return f"{due.schedule_id}@{contract.valid_from}"


def _norms(references: Sequence[FrozenReference]) -> list[Row]:
    """Every norm with the days it is in force, both ends inclusive."""
    following: list[date | None] = [each.frozen_on - timedelta(days=1) for each in references[1:]]
    return [
        (
            each.frozen_on,
            valid_to,
            each.data_through_on,
            *norm.identity,
            norm.n_forms,
            norm.n_clients,
            norm.p10,
            norm.p25,
            norm.median,
            norm.p75,
            norm.p90,
        )
        for each, valid_to in zip(references, [*following, None], strict=False)
        for norm in each.norms
    ]


def _settings(thresholds: Thresholds) -> Row:
    return (
        thresholds.minimum_clients,
        thresholds.minimum_therapists,
        thresholds.flag_minimum_clients,
        thresholds.winsorise_share,
        thresholds.opening_sessions,
        thresholds.developing_until_session,
        thresholds.ending_sessions,
        thresholds.link_days,
        thresholds.data_complete_within_days,
        thresholds.response_rate_floor,
        thresholds.response_rate_gap,
    )
