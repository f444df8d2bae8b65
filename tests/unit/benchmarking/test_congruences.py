"""Tracking and bias of dyads worked out by hand, and when they have an interval."""

import numpy as np
import pandas as pd
import pytest

from expectations.model import Thresholds
from orchestration.benchmarking.congruences import COLUMNS, congruences_table
from orchestration.benchmarking.units import Units
from tests.unit.benchmarking.measured_units import Found, found_in, units

FEW = Thresholds(minimum_clients=2, minimum_therapists=1)
DYAD = {
    "dyad": "client_therapist",
    "second_instrument_code": "srs",
    "second_version": "3",
}


def _pairs(n_dyads: int, n_therapists: int, n_sites: int = 1) -> Units:
    """Dyad d: the client at 50, 60, 70, the therapist half as far about 60 + d."""
    dyad = np.repeat(np.arange(n_dyads), 3)
    client = np.tile([50.0, 60.0, 70.0], n_dyads)
    return units(
        "abc"[:n_sites],
        {
            "cell_no": (dyad % n_sites).tolist(),
            "client_no": dyad.tolist(),
            "therapist_no": (dyad % n_therapists if n_therapists else dyad * 0 - 1).tolist(),
            "dyad_no": dyad.tolist(),
            "first_pomp": client.tolist(),
            "second_pomp": (60 + dyad + (client - 60) / 2).tolist(),
        },
        **DYAD,
    )


def _figures(table: pd.DataFrame, site: str | None) -> dict[str, Found]:
    return {row["figure"]: row for row in found_in(table) if row["site_id"] == site}


def test_bias_and_tracking_by_hand() -> None:
    # Ten dyads: gaps 0 to 9, mean 4.5. Every therapist moves half as far as the client.
    table = congruences_table(_pairs(10, 10), FEW, 3)
    assert tuple(table.columns) == COLUMNS
    for site in ("a", None):
        found = _figures(table, site)
        assert found["bias"]["value"] == pytest.approx(4.5)
        assert found["tracking"]["value"] == pytest.approx(0.5)
        # sqrt(10/9 x sum of ((gap - 4.5) / 10)^2) = sqrt(10/9 x .825) = .957427.
        assert found["bias"]["standard_error"] == pytest.approx(0.957427, abs=1e-6)
        counts = [found["bias"][name] for name in ("n_dyads", "n_pairs", "n_clients", "n_sites")]
        assert counts == [10, 30, 10, 1]


def test_with_few_therapists_the_figure_stands_without_an_interval() -> None:
    bias = _figures(congruences_table(_pairs(12, 3), FEW, 3), "a")["bias"]
    assert bias["value"] == pytest.approx(5.5)
    assert [bias[name] for name in ("lower95", "upper95", "standard_error")] == [None] * 3
    assert bias["interval_null_reason"] == "too_few_therapists"
    # A dyad whose therapist nobody knows stands alone.
    unknown = _figures(congruences_table(_pairs(12, 0), FEW, 3), "a")["bias"]
    assert unknown["n_clusters"] == 12
    assert unknown["lower95"] < 5.5 < unknown["upper95"]


def test_with_few_dyads_there_is_a_reason() -> None:
    table = congruences_table(_pairs(10, 10, n_sites=2), FEW, 3)
    small = _figures(table, "a")["tracking"]
    named = [small[name] for name in ("value", "null_reason", "n_dyads", "minimum")]
    assert named == [None, "too_few_dyads", 5, 10]
    assert _figures(table, None)["bias"]["value"] == pytest.approx(4.5)
    short = _figures(congruences_table(_pairs(10, 10), FEW, 4), "a")["bias"]
    assert (short["null_reason"], short["n_dyads_short"], short["n_clients"]) == (
        "too_few_dyads",
        10,
        0,
    )


def test_no_pair_is_no_error() -> None:
    some = _pairs(2, 2)
    assert congruences_table(Units(some.cells, some.rows.iloc[:0]), FEW, 3).empty
