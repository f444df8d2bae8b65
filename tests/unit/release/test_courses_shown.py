"""Courses and shares of variance in a release: what is shown, rounded, and what is not."""

import duckdb
import pytest

from expectations.model import Thresholds
from orchestration.release.contents import prepare_measures
from tests.unit.release.measured_warehouse import (
    NETWORK,
    PEOPLE,
    add_rows,
    measured_warehouse,
    released_rows,
)


@pytest.fixture
def warehouse() -> duckdb.DuckDBPyConnection:
    con = measured_warehouse()
    prepare_measures(con, Thresholds())
    return con


FORM_AT_SITE = {**NETWORK, "practice_id": "practice", "site_id": "site_00", "period": "all"}


def test_courses_are_shown_rounded_or_hidden(warehouse: duckdb.DuckDBPyConnection) -> None:
    course = {
        **FORM_AT_SITE,
        **PEOPLE,
        "n_clients_short": 16,
        "lower95": -0.12345,
        "upper95": 0.98765,
    }
    network = {**course, "practice_id": None, "site_id": None}
    few = {"n_clients": 10, "value": None, "lower95": None, "upper95": None}
    add_rows(
        warehouse,
        "trajectories",
        {**course, "figure": "level", "value": 31.2345},
        {**course, "figure": "slope", "value": 0.12345},
        {**course, "figure": "curvature", "value": -0.01234},
        # Few with a course; of few therapists; few without a course, whose share is not said.
        {**course, "site_id": "site_01", "figure": "slope", **few, "null_reason": "not_shown"},
        {**course, "site_id": "site_02", "figure": "slope", "value": 0.1, "n_therapists": 2},
        {**course, "site_id": "site_03", "figure": "slope", "value": 0.1, "n_clients_short": 10},
        {**course, "site_id": "site_04", "figure": "slope", "value": 0.1, "n_clients_short": 0},
        {**network, "figure": "slope", "value": 0.12345, "n_clients": 103, "n_clients_short": 41},
        {**network, "figure": "curvature", **few, "null_reason": "too_few_clients"},
    )
    found = released_rows(
        warehouse,
        "trajectories",
        "site_id, metric, n_sites, n_clients_at_least, short_share, value, lower95, upper95, "
        "null_reason, is_suppressed",
    )
    slope, bend = "trajectory_slope", "trajectory_curvature"
    none = (None,) * 6
    # 16 of 63 are .254, a twentieth: .25; 41 of 144 are .285, of 103 a whole percent.
    assert found == [
        ("site_00", bend, None, 11, 0.25, -0.012, -0.123, 0.988, None, False),
        ("site_00", "trajectory_level", None, 11, 0.25, 31.2, 3.7, 3.7, None, False),
        ("site_00", slope, None, 11, 0.25, 0.12, -0.12, 0.99, None, False),
        ("site_01", slope, *none, None, True),
        ("site_02", slope, *none, None, True),
        ("site_03", slope, None, 11, None, 0.1, -0.12, 0.99, None, False),
        ("site_04", slope, None, 11, 0.0, 0.1, -0.12, 0.99, None, False),
        (None, bend, *none, "too_few_clients", False),
        (None, slope, 4, 101, 0.28, 0.12, -0.12, 0.99, None, False),
    ]


def test_a_short_scale_s_course_has_a_decimal_more(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute("insert into marts.dim_scales values ('arm_5', '1', 'total', 1.0, 7.0)")
    arm = {**FORM_AT_SITE, "instrument_code": "arm_5", "version": "1", **PEOPLE}
    add_rows(warehouse, "trajectories", {**arm, "figure": "slope", "value": 0.01234})
    add_rows(warehouse, "trajectories", {**arm, "figure": "level", "value": 5.4321})
    found = released_rows(warehouse, "trajectories", "metric, value")
    assert found == [("trajectory_level", 5.4), ("trajectory_slope", 0.012)]


def test_shares_of_variance_are_the_network_s_alone(warehouse: duckdb.DuckDBPyConnection) -> None:
    shares = {**NETWORK, "period": "all", **PEOPLE, "n_clients": 1_213, "minimum": 1_200}
    add_rows(
        warehouse,
        "variance_components",
        {**shares, "level": "site", "value": 0.01234, "lower95": 0.0049, "upper95": 0.03},
        {
            **shares,
            "level": "therapist",
            "value": 0.0,
            "sentence": "None was found.",
            "interval_null_reason": "no_variance_found",
        },
        {**shares, "level": "client", "n_clients": 47, "null_reason": "too_few_clients"},
        # Nobody's therapists are enough: nothing of it is said.
        {**shares, "level": "session", "value": 0.5, "n_therapists": 2, "n_sites": 1},
    )
    found = released_rows(
        warehouse,
        "variance_components",
        "site_id, metric, n_sites, n_clients_at_least, value, lower95, interval_null_reason, "
        "sentence, null_reason, is_suppressed",
    )
    share = "variance_share_"
    none = (None,) * 7
    assert found == [
        (None, f"{share}client", 4, 11, None, None, None, None, "too_few_clients", False),
        (None, f"{share}session", *none, True),
        (None, f"{share}site", 4, 1001, 0.012, 0.005, None, None, None, False),
        (
            *(None, f"{share}therapist", 4, 1001, 0.0, None),
            *("no_variance_found", "None was found.", None, False),
        ),
    ]
