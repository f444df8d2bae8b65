"""A sample of the study of measures released in sequence; the whole is `make studies`."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from orchestration.release.contents import ALL_PROTECTIONS
from tests.studies import measures_released
from tests.studies.measures_drawn import (
    cells_of,
    fill_cells,
    fill_sketches,
    members_of,
    periods_of,
)
from tests.unit.release.measured_warehouse import measured_warehouse

PRIME, BUCKETS = 2_147_483_647, 64


def test_nothing_follows_from_releases_in_sequence() -> None:
    found = measures_released.attacked(0, 2)
    assert (found.findings, found.n_released, found.n_refused) == ((), 2, 0)
    assert found.n_stood > 0


@pytest.mark.parametrize(
    ("protection", "what"),
    [
        ("refresh", "written early"),
        # Of a site that only grows, two releases differ by the month that came.
        ("sides", "worked out: drawn_2, unchanged, all, all, 2025-07"),
    ],
)
def test_without_a_protection_something_follows(protection: str, what: str) -> None:
    off: dict[str, Any] = {protection: False}
    found = measures_released.attacked(0, 2, replace(ALL_PROTECTIONS, **off))
    assert any(text.startswith(what) for text in found.findings)


def _bucket(n_units: int, numerators: int) -> int:
    billionths = 1_000_000_000
    contribution = (
        1_640_531_527 * n_units
        + 1_013_904_223 * n_units
        + 69_621 * numerators * billionths
        + 48_271 * n_units * billionths
    ) % PRIME
    return contribution**2 % PRIME % BUCKETS


@pytest.mark.parametrize("metric", ["mean_score", "recovered"])
def test_sketches_are_those_of_the_model(metric: str) -> None:
    """Eleven clients with a unit of 1, one with units of 1 and 0, which fall in two months."""
    ones = [{"client": number, "month": "2025-01", "value": 1.0} for number in range(11)]
    two = [{"client": 11, "month": f"2025-0{2 + value}", "value": float(value)} for value in (0, 1)]
    units = pd.DataFrame([*ones, *two]).assign(
        site=0, metric=metric, age_band="30_44", delivery_mode="video"
    )
    periods = periods_of(["2025-01", "2025-02", "2025-03"])
    con = measured_warehouse()
    fill_cells(con, cells_of(members_of(units, periods)))
    fill_sketches(con, units, periods)
    expected = [0] * BUCKETS
    expected[_bucket(1, 1)] += 11
    alone = list(expected)
    expected[_bucket(2, 1)] += 1
    found = con.execute(
        "select stratum_kind, period, n_people, sketch from intermediate.int_cells_sketched "
        "order by all"
    ).fetchall()
    assert found == [
        ("age_band", "all", 12, expected),
        ("all", "12m-2025-03", 12, expected),
        ("all", "2025-01", 11, alone),
        ("all", "2025-Q1", 12, expected),
        ("all", "all", 12, expected),
        ("delivery_mode", "all", 12, expected),
    ]
