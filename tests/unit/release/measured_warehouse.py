"""The small warehouse with measures: tables of nothing, and cells put in by hand."""

import dataclasses
from typing import Any

import duckdb
import pandas as pd

from expectations.model import Thresholds
from expectations.registry import Registry
from orchestration.benchmarking.associations import OUTCOME, alliance_outcomes_table, slopes_table
from orchestration.benchmarking.case_mix_networks import case_mix_tables
from orchestration.benchmarking.congruences import DYAD, congruences_table
from orchestration.benchmarking.dropout_hazards import dropout_hazards_table
from orchestration.benchmarking.marked_drops import marked_drops_table
from orchestration.benchmarking.psychometrics import careless_table, scale_reliability_table
from orchestration.benchmarking.site_adjustments import site_adjustment_tables
from orchestration.benchmarking.trajectories import trajectories_table
from orchestration.benchmarking.units import FORM, SITE, Units
from orchestration.benchmarking.variance_components import variance_components_table
from orchestration.dbt_runner import variables
from orchestration.release.contents import leave_measures_out, prepare_measures, query
from orchestration.release.tables import tables_of
from tests.unit.release.small_warehouse import small_registry, small_warehouse

CELL = {
    "practice_id": "practice",
    "site_id": "site_00",
    "instrument_code": "srs",
    "version": "3.0",
    "language": "en",
    "informant": "client",
    "metric": "ceiling_share",
    "stratum_kind": "all",
    "stratum": "all",
    "period": "all",
    "n_clients": 40,
    "n_therapists": 5,
    "top_therapist_share": 0.4,
    "n_clients_counted": 20,
    "n_clients_not_counted": 20,
    "n_clients_without_value": 0,
    "n_units": 80,
    "n_valued": 80,
    "numerator": 40.0,
    "denominator": 80.0,
    "value": 0.5,
    "null_reason": None,
    "period_end_on": None,
    "is_data_complete": True,
}
"""A cell that may be shown."""
NETWORK = {"instrument_code": "srs", "version": "3.0", "language": "en", "informant": "client"}
PEOPLE = {"n_sites": 4, "n_clients": 47, "n_therapists": 9, "top_therapist_share": 0.3}
"""Rows of benchmark tables: of a network, and of people enough to be shown."""
_METRICS = """
create table marts.rpt_site_metrics (
    practice_id varchar, site_id varchar, instrument_code varchar, version varchar,
    language varchar, informant varchar, metric varchar, stratum_kind varchar, stratum varchar,
    period varchar, n_clients integer, n_therapists integer, top_therapist_share double,
    n_clients_counted integer, n_clients_not_counted integer, n_clients_without_value integer,
    n_units integer, n_valued integer, numerator double, denominator double, value double,
    null_reason varchar, period_end_on date, is_data_complete boolean
)
"""
_DISTRIBUTIONS = """
create table marts.rpt_site_distributions (
    practice_id varchar, site_id varchar, instrument_code varchar, version varchar,
    language varchar, informant varchar, metric varchar, period varchar, n_clients integer,
    n_valued integer, p10 double, p25 double, median double, p75 double, skew double,
    null_reason varchar
)
"""


_SKETCHES = """
create schema intermediate;
create table intermediate.int_cells_sketched (
    practice_id varchar, site_id varchar, instrument_code varchar, version varchar,
    language varchar, informant varchar, metric varchar, stratum_kind varchar, stratum varchar,
    period varchar, n_people integer, sketch integer[]
);
create table intermediate.months_of_periods (period varchar, month_on date);
create view intermediate.int_periods_closed as
select period, month_on, false as has_strata from intermediate.months_of_periods
union all
select distinct
    period, null::date,
    period = 'all' or 'all' not in (select period from marts.rpt_site_metrics)
from marts.rpt_site_metrics;
"""


def measuring_registry() -> Registry:
    """The small registry of a group that asks for measures."""
    registry = small_registry()
    group = registry.group.model_copy(update={"with_measures": True})
    return dataclasses.replace(registry, group=group)


def measured_warehouse() -> duckdb.DuckDBPyConnection:
    """Every table a release with measures reads; of measures they are empty."""
    con = small_warehouse()
    con.execute(_METRICS)
    con.execute(_DISTRIBUTIONS)
    con.execute(_SKETCHES)
    con.execute(
        "create table marts.dim_scales as select 'srs' as instrument_code, '3.0' as version, "
        "'total' as scale, 0.0 as minimum, 40.0 as maximum"
    )
    thresholds = measuring_registry().group.thresholds
    observed = con.execute("select * from marts.rpt_site_metrics").df()
    tables = {
        "marked_drops": marked_drops_table(_no_units(), observed, {}, variables()),
        "dropout_hazards": dropout_hazards_table(_no_units(), thresholds),
        "alliance_outcomes": alliance_outcomes_table(_no_units(*OUTCOME), thresholds),
        "alliance_slopes": slopes_table(_no_units(*OUTCOME), thresholds, 3),
        "congruences": congruences_table(_no_units(*DYAD), thresholds, 3),
        "trajectories": trajectories_table(_no_units(), thresholds),
        "variance_components": variance_components_table(_no_units(), thresholds),
        "scale_reliability": scale_reliability_table([], thresholds),
        "careless_shares": careless_table([], thresholds),
        **_of_case_mix(con, thresholds),
    }
    for name, frame in tables.items():
        con.register("frame", frame)
        con.execute(f"create table benchmark.{name} as select * from frame")
        con.unregister("frame")
    return con


def _of_case_mix(con: duckdb.DuckDBPyConnection, thresholds: Thresholds) -> dict[str, pd.DataFrame]:
    cells = con.execute("select * from benchmark.site_benchmarks").df()
    found = case_mix_tables(_no_units("collection_mode", "stage", "period"), {}, cells)
    outcomes = alliance_outcomes_table(_no_units(*OUTCOME), thresholds)
    return {
        **site_adjustment_tables(found, cells, outcomes, thresholds, {}),
        "case_mix_models": found.models,
        "case_mix_coefficients": found.coefficients,
        "case_mix_calibration": found.calibration,
    }


def _no_units(*names: str) -> Units:
    cells = pd.DataFrame({name: pd.Series([], dtype="str") for name in (*SITE, *FORM, *names)})
    of_people = ("client_no", "therapist_no", "dyad_no", "treatment_no")
    numbers = ("cell_no", *of_people, "state_no", "session_no")
    rows = pd.DataFrame({name: pd.Series([], dtype="int32") for name in numbers})
    rows["is_ended"] = pd.Series([], dtype="bool")
    for name in ("outcome_at_form", "outcome_last", "total", "next_outcome_upwards"):
        rows[name] = pd.Series([], dtype="float64")
    return Units(cells, rows)


def add_cell(con: duckdb.DuckDBPyConnection, **changed: Any) -> None:
    """One row of marts.rpt_site_metrics: CELL with what is changed."""
    row = CELL | changed
    assert row.keys() == CELL.keys()
    marks = ", ".join("?" for _ in row)
    con.execute(f"insert into marts.rpt_site_metrics values ({marks})", list(row.values()))


def add_rows(con: duckdb.DuckDBPyConnection, table: str, *rows: dict[str, Any]) -> None:
    """Rows of a benchmark table, null where nothing is said."""
    for row in rows:
        chosen = ", ".join(f"? as {name}" for name in row)
        con.execute(f"insert into benchmark.{table} by name select {chosen}", list(row.values()))


def released_rows(
    con: duckdb.DuckDBPyConnection, table: str, columns: str, *, with_measures: bool = True
) -> list[tuple[Any, ...]]:
    """What a release would hold of a table, in order."""
    if with_measures:
        prepare_measures(con, Thresholds())
    else:
        leave_measures_out(con)
    (declared,) = [one for one in tables_of("release") if one.table == table]
    sql = query(table)
    assert sql is not None
    return con.execute(f"select {columns} from ({declared.select(sql)}) order by all").fetchall()
