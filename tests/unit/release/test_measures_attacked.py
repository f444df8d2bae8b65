"""The attacker on the tables of measures: finds nothing while all protections are on, and a leak
while one of them is off."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from expectations.model import Thresholds
from orchestration.benchmarking.measures_attacked import leaking_cells
from orchestration.benchmarking.measures_known import Believed
from orchestration.release.contents import MeasureProtections, prepare_measures, query
from orchestration.release.measure_checks import OF_STRATA
from orchestration.release.measures_gate import attacked_cells, measure_leaks
from orchestration.release.publish import ReleaseRefused, write_release
from orchestration.release.tables import tables_of
from tests.studies.measures_drawn import (
    CHANGES,
    YEAR,
    cells_of,
    drawn_people,
    drawn_units,
    fill_cells,
    members_of,
    periods_of,
)
from tests.unit.release.measured_warehouse import (
    add_cell,
    measured_warehouse,
    measuring_registry,
)
from tests.unit.release.small_warehouse import small_meta


def _filled(seed: int, n_sites: int) -> duckdb.DuckDBPyConnection:
    rng = np.random.default_rng(seed)
    con = measured_warehouse()
    units = [drawn_units(rng, drawn_people(rng, site)) for site in range(n_sites)]
    fill_cells(con, cells_of(members_of(pd.concat(units), periods_of(YEAR))))
    return con


@pytest.fixture(scope="module")
def drawn() -> duckdb.DuckDBPyConnection:
    return _filled(3, 6)


def _candidate(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    candidate = duckdb.connect()
    for table in tables_of("release"):
        candidate.execute(table.create_statement)
        if table.table in OF_STRATA:
            sql = query(table.table)
            assert sql is not None
            candidate.register("incoming", con.sql(table.select(sql)).to_arrow_table())
            candidate.execute(f"insert into {table.table} select * from incoming")
    return candidate


def _leaks(
    con: duckdb.DuckDBPyConnection, metrics: tuple[str, ...] = (), **off: bool
) -> pd.DataFrame:
    protections = replace(MeasureProtections(), **off)
    prepare_measures(con, Thresholds(), protections)
    cells = attacked_cells(_candidate(con), con, Thresholds())
    assert cells["is_shown"].any()
    assert not cells["is_shown"].all()
    if metrics:
        of_metric = con.execute("select cell_no, metric from measured_cells").df()
        named = cells[["cell_no"]].merge(of_metric, how="left")["metric"]
        cells = cells[named.isin(metrics).to_numpy()].reset_index(drop=True)
    believed = Believed(11, has_classes=protections.classes, has_ends=protections.ends)
    return cells.iloc[leaking_cells(cells, believed, n_whole=2)]


def test_nothing_is_found_while_all_protections_are_on(drawn: duckdb.DuckDBPyConnection) -> None:
    assert _leaks(drawn, ("mean_score", "early_alliance", "flow_reached_3")).empty


@pytest.mark.parametrize(
    ("protection", "metrics"),
    [
        ("classes", ("early_alliance",)),
        ("ends", ("early_alliance",)),
        ("kinds", ("mean_score", "flow_reached_3")),
    ],
)
def test_each_protection_is_needed(
    drawn: duckdb.DuckDBPyConnection, protection: str, metrics: tuple[str, ...]
) -> None:
    off: dict[str, Any] = {protection: False}
    assert not _leaks(drawn, metrics, **off).empty


@pytest.fixture
def empty(drawn: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Inside a transaction that is taken back."""
    drawn.begin()
    drawn.execute("delete from marts.rpt_site_metrics")
    yield drawn
    drawn.rollback()


def _share(con: duckdb.DuckDBPyConnection, metric: str, period: str, n: int, counted: int) -> None:
    add_cell(
        con, metric=metric, period=period, n_clients=n, n_units=n, n_valued=n, value=counted / n,
        n_clients_counted=counted, n_clients_not_counted=n - counted, numerator=float(counted),
    )  # fmt: skip


def test_a_year_of_few_counted_is_all_years_less_the_others(
    empty: duckdb.DuckDBPyConnection,
) -> None:
    """10 of 20 in 2025, 11 of 36 in 2026: shown as 0.40 of all and 0.30 of 2026, of whom 34 at
    least there must be as 11 are counted, the 10 are more than 2."""
    for period, n, counted in (("all", 56, 21), ("2025", 20, 10), ("2026", 36, 11)):
        _share(empty, "flow_reached_3", period, n, counted)
    _share(empty, "flow_any_form", "2026", 36, 5)
    _share(empty, "flow_any_form", "all", 56, 20)
    assert not _leaks(empty, periods=False).empty
    assert _leaks(empty).empty


def test_one_class_of_change_is_what_the_others_leave(empty: duckdb.DuckDBPyConnection) -> None:
    """Of 200: 30, 30, 30 and 6 % leave 2 to 6 %, of more than 100 clients."""
    for metric, counted in zip(CHANGES, (60, 60, 60, 8, 12), strict=True):
        _share(empty, metric, "all", 200, counted)
    assert not _leaks(empty, partitions=False).empty
    assert _leaks(empty).empty


def test_a_year_is_beside_the_twelve_months_to_its_end(
    empty: duckdb.DuckDBPyConnection,
) -> None:
    """The same 99 clients under two names: no 198 are shared out among the classes of 99."""
    for period in ("2025", "12m-2025-12"):
        for metric, counted in zip(CHANGES, (26, 57, 10, 5, 1), strict=True):
            _share(empty, metric, period, 99, counted)
    assert _leaks(empty).empty


def test_nobody_is_told_who_is_few_where_nothing_of_a_kind_is_shown(
    empty: duckdb.DuckDBPyConnection,
) -> None:
    """Of 17 clients, shown elsewhere as 15, one has an interpreter. Neither group goes out; told
    that the other one is of 11 at least, a reader would know that this one is of 6 at most."""
    few = {"metric": "mean_score", "value": 31.0, "n_units": 26, "n_valued": 26}
    few |= {"n_clients_counted": None, "n_clients_not_counted": None}
    add_cell(empty, **few, n_clients=17)
    few |= {"stratum_kind": "interpreter"}
    add_cell(empty, **few | {"stratum": "with", "n_units": 3, "n_valued": 3}, n_clients=1)
    add_cell(empty, **few | {"stratum": "without", "n_units": 23, "n_valued": 23}, n_clients=16)
    prepare_measures(empty, Thresholds())
    cells = attacked_cells(_candidate(empty), empty, Thresholds())
    cells = cells.assign(known_least=[11.0, np.nan, np.nan], known_most=[17.0, np.nan, np.nan])
    assert cells["is_shown"].tolist() == [True, False, False]
    assert leaking_cells(cells, Believed(11), n_whole=None) == []
    # Of one of them shown the reader could tell; the release never shows one alone.
    beside = cells.assign(is_shown=[True, False, True], shown_at_least=[11.0, np.nan, 11.0])
    assert leaking_cells(beside, Believed(11), n_whole=None) == [1]


def test_what_cannot_be_true_together_is_not_trusted(empty: duckdb.DuckDBPyConnection) -> None:
    """More than 100 clients of 100 at most: beside it the hidden stratum counts as found."""
    few: dict[str, Any] = {"metric": "mean_score", "value": 20.0}
    few |= {"n_clients_counted": None, "n_clients_not_counted": None}
    add_cell(empty, **few, n_clients=60)
    few |= {"stratum_kind": "interpreter"}
    add_cell(empty, **few, stratum="with", n_clients=5)
    add_cell(empty, **few, stratum="without", n_clients=55)
    prepare_measures(empty, Thresholds())
    cells = attacked_cells(_candidate(empty), empty, Thresholds())
    beside = cells.assign(is_shown=[True, False, True], shown_at_least=[11.0, np.nan, 101.0])
    assert leaking_cells(beside, Believed(11)) == [1]


def test_a_leak_is_told_by_its_cell_and_without_a_number(empty: duckdb.DuckDBPyConnection) -> None:
    for period, n, counted in (("all", 56, 21), ("2025", 20, 10), ("2026", 36, 11)):
        _share(empty, "flow_reached_3", period, n, counted)
    prepare_measures(empty, Thresholds(), MeasureProtections(periods=False))
    (said,) = measure_leaks(_candidate(empty), empty, Thresholds())
    assert said == (
        "cohort_flow: a hidden count, or a client's score, can be worked out: "
        "practice/site_00, srs, flow_reached_3, all, all, 2025"
    )
    prepare_measures(empty, Thresholds())
    assert list(measure_leaks(_candidate(empty), empty, Thresholds())) == []


def test_what_gives_something_away_is_withheld_and_the_release_goes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    con = measured_warehouse()
    for period, n, counted in (("all", 56, 21), ("2025", 20, 10), ("2026", 36, 11)):
        _share(con, "flow_reached_3", period, n, counted)
    _share(con, "recovered", "all", 200, 60)
    leaky = partial(prepare_measures, protections=MeasureProtections(periods=False))
    monkeypatch.setattr("orchestration.release.publish.prepare_measures", leaky)
    registry = measuring_registry()
    published = write_release(con, tmp_path, small_meta(registry), registry)
    assert published.withheld == (
        "measures of practice/site_00, srs withheld, as something hidden could be worked out of "
        "them: flow_reached_3",
    )
    with duckdb.connect(str(tmp_path / f"{published.release_id}.duckdb"), read_only=True) as found:
        shown = "select metric, period, is_suppressed from {} where value is not null or "
        shown += "is_suppressed order by all"
        assert found.execute(shown.format("cohort_flow")).fetchall() == [
            ("flow_reached_3", "2025", True),
            ("flow_reached_3", "2026", True),
            ("flow_reached_3", "all", True),
        ]
        assert found.execute(shown.format("site_metrics")).fetchall() == [
            ("recovered", "all", False)
        ]


def test_a_leak_that_stays_refuses_the_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    con = measured_warehouse()
    for period, n, counted in (("all", 56, 21), ("2025", 20, 10), ("2026", 36, 11)):
        _share(con, "flow_reached_3", period, n, counted)
    leaky = partial(prepare_measures, protections=MeasureProtections(periods=False))
    monkeypatch.setattr("orchestration.release.publish.prepare_measures", leaky)
    monkeypatch.setattr("orchestration.release.publish.withhold_leaks", lambda *_: ())
    registry = measuring_registry()
    with pytest.raises(ReleaseRefused, match="flow_reached_3, all, all, 2025; see docs"):
        write_release(con, tmp_path, small_meta(registry), registry)
    assert list(tmp_path.iterdir()) == []
