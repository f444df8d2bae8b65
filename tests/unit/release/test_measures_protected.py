"""Classes of counts, and which cells of the measures are hidden for another one's sake."""

from typing import Any

import duckdb
import pytest

from expectations.model import Thresholds
from orchestration.release.contents import prepare_measures
from tests.unit.release.measured_warehouse import add_cell, measured_warehouse, released_rows


@pytest.fixture
def warehouse() -> duckdb.DuckDBPyConnection:
    return measured_warehouse()


def test_steps_of_classes_are_multiples_of_what_a_hidden_count_may_be(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """So that no sum of their ends bounds a hidden count of 1 to 10 (or 1 to 19) by more than 1."""
    for minimum, least in ((11, [11, 101, 1001, 10001]), (20, [20, 191, 1901, 19001])):
        prepare_measures(warehouse, Thresholds(minimum_clients=minimum))
        found = warehouse.execute(
            "select distinct shown_least(n) from range(1, 20001) as t(n) order by all"
        ).fetchall()
        assert found == [(each,) for each in least] + [(None,)]
        ends = [least - 1 for least in least]
        assert all(end % (minimum - 1) == 0 for end in ends)


def _strata(con: duckdb.DuckDBPyConnection, columns: str = "stratum") -> list[Any]:
    found = released_rows(con, "site_metrics", f"stratum_kind, {columns}")
    return [row[1] if len(row) == 2 else row[1:] for row in found if row[0] != "all"]


@pytest.mark.parametrize(
    ("counts", "total", "shown"),
    [
        # All shown; one hidden alone takes the smallest with it; two that are enough do not.
        ({"a": 30, "b": 30}, 60, ["a", "b"]),
        ({"a": 30, "b": 20, "c": 5}, 55, ["a"]),
        ({"a": 30, "b": 20, "c": 5, "d": 6}, 61, ["a", "b"]),
        # Units of no known stratum are a part, too: 5 clients, and 15.
        ({"a": 30, "b": 20}, 55, ["a"]),
        ({"a": 30, "b": 20}, 65, ["a", "b"]),
    ],
)
def test_what_is_hidden_of_a_kind_holds_enough_people(
    warehouse: duckdb.DuckDBPyConnection, counts: dict[str, int], total: int, shown: list[str]
) -> None:
    mean = {"metric": "mean_score", "value": 20.0, "n_clients_counted": None}
    add_cell(warehouse, **mean, n_clients=total, n_valued=total, n_units=total)
    for stratum, n in counts.items():
        cell = {"stratum_kind": "age_band", "stratum": stratum, "n_clients": n}
        add_cell(warehouse, **mean, **cell, n_valued=n, n_units=n)
    assert _strata(warehouse) == shown


def test_what_is_shown_of_a_kind_leaves_a_hidden_score_free(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """100 clients of a mean of 20; of 12 hidden ones each stays possible from 0 to 40 while those
    shown have 20 too, and not when eight bands of 11 have 23: 100 x 20.05 - 88 x 22.95 is 0."""
    for value, n_shown in ((20.0, 8), (23.0, 0)):
        warehouse.execute("delete from marts.rpt_site_metrics")
        mean = {"metric": "mean_score", "n_clients_counted": None}
        add_cell(warehouse, **mean, value=20.0, n_clients=100, n_valued=100)
        for band in range(8):
            cell = {"stratum_kind": "age_band", "stratum": f"{band}", "n_clients": 11}
            add_cell(warehouse, **mean, **cell, value=value, n_valued=11)
        small = {"stratum_kind": "age_band", "stratum": "small", "n_clients": 6}
        add_cell(warehouse, **mean, **small, value=2.0, n_valued=6)
        add_cell(warehouse, **mean, **{**small, "stratum": "other"}, value=2.0, n_valued=6)
        assert len(_strata(warehouse)) == n_shown


def test_one_metric_is_not_hidden_alone_of_those_that_share_units_out(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    shares = {"recovered": 30, "improved": 15, "unchanged": 25, "deteriorated": 4, "harmed": 0}
    for metric, n in shares.items():
        for kind, stratum in (("all", "all"), ("interpreter", "with")):
            add_cell(
                warehouse, metric=metric, stratum_kind=kind, stratum=stratum, value=n / 74,
                n_clients=74, n_valued=74, n_clients_counted=n, n_clients_not_counted=74 - n,
            )  # fmt: skip
    found = released_rows(warehouse, "site_metrics", "metric, stratum_kind, value")
    assert found == [
        ("deteriorated", "all", None),
        ("harmed", "all", None),
        ("improved", "all", None),
        ("recovered", "all", 0.4),
        ("unchanged", "all", 0.35),
    ]


def test_periods_of_metrics_of_episodes_are_shown_all_or_none(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """In 2025 there are 8 clients: 2024 would give them away. Forms of one client stand in many
    months, and years do not add up."""
    for metric in ("early_alliance", "mean_score"):
        mean = {"metric": metric, "value": 20.0, "n_clients_counted": None}
        for period, n in (("all", 80), ("2023", 40), ("2024", 32), ("2025", 8), ("2023-Q1", 40)):
            add_cell(warehouse, **mean, period=period, n_clients=n, n_valued=n)
    columns = "period, is_suppressed"
    hidden = [("2023", True), ("2023-Q1", False), ("2024", True), ("2025", True), ("all", False)]
    assert released_rows(warehouse, "cohort_flow", columns) == hidden
    shown = [("2023", False), ("2023-Q1", False), ("2024", False), ("2025", True), ("all", False)]
    assert released_rows(warehouse, "site_metrics", columns) == shown


def test_a_small_cell_of_a_stratum_is_absent(warehouse: duckdb.DuckDBPyConnection) -> None:
    add_cell(warehouse, stratum_kind="age_band", stratum="18-25", n_clients=9)
    add_cell(warehouse)
    add_cell(warehouse, metric="lag_days", n_clients=9)
    found = released_rows(warehouse, "site_metrics", "metric, stratum, is_suppressed")
    assert found == [("ceiling_share", "all", False), ("lag_days", "all", True)]
