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
from tests.unit.release.measured_warehouse import (
    CELL,
    add_cell,
    measured_warehouse,
    measuring_registry,
)
from tests.unit.release.small_warehouse import small_meta

MONTHS = {f"2025-{month:02d}": f"2025-Q{(month + 2) // 3}" for month in range(1, 13)}
STRATA = {
    "age_band": ("18_29", "30_44", "45_59", "60_74", "75_plus"),
    "delivery_mode": ("in_person", "video"),
}
CHANGES = ("recovered", "improved", "unchanged", "deteriorated", "harmed")


def _drawn(rng: np.random.Generator, site: int) -> pd.DataFrame:
    """Units of one site: a client has one episode, and forms in some months."""
    n = int(rng.integers(25, 160))
    share = rng.dirichlet(np.full(5, 0.7))
    return pd.DataFrame(
        {
            "client": np.arange(n),
            "age_band": rng.choice(STRATA["age_band"], n, p=share),
            "delivery_mode": rng.choice(STRATA["delivery_mode"], n, p=[0.85, 0.15]),
            "opened": rng.choice(list(MONTHS), n, p=rng.dirichlet(np.full(12, 0.8))),
            "change": rng.choice(CHANGES, n, p=rng.dirichlet([3, 2, 4, 0.7, 0.4])),
            # Many a site is near the top of the scale.
            "level": np.clip(rng.normal(rng.uniform(20, 46), 4, n), 0, 40),
            "is_reached": rng.random(n) < rng.uniform(0.1, 0.6),
            "site": site,
        }
    )


def _units(rng: np.random.Generator, people: pd.DataFrame) -> pd.DataFrame:
    """One row a unit: metric, period's month, client, value (of a share 0 or 1)."""
    forms = people.loc[people.index.repeat(rng.integers(1, 6, len(people)))].copy()
    forms["month"] = rng.choice(list(MONTHS), len(forms))
    forms["value"] = np.clip(np.round(forms["level"] + rng.normal(0, 2, len(forms))), 0, 40)
    parts = [forms.assign(metric="mean_score")]
    episodes = people.rename(columns={"opened": "month"})
    parts.append(episodes.assign(metric="early_alliance", value=np.round(people["level"])))
    for name in CHANGES:
        is_so = (people["change"] == name).astype("float64")
        parts.append(episodes.assign(metric=name, value=is_so))
    is_so = people["is_reached"].astype("float64")
    parts.append(episodes.assign(metric="flow_reached_3", value=is_so))
    return pd.concat(parts, ignore_index=True)


def _cells(units: pd.DataFrame) -> pd.DataFrame:
    """Rows of marts.rpt_site_metrics."""
    of_months = pd.DataFrame(
        [(month, period) for month, quarter in MONTHS.items()
         for period in (month, quarter, "2025", "all")],
        columns=["month", "period"],
    )  # fmt: skip
    units = units.merge(of_months, on="month")
    kinds = [units.assign(stratum_kind="all", stratum="all")]
    kinds += [units.assign(stratum_kind=kind, stratum=units[kind]) for kind in STRATA]
    rows = pd.concat(kinds, ignore_index=True)
    cell = ["site", "metric", "stratum_kind", "stratum", "period"]
    clients = rows.groupby([*cell, "client"])["value"].agg(["mean", "count", "max", "min"])
    found = clients.groupby(cell).agg(
        n_clients=("mean", "size"), mean=("mean", "mean"), n_units=("count", "sum"),
        n_clients_counted=("max", "sum"), n_not=("min", "sum"),
    ).reset_index()  # fmt: skip
    is_share = found["metric"].isin([*CHANGES, "flow_reached_3"])
    return pd.DataFrame(
        {
            **CELL,
            "site_id": [f"drawn_{number}" for number in found["site"]],
            **{name: found[name] for name in ("metric", "stratum_kind", "stratum", "period")},
            **dict.fromkeys(("n_units", "n_valued"), found["n_units"]),
            "n_clients": found["n_clients"],
            "n_clients_counted": found["n_clients_counted"].where(is_share),
            "n_clients_not_counted": (found["n_clients"] - found["n_not"]).where(is_share),
            "numerator": found["n_clients_counted"].where(is_share),
            "denominator": found["n_units"],
            "value": found["mean"],
        }
    )


def _filled(seed: int, n_sites: int) -> duckdb.DuckDBPyConnection:
    rng = np.random.default_rng(seed)
    con = measured_warehouse()
    cells = pd.concat([_cells(_units(rng, _drawn(rng, site))) for site in range(n_sites)])
    con.register("frame", cells)
    con.execute("insert into marts.rpt_site_metrics by name select * from frame")
    con.unregister("frame")
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
        "release: measures of practice/site_00, srs are withheld, as something hidden could be "
        "worked out of them: flow_reached_3; the rest went out",
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
    monkeypatch.setattr("orchestration.release.publish.withhold_leaks", lambda *_: None)
    registry = measuring_registry()
    with pytest.raises(ReleaseRefused, match="flow_reached_3, all, all, 2025; see docs"):
        write_release(con, tmp_path, small_meta(registry), registry)
    assert list(tmp_path.iterdir()) == []
