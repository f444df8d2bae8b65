"""The studies' own counting, by hand: a study that miscounts would promise anything."""

import math

import pandas as pd
import pytest

from tests.studies.pipeline import NetworkRun
from tests.studies.truth_recovered import findings


def _run(rows: list[dict[str, object]]) -> NetworkRun:
    base = {
        "instrument_code": "srs",
        "informant": "client",
        "standard_error": 1.0,
        "target": 30.0,
        "lower95": 28.0,
        "upper95": 32.0,
        "lower998": 27.0,
        "upper998": 33.0,
        "flag": None,
        "planted_sd": 0.0,
        "missing_bias": 0.5,
        "truth": 30.0,
    }
    whole = pd.DataFrame([base | row for row in rows])
    return NetworkRun(whole.drop(columns=["truth", "planted_sd", "missing_bias"]), whole)


def test_shares_by_hand() -> None:
    first = _run(
        [
            {"raw": 30.0, "flag": "within"},  # covered, within
            {"raw": 32.5, "flag": "above_95"},  # 2.5 off: not covered; beyond 95 %
            {"raw": 34.0},  # not covered; beyond both; flag withheld
            {"raw": 30.0, "target": None},  # covered; no limits, so not judged
            {"raw": 34.0, "truth": 34.0, "planted_sd": 0.5, "flag": "above_998"},
            {"raw": 29.0, "truth": 28.0, "planted_sd": -0.5},  # planted and not found
        ]
    )
    second = _run([{"raw": 27.5, "truth": 27.5, "planted_sd": 0.5}])
    found = findings([first, second])
    assert found.n_networks == 2
    assert found.covered == pytest.approx(5 / 7)
    assert found.flagged_95 == pytest.approx(2 / 3)
    assert found.flagged_998 == pytest.approx(1 / 3)
    assert found.published_flags == pytest.approx(1 / 4)
    assert found.every_cell_95 == pytest.approx(4 / 6)
    assert found.planted_beyond == pytest.approx(2 / 3)
    assert found.planted_published == pytest.approx(1 / 3)
    assert found.both_planted_beyond == pytest.approx(1 / 2)
    # Errors 0, 2.5, 4, 0, 0, 1, 0.
    assert found.bias == {"srs client": pytest.approx(7.5 / 7)}
    assert found.expected_bias == {"srs client": pytest.approx(0.5)}


def test_a_world_without_planted_sites_says_nothing_of_them() -> None:
    found = findings([_run([{"raw": 30.0}])])
    assert math.isnan(found.planted_beyond)
    assert math.isnan(found.both_planted_beyond)
