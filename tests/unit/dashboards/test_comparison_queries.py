"""What stands behind a comparison is read from the release for one form, stage and site."""

import shutil
from dataclasses import asdict
from pathlib import Path

import duckdb
import pytest

from dashboards import queries, queries_behind, queries_comparison
from dashboards.release import Choice, Form, SiteResult
from tests.browser import fixture_comparison
from tests.browser.fixture_release import FixtureRelease, build_release

FORM = Form("srs", "3", "en", "client", "tablet")
VIEW = Choice(FORM, "all", "12m-2026-10")
OPENING = Choice(FORM, "opening", "12m-2026-10")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> FixtureRelease:
    return build_release(tmp_path_factory.mktemp("home"))


@pytest.fixture
def cursor(release: FixtureRelease) -> duckdb.DuckDBPyConnection:
    return queries.open_release(queries.current_pointer(release.home))


@pytest.fixture
def elm_court(cursor: duckdb.DuckDBPyConnection) -> SiteResult:
    rows = queries_comparison.site_results(cursor, VIEW)
    return next(row for row in rows if row.site_label == "Elm Court")


def _in_file(release: FixtureRelease, folder: Path, sql: str) -> list[tuple[object, ...]]:
    # A copy: one process cannot hold the same file open under two configurations.
    copy = shutil.copy(release.path, folder)
    with duckdb.connect(str(copy), read_only=True) as direct:
        return direct.execute(sql).fetchall()


def test_adjusted_values_are_those_of_the_view(
    release: FixtureRelease, cursor: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    found = queries_comparison.adjustments(cursor, VIEW)
    names = tuple(asdict(next(iter(found.values()))))
    rows = _in_file(release, tmp_path, f"select {', '.join(names)} from site_adjustments")
    assert {tuple(asdict(item).values()) for item in found.values()} == set(rows)
    assert len(found) == 12
    assert queries_comparison.adjustments(cursor, OPENING) == {}


def test_shrunken_values_and_reliability_come_with_a_site(elm_court: SiteResult) -> None:
    assert elm_court.shrunken is not None
    assert elm_court.reliability == pytest.approx(0.09 / (0.09 + 0.41**2))
    assert elm_court.adjusted is not None


def test_the_parts_of_a_gap_are_the_sites_own_and_add_up(
    cursor: duckdb.DuckDBPyConnection, elm_court: SiteResult
) -> None:
    gap = queries_comparison.gap(cursor, VIEW, elm_court)
    assert gap is not None
    assert (gap.practice_id, gap.site_id) == ("birchwood", "elm_court")
    parts = (gap.gap_case_mix, gap.gap_response, gap.gap_therapists, gap.gap_rest)
    assert sum(part or 0 for part in parts) == pytest.approx(gap.gap)
    assert queries_comparison.gap(cursor, OPENING, elm_court) is None


def test_a_line_is_the_sites_own_in_the_order_of_time(
    cursor: duckdb.DuckDBPyConnection, elm_court: SiteResult
) -> None:
    points = queries_behind.trend(cursor, VIEW, elm_court)
    own = [row for row in fixture_comparison.trends() if row["site_id"] == "elm_court"]
    assert [point.value for point in points] == [row["value"] for row in own]
    assert [point.period_on for point in points] == sorted(point.period_on for point in points)
    assert {point.site_id for point in points} == {"elm_court"}
    assert queries_behind.trend(cursor, OPENING, elm_court) == []
    assert len(queries_behind.deciles(cursor, VIEW)) == 32
    assert queries_behind.deciles(cursor, OPENING) == []


def test_changes_are_those_of_the_site_its_practice_and_the_group(
    cursor: duckdb.DuckDBPyConnection, elm_court: SiteResult
) -> None:
    names = [item.name for item in queries_behind.interventions(cursor, elm_court)]
    assert names == ["Forms on tablets", "New welcome call"]


def test_this_networks_own_reference_comes_first(cursor: duckdb.DuckDBPyConnection) -> None:
    sources = [band.source for band in queries_comparison.reference_bands(cursor, VIEW)]
    assert sources == ["this network", "A publication 2019", "Far away 2001"]
    assert queries_comparison.reference_bands(cursor, OPENING) == []


def test_the_model_is_that_of_the_form_and_stage(cursor: duckdb.DuckDBPyConnection) -> None:
    model = queries_behind.case_mix_model(cursor, VIEW)
    assert model is not None
    assert (model.n_clients, model.calibration_slope) == (2270, 0.97)
    coefficients = queries_behind.case_mix_coefficients(cursor, VIEW)
    assert [item.covariate for item in coefficients][-1] == "service_type", "left out, so last"
    assert [item.tenth for item in queries_behind.case_mix_calibration(cursor, VIEW)] == [
        *range(1, 11)
    ]
    assert queries_behind.case_mix_model(cursor, OPENING) is None


def test_a_release_says_whether_its_group_asks_for_measures(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    assert queries.release(cursor).has_measures
    build_release(tmp_path, has_measures=False)
    without = queries.open_release(queries.current_pointer(tmp_path))
    assert not queries.release(without).has_measures
