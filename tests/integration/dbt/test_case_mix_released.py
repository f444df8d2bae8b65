"""From forms into a release: a planted case mix is adjusted away, and the parts make up the gap."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.registry import Registry
from orchestration.assets.benchmarks import write_benchmarks
from orchestration.assets.case_mix import TABLES, write_case_mix
from orchestration.assets.measures import write_measures
from orchestration.assets.psychometrics import write_psychometrics
from orchestration.assets.release import publish
from orchestration.night import Night
from orchestration.settings import Settings
from tests.integration.dbt import confounded_sites
from tests.integration.dbt.confounded_sites import CLOSING, OWN
from tests.integration.dbt.raw_rows import RawWarehouse, every_session, practice, registry

SHOWN = sorted(set(OWN) - {"small"})
ADJUSTED = sorted(set(SHOWN) - {"video"})
WHOLE = "stage = 'all' and period = 'all'"


@pytest.fixture(scope="module")
def declared() -> Registry:
    found = registry(practice("north", list(OWN), [every_session("srs", "3")]))
    return replace(found, group=found.group.model_copy(update={"with_measures": True}))


def _night(warehouse: RawWarehouse, declared: Registry) -> Night:
    return Night(Settings(warehouse.path.parent), declared, datetime(2026, 7, 3, tzinfo=UTC))


def _write(night: Night) -> bool:
    """What a night writes of all that a release with measures reads."""
    with night.warehouse.connect() as con:
        write_benchmarks(con, night.registry.group.thresholds)
        write_psychometrics(con, night)
        write_measures(con, night)
        return write_case_mix(con, night)


@pytest.fixture(scope="module")
def warehouse(
    declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]
) -> RawWarehouse:
    warehouse = open_warehouse(declared)
    confounded_sites.deliver(warehouse, confounded_sites.crowd(), CLOSING)
    warehouse.build_with_measures()
    assert _write(_night(warehouse, declared))
    return warehouse


def _published(night: Night) -> Path:
    return night.settings.releases / f"{publish(night).release_id}.duckdb"


@pytest.fixture(scope="module")
def release(warehouse: RawWarehouse, declared: Registry) -> Path:
    return _published(_night(warehouse, declared))


def _asked(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(sql).fetchall()


def test_the_planted_case_mix_is_adjusted_away(release: Path) -> None:
    found = {
        str(site): (raw, adjusted)
        for site, raw, adjusted in _asked(
            release,
            f"select site_id, raw, adjusted from site_benchmarks where {WHOLE} "
            "and instrument_code = 'srs' and adjusted is not null",
        )
    }
    assert sorted(found) == ADJUSTED
    middle = [sum(each) / len(found) for each in zip(*found.values(), strict=True)]
    of_own = sum(OWN[site] for site in found) / len(found)
    errors = {
        site: [
            value - centre - (OWN[site] - of_own)
            for value, centre in zip(both, middle, strict=True)
        ]
        for site, both in found.items()
    }
    # 12 percent away from the others: 1.4 points, of which nothing is the site's.
    assert errors["easy"][0] > 1
    assert errors["hard"][0] < -1
    # Of the 46 or so clients of a site the mean is .3 points uncertain.
    assert all(abs(adjusted) < 0.7 for _, adjusted in errors.values())
    flags = dict(
        _asked(
            release,
            f"select site_id, flag from site_adjustments where {WHOLE} and flag is not null",
        )
    )
    assert flags.keys() == set(ADJUSTED)
    assert {flags[site] for site in ("easy", "hard", "one", "two", "three")} == {"within"}


def test_the_parts_add_up_to_the_gap_in_the_file(release: Path) -> None:
    rows = _asked(
        release,
        "select gap, gap_case_mix, gap_response, gap_therapists, gap_rest, period, stage "
        "from site_gaps where null_reason is null",
    )
    assert {row[5] for row in rows} == {"2025", "all"}
    for gap, case_mix, response, therapists, rest, _, stage in rows:
        assert gap == pytest.approx(case_mix + (response or 0) + (therapists or 0) + rest, abs=1e-9)
        # Who was asked is known of whole treatments.
        assert (response is not None) == (stage == "all")
    parts = dict(
        _asked(
            release,
            f"select site_id, gap_case_mix from site_gaps where {WHOLE} and gap is not null",
        )
    )
    # 24 percent of severity apart, less what chance makes of it.
    assert parts["easy"] - parts["hard"] == pytest.approx(2.9, abs=0.6)
    assert abs(parts["better"]) < 0.6


def test_what_a_gap_has_meant_for_outcome(release: Path) -> None:
    rows = _asked(
        release,
        "select stage, gap, outcome_of_gap, outcome_lower95, outcome_upper95, "
        "outcome_instrument_code from site_gaps where gap is not null",
    )
    told = [row for row in rows if row[0] in ("all", "developing")]
    assert told
    for _, gap, value, lower, upper, instrument in told:
        assert instrument == "phq_9"
        # A better alliance went with a better outcome.
        assert value * gap >= 0
        assert lower <= value <= upper
    assert {row[2:] for row in rows if row[0] in ("opening", "ending")} == {(None,) * 4}
    ((r,),) = _asked(
        release,
        "select value from alliance_outcome where metric = 'alliance_outcome' "
        "and stratum = 'random' and instrument_code = 'srs'",
    )
    # Early alliance: 1.5 and .3 points of client and therapist, .75 of three forms, 1 that severity
    # leaves when the PHQ-9 of session 5 is known.
    sd = (1.5**2 + 0.3**2 + 0.75 + 1) ** 0.5
    far = [value / gap for _, gap, value, *_ in told if abs(gap) > 1]
    assert far == pytest.approx([r / sd] * len(far), rel=0.15)
    assert len(far) >= 4


def test_what_cannot_be_told_apart_is_named_and_hidden_cells_are_nowhere(release: Path) -> None:
    assert _asked(
        release,
        "select distinct adjusted, not_identifiable, null_reason from site_adjustments "
        "where site_id = 'video'",
    ) == [(None, "delivery_mode", "covariate_not_identifiable")]
    assert _asked(
        release,
        "select distinct flag is null, adjusted, contains(comparability, "
        "'covariate_not_identifiable'), raw is null from site_benchmarks "
        f"where site_id = 'video' and {WHOLE} and instrument_code = 'srs'",
    ) == [(False, None, True, False)]
    for table in ("site_adjustments", "site_gaps"):
        sites = _asked(release, f"select distinct site_id from {table} order by all")
        assert sites == [(site,) for site in SHOWN]


def test_the_models_are_in_the_open(release: Path) -> None:
    ((n_clients, n_sites, slope, lower, upper),) = _asked(
        release,
        "select n_clients, n_sites, calibration_slope, calibration_lower95, calibration_upper95 "
        "from case_mix_models where stage = 'all'",
    )
    assert (n_clients, n_sites) == (7 * 48 - 1, 7)
    assert lower < slope < upper
    assert slope == pytest.approx(1, abs=0.1)
    ((estimate, low, high, reliability),) = _asked(
        release,
        "select estimate, lower95, upper95, reliability from case_mix_coefficients "
        "where covariate = 'baseline_severity' and stage = 'all'",
    )
    assert low < confounded_sites.SLOPE < high
    assert estimate < -0.08
    # 15 squared of 15 and 8 squared.
    assert reliability == pytest.approx(225 / (225 + 64.3), abs=0.06)
    assert ("service_type", "one_value") in _asked(
        release, "select covariate, null_reason from case_mix_coefficients"
    )
    tenths = _asked(
        release,
        "select expected, observed from case_mix_calibration where stage = 'all' order by tenth",
    )
    assert len(tenths) == 10
    assert tenths[0][1] < tenths[-1][1]


def _tables(warehouse: RawWarehouse, *names: str) -> dict[str, list[tuple[Any, ...]]]:
    """Rows in order, numbers to nine places: sums in another order differ in the last ones."""
    return {
        name: [
            tuple(round(cell, 9) if isinstance(cell, float) else cell for cell in row)
            for row in warehouse.rows(f"select * from benchmark.{name} order by all")
        ]
        for name in names or TABLES
    }


def test_it_is_done_once_for_a_build_and_the_cells_that_are_shown(
    warehouse: RawWarehouse, declared: Registry
) -> None:
    night, before = _night(warehouse, declared), _tables(warehouse)
    assert not _write(night)
    with night.warehouse.connect() as con:
        con.execute(
            "update benchmark.site_benchmarks set is_suppressed = true where site_id = 'one'"
        )
        assert write_case_mix(con, night)
        sites = con.execute("select distinct site_id from benchmark.site_gaps").fetchall()
    assert ("one",) not in sites
    assert _write(night)
    assert _tables(warehouse) == before


def test_two_nights_are_one_build(
    warehouse: RawWarehouse,
    declared: Registry,
    open_warehouse: Callable[[Registry], RawWarehouse],
) -> None:
    nights, of = open_warehouse(declared), confounded_sites.crowd()
    first = replace(of, forms=of.forms.iloc[::2])
    confounded_sites.deliver(nights, first, CLOSING)
    nights.build_with_measures()
    assert _write(_night(nights, declared))
    assert _tables(nights) != _tables(warehouse)
    nights.deliver_frame("administrations", "north", of.forms.iloc[1::2])
    nights.build_with_measures()
    assert _write(_night(nights, declared))
    assert _tables(nights) == _tables(warehouse)


def _of_sites(rows: list[tuple[Any, ...]], *sites: str) -> list[tuple[Any, ...]]:
    return [row for row in rows if row[1] in sites]


def test_a_kept_cell_keeps_the_rows_that_were_shown_when_others_move(
    warehouse: RawWarehouse, declared: Registry, release: Path
) -> None:
    shown = _tables(warehouse, "site_adjustments", "site_gaps")
    path = release.parents[1] / "later" / "warehouse.duckdb"
    path.parent.mkdir()
    path.write_bytes(warehouse.path.read_bytes())
    later = RawWarehouse(path, warehouse.target_dir)

    def moved_by(points: float, kept: tuple[str, ...]) -> dict[str, list[tuple[Any, ...]]]:
        """What a night writes when every client of site `easy` has so much more than before."""
        with _night(later, declared).warehouse.connect() as con:
            con.execute(
                "create or replace table intermediate.int_client_months_described as select * "
                f"replace (cast(summed_billionths + {points * 1e9} * n_forms * "
                "(site_id = 'easy')::int as bigint) as summed_billionths) "
                "from intermediate.int_client_months_described"
            )
            con.execute(
                "update benchmark.site_benchmarks set is_kept = list_contains(?, site_id)",
                [list(kept)],
            )
            con.execute("delete from benchmark.case_mix_made")
            assert write_case_mix(con, _night(later, declared))
        return _tables(later, "site_adjustments", "site_gaps")

    # A night whose release was never published, then one in which two cells stand as shown.
    refused = moved_by(0.7, ())
    after = moved_by(-0.2, ("easy", "hard"))
    for name, rows in shown.items():
        assert _of_sites(rows, "easy", "hard") == _of_sites(after[name], "easy", "hard") != []
        assert _of_sites(rows, "easy", "hard") != _of_sites(refused[name], "easy", "hard")
        # Half a point more of one site's is in the network's mean that the others are against.
        assert _of_sites(rows, "one", "two") != _of_sites(after[name], "one", "two")


def test_a_release_without_measures_has_the_tables_empty(
    warehouse: RawWarehouse, declared: Registry
) -> None:
    without = replace(declared, group=declared.group.model_copy(update={"with_measures": False}))
    path = _published(_night(warehouse, without))
    for name in TABLES:
        assert _asked(path, f"select count(*) from {name}") == [(0,)]
    assert _asked(path, "select count(adjusted) from site_benchmarks") == [(0,)]
