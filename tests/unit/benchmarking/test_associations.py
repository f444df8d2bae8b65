"""Correlations by site and pooled, and the two slopes, against the pure functions and by hand."""

import numpy as np
import pandas as pd
import pytest

from expectations.model import Thresholds
from orchestration.benchmarking.associations import (
    CORRELATIONS,
    OUTCOME,
    SLOPES,
    alliance_outcomes_table,
    slopes_table,
)
from orchestration.benchmarking.scales import Floats
from orchestration.benchmarking.units import Units
from tests.unit.benchmarking.measured_units import one_of, units

FEW = Thresholds(minimum_clients=2, minimum_therapists=1)
PHQ = dict(zip(OUTCOME, ("phq_9", "1", "en", "client"), strict=True))


def _episodes(*sizes: int, is_lower_better: bool = True) -> Units:
    """Sites of so many episodes: the last outcome is the one at the form less a third of the
    alliance's z, plus noise."""
    rng = np.random.default_rng(5)
    n = sum(sizes)
    alliance, at_form = rng.standard_normal(n), rng.standard_normal(n)
    sign = -1 if is_lower_better else 1
    last = 0.5 * at_form + sign * alliance / 3 + rng.standard_normal(n)
    return units(
        "abcd"[: len(sizes)],
        {
            "cell_no": np.repeat(np.arange(len(sizes)), sizes).tolist(),
            "client_no": range(n),
            "therapist_no": [place % 5 for place in range(n)],
            "is_outcome_lower_better": [is_lower_better] * n,
            "early_total": alliance,
            "outcome_at_form": at_form,
            "outcome_last": last,
        },
        **PHQ,
    )


def _partial(rows: pd.DataFrame) -> float:
    """Correlation of what is left of alliance and last outcome when the one at the form is out."""
    return float(np.corrcoef([_left(rows, name) for name in ("early_total", "outcome_last")])[0, 1])


def _left(rows: pd.DataFrame, name: str) -> Floats:
    at_form = np.column_stack([np.ones(len(rows)), rows["outcome_at_form"]])
    values = rows[name].to_numpy(dtype=np.float64)
    return np.asarray(values - at_form @ np.linalg.lstsq(at_form, values, rcond=None)[0])


def test_sites_and_the_pooled_correlation() -> None:
    episodes = _episodes(40, 60, 12)
    table = alliance_outcomes_table(episodes, FEW)
    assert tuple(table.columns) == CORRELATIONS
    # Lower is better: a correlation below 0 is a good one, and turned round.
    r = [-_partial(episodes.rows[episodes.rows["cell_no"] == cell]) for cell in (0, 1)]
    found = [one_of(table, site_id=site)["value"] for site in "ab"]
    assert found == pytest.approx(r)
    few = one_of(table, site_id="c")
    named = [few[name] for name in ("value", "null_reason", "n_episodes", "minimum")]
    assert named == [None, "too_few_episodes", 12, 30]
    fixed = one_of(table, pooling="fixed")
    # Weights n - 4: 36 and 56.
    z = (36 * np.arctanh(r[0]) + 56 * np.arctanh(r[1])) / 92
    assert fixed["value"] == pytest.approx(np.tanh(z))
    assert fixed["standard_error"] == pytest.approx(92**-0.5)
    q = 36 * (np.arctanh(r[0]) - z) ** 2 + 56 * (np.arctanh(r[1]) - z) ** 2
    assert fixed["q"] == pytest.approx(q)
    assert (fixed["n_sites"], fixed["n_episodes"], fixed["n_clients"]) == (2, 100, 100)
    # What is left of the alliance within the two sites; a line a site takes two of its episodes.
    left = [
        _left(episodes.rows[episodes.rows["cell_no"] == cell], "early_total") for cell in (0, 1)
    ]
    squares = sum(float(each @ each) for each in left)
    assert fixed["alliance_sd"] == pytest.approx((squares / (40 - 2 + 60 - 2)) ** 0.5)
    assert one_of(table, site_id="a")["alliance_sd"] is None
    assert fixed["site_id"] is None


def test_higher_as_better_gives_the_same_sign() -> None:
    for is_lower_better in (True, False):
        table = alliance_outcomes_table(_episodes(90, 90, is_lower_better=is_lower_better), FEW)
        assert one_of(table, pooling="random")["value"] > 0.1


def test_one_site_is_no_network_and_half_an_outcome_no_episode() -> None:
    episodes = _episodes(40, 40)
    rows = episodes.rows.copy()
    rows.loc[40:55, "outcome_last"] = np.nan
    table = alliance_outcomes_table(Units(episodes.cells, rows), FEW)
    assert [one_of(table, site_id=site)["n_episodes"] for site in "ab"] == [40, 24]
    pooled = one_of(table, pooling="random")
    assert (pooled["value"], pooled["null_reason"]) == (None, "too_few_sites")
    assert alliance_outcomes_table(Units(episodes.cells, rows.iloc[:0]), FEW).empty


def _forms(n_clients: int, n_forms: int) -> Units:
    """Client c: alliance c + (-1, 0, 1), outcome 10 c + 2 x deviation. Within 2, between 10."""
    client = np.repeat(np.arange(n_clients), n_forms)
    deviation = np.tile(np.arange(n_forms) - (n_forms - 1) / 2, n_clients)
    return units(
        "a",
        {
            "cell_no": [0] * client.size,
            "client_no": client.tolist(),
            "therapist_no": (client % 4).tolist(),
            "total": client + deviation,
            "next_outcome_upwards": 10 * client + 2 * deviation,
        },
        **PHQ,
    )


def test_slopes_within_and_between_by_hand() -> None:
    table = slopes_table(_forms(30, 3), FEW, 3)
    assert tuple(table.columns) == SLOPES
    for figure, slope in (("within", 2), ("between", 10)):
        found = one_of(table, figure=figure)
        assert found["value"] == pytest.approx(slope)
        assert (found["n_clients"], found["n_forms"]) == (30, 90)


@pytest.mark.parametrize(("n_clients", "n_forms"), [(29, 3), (30, 2)])
def test_slopes_below_their_minimum(n_clients: int, n_forms: int) -> None:
    table = slopes_table(_forms(n_clients, n_forms), FEW, 3)
    assert table["value"].isna().all()
    assert table["null_reason"].tolist() == ["too_few_clients"] * 2
