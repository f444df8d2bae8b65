"""The floor under the measures computes what the models compute, or their ratio means nothing."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb
import pytest

from expectations.metric import shipped_metrics
from expectations.registry import load_registry
from orchestration import dbt_runner
from orchestration.simulation import SimulationSettings, simulate
from tests.benchmarks import history, measures_floor
from tests.benchmarks.measures import DECLARED_AS_WELL
from tests.integration import small_group
from tests.parsed_project import give
from tests.recorded_builds import BUILDS

# With partly filled-in and missing forms, which the bench's own history has none of.
WORLD = SimulationSettings(
    seed=7,
    n_clients=360,
    n_therapists=60,
    partial_share=0.05,
    dirt=0.0,
    from_on=date(2025, 1, 1),
    through_on=date(2026, 3, 10),
)
OF_NOBODY = {
    "triad_gap_child_therapist",
    "triad_gap_caregiver_therapist",
    "triad_gap_child_caregiver",
    "reported_rupture",
}
"""Metrics of informants who fill in no form in these practices, and of a feed that none sends."""
NEVER_MEASURED = """
insert into reference.metrics
select 'a_' || number, 'share', false, false, 1 from range(45) as numbers (number)
"""
"""Before all others in the order of names: rpt_site_metrics holds sixty metrics in one number, and
so must come to a second."""

CELL = "practice_id, site_id, instrument_code, version, language, informant, metric"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> duckdb.DuckDBPyConnection:
    """The warehouse's marts as `built`, the floor's tables as `by_hand`."""
    home = tmp_path_factory.mktemp("floor") / "home"
    history.declare(home, history.MEASURED)
    night = small_group.night_in(home, load_registry([home]))
    simulate(night.registry, night.settings.landing, WORLD)
    night.prepare()
    small_group.run(night)
    night.close()
    warehouse, database = night.settings.warehouse, home / "floor.duckdb"
    with duckdb.connect(str(warehouse)) as con:
        con.execute(DECLARED_AS_WELL)
        con.execute(NEVER_MEASURED)
    give(parsed, night.settings.dbt_target)
    with BUILDS.in_place():
        dbt_runner.build(warehouse, night.settings.dbt_target, full_refresh=True)
    measures_floor.run(warehouse, database)
    con = duckdb.connect()
    con.execute(f"attach '{warehouse}' as built (read_only)")
    con.execute(f"attach '{database}' as by_hand (read_only)")
    return con


def _differing(
    con: duckdb.DuckDBPyConnection, built: str, by_hand: str, key: str, numbers: Mapping[str, float]
) -> list[tuple[object, ...]]:
    """Rows of two queries that differ; `numbers` may do so by so much of their size."""
    same_key = " and ".join(
        f"built.{name} is not distinct from by_hand.{name}" for name in key.split(", ")
    )
    apart = " or ".join(
        f"(built.{name} is null) <> (by_hand.{name} is null) "
        f"or abs(built.{name} - by_hand.{name}) > {most} * greatest(1, abs(built.{name}))"
        for name, most in numbers.items()
    )
    alone = "built.metric is null or by_hand.metric is null"
    return con.execute(
        f"select built, by_hand from ({built}) as built full join ({by_hand}) as by_hand "
        f"on {same_key} where {alone} or {apart} limit 5"
    ).fetchall()


def test_every_cell_is_the_same(both: duckdb.DuckDBPyConnection) -> None:
    key = (
        f"{CELL}, stratum_kind, stratum, period, n_clients, n_therapists, n_units, n_valued, "
        "null_reason"
    )
    numbers = dict.fromkeys(("numerator", "denominator", "value"), 1e-8)
    columns = f"{key}, {', '.join(numbers)}"
    assert not _differing(
        both,
        f"select {columns} from built.marts.rpt_site_metrics",
        f"select {columns} from by_hand.site_metrics",
        key,
        numbers,
    )
    metrics = {
        name
        for (name,) in both.execute(
            "select distinct metric from by_hand.site_metrics where value is not null"
        ).fetchall()
    }
    never = {"low_alliance"}  # no norms are frozen
    in_cells = {one.metric for one in shipped_metrics() if one.aggregation != "modelled"}
    assert metrics == in_cells - OF_NOBODY - never


def test_every_distribution_is_the_same(both: duckdb.DuckDBPyConnection) -> None:
    key = f"{CELL}, period, n_clients, n_valued"
    spread = ("p10", "p25", "median", "p75")
    quantiles = ", ".join(f"quantiles[{place}] as {n}" for place, n in enumerate(spread, start=1))
    assert not _differing(
        both,
        f"select {key}, {', '.join(spread)}, skew from built.marts.rpt_site_distributions",
        f"select {key}, {quantiles}, skew from by_hand.site_distributions",
        key,
        # The models' moments are of whole thousandths.
        {**dict.fromkeys(spread, 1e-9), "skew": 1e-3},
    )
    assert both.execute(
        "select max(abs(skew)) > 0.5 from by_hand.site_distributions"
    ).fetchall() == [(True,)]


def test_every_score_is_the_same(both: duckdb.DuckDBPyConnection) -> None:
    built = (
        "select administration_row, scale, score from built.intermediate.int_scores_computed "
        "where n_answered > 0"
    )
    by_hand = "select administration_row, scale, score from by_hand.scores"
    for ones, others in ((built, by_hand), (by_hand, built)):
        assert not both.execute(f"{ones} except all {others} limit 5").fetchall()
