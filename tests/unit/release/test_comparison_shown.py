"""What of case mix and of a gap's parts goes into a release, how it is rounded, what is refused."""

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.model import Thresholds
from orchestration.release.checks import candidate_problems
from orchestration.release.contents import prepare_measures
from orchestration.release.publish import write_release
from tests.unit.release.measured_warehouse import (
    add_rows,
    measured_warehouse,
    measuring_registry,
    released_rows,
)
from tests.unit.release.small_warehouse import small_meta, small_registry

Found = dict[str, Any]


def _cells(con: duckdb.DuckDBPyConnection, where: str) -> list[Found]:
    names = (
        "practice_id, site_id, instrument_code, version, language, informant, collection_mode, "
        "metric, stage, period"
    )
    found = con.execute(
        f"select {names} from benchmark.site_benchmarks where {where} order by site_id"
    )
    return [dict(zip(names.split(", "), row, strict=True)) for row in found.fetchall()]


ADJUSTED = {
    "n_clients": 40,
    "expected": 31.2345,
    "adjusted": 33.2345,
    "standard_error": 0.8765,
    "target": 32.5555,
    "z": 0.7654,
    "lower95": 30.04,
    "upper95": 35.06,
    "lower998": 29.04,
    "upper998": 36.06,
    "flag": "within",
    "shrunken": 32.9999,
    "largest_share_missing": 0.3,
}
GAP = {
    "n_clients": 40,
    "gap": 1.44,
    "gap_case_mix": 0.44,
    "gap_response": 0.34,
    "gap_therapists": 0.24,
    "gap_rest": 0.42,
    "outcome_instrument_code": "phq_9",
    "outcome_of_gap": 0.1234,
    "outcome_lower95": 0.0567,
    "outcome_upper95": 0.2,
}


@pytest.fixture
def warehouse() -> duckdb.DuckDBPyConnection:
    return _filled()


def _filled() -> duckdb.DuckDBPyConnection:
    """Rows of every cell, that of the small site too, which a careless night would leave."""
    con = measured_warehouse()
    for cell in _cells(con, "true"):
        add_rows(con, "site_adjustments", cell | ADJUSTED)
        add_rows(con, "site_gaps", cell | GAP)
    prepare_measures(con, Thresholds())
    return con


def test_values_are_rounded_as_means_are(warehouse: duckdb.DuckDBPyConnection) -> None:
    columns = (
        "site_id, expected, adjusted, standard_error, target, z, upper95, flag, shrunken, "
        "shrunken_upper95, largest_share_missing"
    )
    first, *others = released_rows(warehouse, "site_adjustments", columns)
    assert first == ("site_00", 31.2, 33.2, 0.9, 32.6, 0.8, 35.1, "within", 33, None, 0.3)
    # The fourth site's cell is suppressed.
    assert [row[0] for row in others] == ["site_01", "site_02"]
    warehouse.execute(
        "create or replace temp table released_site_adjustments as from shown_adjustments"
    )
    found = released_rows(warehouse, "site_benchmarks", "site_id, adjusted, comparability")
    assert [row[:2] for row in found] == [
        ("site_00", 33.2), ("site_01", 33.2), ("site_02", 33.2), ("site_03", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("share", "n_clients", "shown"),
    # 12 and 28 of 40; 10 of 40, and 30 of them, are few on one side; 20 of 103 a twentieth still.
    [(0.3, 40, 0.3), (0.25, 40, None), (0.75, 40, None), (0.0, 40, 0.0), (20 / 103, 103, 0.2)],
)
def test_a_share_missing_of_few_clients_is_not_said(
    warehouse: duckdb.DuckDBPyConnection, share: float, n_clients: int, shown: float | None
) -> None:
    warehouse.execute(
        "update benchmark.site_adjustments set largest_share_missing = ?, n_clients = ?",
        [share, n_clients],
    )
    found = released_rows(warehouse, "site_adjustments", "largest_share_missing")
    assert set(found) == {(shown,)}


def test_parts_add_up_to_the_gap_that_is_shown(warehouse: duckdb.DuckDBPyConnection) -> None:
    columns = "gap, gap_case_mix, gap_response, gap_therapists, gap_rest"
    # 1.4 = .4 + .3 + .2 + .5: what is cut off the others is in the rest, of which .42 was found.
    assert set(released_rows(warehouse, "site_gaps", columns)) == {(1.4, 0.4, 0.3, 0.2, 0.5)}
    warehouse.execute("update benchmark.site_gaps set gap_response = null, gap_therapists = null")
    assert set(released_rows(warehouse, "site_gaps", columns)) == {(1.4, 0.4, None, None, 1.0)}
    # Nothing has no sign.
    warehouse.execute("update benchmark.site_gaps set gap = 1.44, gap_case_mix = -0.04")
    ((no_part,),) = set(released_rows(warehouse, "site_gaps", "gap_case_mix"))
    assert str(no_part) == "0.0"
    outcome = "outcome_instrument_code, outcome_of_gap, outcome_lower95, outcome_upper95"
    assert set(released_rows(warehouse, "site_gaps", outcome)) == {("phq_9", 0.12, 0.06, 0.2)}


def test_what_cannot_be_told_from_the_site_stands_with_its_other_reasons(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    warehouse.execute(
        "update benchmark.site_adjustments set adjusted = null, "
        "null_reason = 'covariate_not_identifiable' where site_id <> 'site_02'"
    )
    warehouse.execute("update benchmark.site_benchmarks set comparability = null")
    warehouse.execute(
        "update benchmark.site_benchmarks set comparability = 'dates_by_year' "
        "where site_id = 'site_01'"
    )
    warehouse.execute(
        "create or replace temp table released_site_adjustments as from shown_adjustments"
    )
    found = released_rows(warehouse, "site_benchmarks", "site_id, adjusted, comparability")
    assert found == [
        ("site_00", None, "covariate_not_identifiable"),
        ("site_01", None, "dates_by_year,covariate_not_identifiable"),
        ("site_02", 33.2, None),
        ("site_03", None, None),
    ]


def test_models_say_what_they_are_worth(warehouse: duckdb.DuckDBPyConnection) -> None:
    (network, *_) = _cells(warehouse, "site_id = 'site_00'")
    family = {
        name: network[name]
        for name in (
            "instrument_code", "version", "language", "informant", "collection_mode", "stage",
        )
    }  # fmt: skip
    numbers = {"n_clients": 203, "n_clients_therapist_unknown": 7, "n_sites": 3}
    add_rows(
        warehouse,
        "case_mix_models",
        family | numbers | {"period": "all", "r2_within": 0.123, "r2_between": -0.456}
        | {"slope": 0.987, "slope_lower95": 0.7, "slope_upper95": 1.27},
        family | {"stage": "ending", "period": "all", "reason": "no covariate is known and varies"},
    )  # fmt: skip
    assert released_rows(
        warehouse,
        "case_mix_models",
        "stage, n_clients, n_sites, r2_within, r2_between, calibration_slope, null_reason",
    ) == [
        ("all", 205, 3, 0.12, -0.46, 0.99, None),
        ("ending", None, None, None, None, None, "no covariate is known and varies"),
    ]
    add_rows(
        warehouse,
        "case_mix_coefficients",
        family | {"covariate": "baseline_severity", "value": -0.051249, "lower95": -0.07}
        | {"share_missing": 0.3, "reliability": 0.7432},
        # 10 of 210 clients.
        family | {"covariate": "age_band", "category": "18-25", "value": 0.567}
        | {"share_missing": 10 / 210},
        family | {"covariate": "service_type", "reason": "one_value"},
    )  # fmt: skip
    assert released_rows(
        warehouse,
        "case_mix_coefficients",
        "covariate, category, estimate, lower95, share_missing, reliability, null_reason",
    ) == [
        ("age_band", "18-25", 0.57, None, None, None, None),
        ("baseline_severity", None, -0.0512, -0.07, 0.3, 0.74, None),
        ("service_type", None, None, None, None, None, "one_value"),
    ]
    tenth = {"expected": 31.234, "observed": 31.876}
    for decile, n_clients in ((1, 11), (2, 12)):
        add_rows(
            warehouse,
            "case_mix_calibration",
            family | tenth | {"decile": decile, "n_clients": n_clients},
            family | tenth | {"stage": "ending", "decile": decile, "n_clients": n_clients - 1},
        )
    columns = "stage, tenth, expected, observed"
    # A tenth of ten clients hides its whole network.
    assert released_rows(warehouse, "case_mix_calibration", columns) == [
        ("all", 1, 31.2, 31.9),
        ("all", 2, 31.2, 31.9),
    ]


def test_without_measures_nothing_of_them_is_read(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    warehouse.execute(
        "update benchmark.site_adjustments set adjusted = null, "
        "null_reason = 'covariate_not_identifiable' where site_id = 'site_00'"
    )
    registry = small_registry()
    published = write_release(warehouse, tmp_path, small_meta(registry), registry)
    with duckdb.connect(str(tmp_path / f"{published.release_id}.duckdb"), read_only=True) as found:
        assert found.execute(
            "select count(*), count(adjusted), "
            "count(*) filter (where contains(comparability, 'covariate')) from site_benchmarks"
        ).fetchall() == [(4, 0, 0)]
        assert found.execute(
            "select (select count(*) from site_adjustments), (select count(*) from site_gaps)"
        ).fetchall() == [(0, 0)]
    # Where no night ever had measures there is no such table to read.
    for name in ("site_adjustments", "site_gaps"):
        warehouse.execute(f"drop table benchmark.{name}")
    rows = released_rows(warehouse, "site_benchmarks", "site_id", with_measures=False)
    assert len(rows) == 4


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    registry, folder = measuring_registry(), tmp_path_factory.mktemp("compared")
    published = write_release(_filled(), folder, small_meta(registry), registry)
    return folder / f"{published.release_id}.duckdb"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update site_gaps set gap_rest = gap_rest + 0.1", "sum of their parts"),
        ("update site_gaps set gap_response = null", "sum of their parts"),
        ("update site_gaps set gap_rest = null", "sum of their parts"),
        ("update site_gaps set site_id = 'site_03' where site_id = 'site_00'", "not shown"),
        ("update site_adjustments set period = '2025' where site_id = 'site_00'", "not shown"),
        ("update site_benchmarks set adjusted = 33.3 where adjusted is not null", "not those of"),
        ("delete from site_adjustments where site_id = 'site_00'", "not those of"),
        ("update site_adjustments set null_reason = 'x'", "a reason, or both"),
    ],
)
def test_a_bad_file_is_refused(good: Path, tmp_path: Path, change: str, said: str) -> None:
    path = tmp_path / "candidate.duckdb"
    shutil.copy(good, path)
    with duckdb.connect(str(path)) as candidate:
        assert candidate_problems(candidate, "release", Thresholds()) == []
        candidate.execute(change)
        assert any(said in each for each in candidate_problems(candidate, "release", Thresholds()))
