"""Rows of measures that come near to what they said some releases ago, shares that add up over
periods, and the last twelve months, which have another name each month."""

from typing import Any

import duckdb
import pytest

from expectations.model import Thresholds
from orchestration.release.contents import MeasureProtections, prepare_measures
from orchestration.release.standing_rows import let_stand
from tests.unit.release.small_warehouse import NIGHT
from tests.unit.release.test_standing_rows import (
    ANEW,
    STANDS,
    built,
    con,
    night,
    problems,
    set_cell,
    shown,
)

__all__ = ["built", "con"]
HALF = (0.6, 1.0, None, True, False)
"""What a night in between says."""


@pytest.mark.parametrize(
    ("sketch", "expected"),
    [
        ([10, 30], STANDS),  # all as it was
        ([10, 40], STANDS),  # but for ten who came
        ([10, 41], ANEW),  # but for eleven
        ([40, 10], HALF),  # hardly another than the last time
    ],
)
def test_a_row_is_held_against_every_release_that_wrote_it(
    con: duckdb.DuckDBPyConnection, sketch: list[int], expected: tuple[Any, ...]
) -> None:
    for before, value in (([10, 30], 0.5), ([40, 0], 0.6)):
        set_cell(con, before, value=value)
        night(con)
    set_cell(con, sketch, value=0.8)
    night(con)
    assert shown(con) == [expected]
    # It says the same the next night, and nothing is written for it.
    night(con)
    assert shown(con) == [expected]
    (rows,) = con.execute("select list(release_no) from benchmark.disclosure_measures").fetchall()
    assert sorted(rows[0]) == ([1, 2] if expected == HALF else [1, 2, 3])


def test_of_two_releases_near_to_tonight_the_newer_one_stands(
    con: duckdb.DuckDBPyConnection,
) -> None:
    for before, value in (([30, 30], 0.5), ([30, 45], 0.6), ([90, 90], 0.7)):
        set_cell(con, before, value=value)
        night(con)
    set_cell(con, [30, 38], value=0.8)
    night(con)
    assert shown(con) == [HALF]


def _written_too_early(con: duckdb.DuckDBPyConnection, **off: bool) -> list[str]:
    prepare_measures(con, Thresholds())
    let_stand(con, Thresholds(), NIGHT.date(), MeasureProtections(**off))
    return problems(con)


def test_the_gate_holds_a_row_against_every_release(con: duckdb.DuckDBPyConnection) -> None:
    for sketch, value in (([10, 30], 0.5), ([40, 0], 0.6)):
        set_cell(con, sketch, value=value)
        night(con)
    set_cell(con, [10, 40], value=0.8)
    (said,) = _written_too_early(con, history=False)
    assert said.startswith("site_metrics: a row was written anew though too few")


@pytest.mark.parametrize(
    ("sketch", "expected"),
    [
        ([21, 40], STANDS),  # eleven on one side, ten on the other
        ([40, 30], STANDS),  # thirty on one side
        ([21, 41], ANEW),
        ([21, 19], ANEW),  # eleven changed sides
    ],
)
def test_a_share_of_episodes_changes_on_both_sides(
    con: duckdb.DuckDBPyConnection, sketch: list[int], expected: tuple[Any, ...]
) -> None:
    """11 of those counted, and of the others, as of any share that is shown."""
    share = {"metric": "recovered", "n_units": 40, "n_valued": 40}
    _set_metric(con, [10, 30], **share)
    night(con)
    _set_metric(con, sketch, **share, value=0.8)
    night(con)
    assert shown(con) == [expected]


def test_the_gate_finds_a_share_that_changed_on_one_side(con: duckdb.DuckDBPyConnection) -> None:
    share = {"metric": "recovered", "n_units": 40, "n_valued": 40}
    _set_metric(con, [10, 30], **share)
    night(con)
    _set_metric(con, [40, 40], **share, value=0.8)
    (said,) = _written_too_early(con, sides=False)
    assert said.startswith("site_metrics: a row was written anew though too few")


def _set_metric(con: duckdb.DuckDBPyConnection, sketch: list[int], **changed: Any) -> None:
    set_cell(con, sketch, **changed)
    con.execute("update intermediate.int_cells_sketched set metric = ?", [changed["metric"]])


def _set_period(
    con: duckdb.DuckDBPyConnection, sketch: list[int], period: str, value: float
) -> None:
    set_cell(con, sketch, period=period, value=value)
    con.execute("update intermediate.int_cells_sketched set period = ?", [period])


@pytest.mark.parametrize(("n_more", "expected"), [(10, 0.5), (11, 0.8)])
def test_the_last_twelve_months_stand_under_their_new_name(
    con: duckdb.DuckDBPyConnection, n_more: int, expected: float
) -> None:
    _set_period(con, [10, 30], "12m-2026-08", 0.5)
    night(con)
    _set_period(con, [10 + n_more, 30], "12m-2026-09", 0.8)
    night(con)
    rows = con.execute("select period, value from released_site_metrics").fetchall()
    assert rows == [("12m-2026-09", expected)]
    early = _written_too_early(con, refresh=False)
    assert bool(early) == (n_more == 10)


def test_a_month_is_not_held_against_another(con: duckdb.DuckDBPyConnection) -> None:
    for period, value in (("2026-08", 0.5), ("2026-09", 0.8)):
        _set_period(con, [10, 30], period, value)
        night(con)
    rows = con.execute("select period, value from released_site_metrics").fetchall()
    assert rows == [("2026-09", 0.8)]
