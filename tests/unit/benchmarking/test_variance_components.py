"""Shares of variance against the mean squares of a balanced design, and when there are none."""

import numpy as np
import pandas as pd
import pytest

from expectations.model import Thresholds
from orchestration.benchmarking.units import NO_THERAPIST, Units
from orchestration.benchmarking.variance_components import COLUMNS, variance_components_table
from orchestration.measures.arrays import Floats
from tests.unit.benchmarking.measured_units import Found, found_in, units

SHOWN = Thresholds()
SHAPE = (6, 10, 25, 3)
"""Sites, therapists a site, clients a therapist, forms a client: 1,500 clients."""


def _values(therapist_sd: float = 2.0) -> Floats:
    rng = np.random.default_rng(20261128)
    i, j, k, m = SHAPE
    return np.asarray(
        60
        + 1.5 * rng.normal(size=(i, 1, 1, 1))
        + therapist_sd * rng.normal(size=(i, j, 1, 1))
        + 5.0 * rng.normal(size=(i, j, k, 1))
        + 4.0 * rng.normal(size=(i, j, k, m))
    )


def _forms(values: Floats, n_sites: int = SHAPE[0]) -> Units:
    site, therapist, client, _ = np.indices(SHAPE)
    _, j, k, _ = SHAPE
    rows = {
        "cell_no": site,
        "therapist_no": site * j + therapist,
        "client_no": (site * j + therapist) * k + client,
        "total": values,
    }
    kept = (site < n_sites).ravel()
    return units("abcdef", {name: each.ravel()[kept].tolist() for name, each in rows.items()})


def _by_level(table: pd.DataFrame) -> dict[str, Found]:
    return {row["level"]: row for row in found_in(table)}


def _mean_squares(values: Floats) -> dict[str, float]:
    """Henderson's for a balanced nest: expectations sigma2 + m client + km therapist + jkm site
    (Searle, Casella & McCulloch 1992, Variance components, ch. 4); REML's where none is below 0."""
    i, j, k, m = SHAPE
    of_client, of_therapist = values.mean(axis=3), values.mean(axis=(2, 3))
    of_site = values.mean(axis=(1, 2, 3))
    session = ((values - of_client[..., None]) ** 2).sum() / (i * j * k * (m - 1))
    client = m * ((of_client - of_therapist[..., None]) ** 2).sum() / (i * j * (k - 1))
    therapist = k * m * ((of_therapist - of_site[:, None]) ** 2).sum() / (i * (j - 1))
    site = j * k * m * ((of_site - values.mean()) ** 2).sum() / (i - 1)
    return {
        "site": (site - therapist) / (j * k * m),
        "therapist": (therapist - client) / (k * m),
        "client": (client - session) / m,
        "session": session,
    }


def test_shares_are_those_of_the_mean_squares() -> None:
    values = _values()
    expected = _mean_squares(values)
    assert min(expected.values()) > 0
    table = variance_components_table(_forms(values), SHOWN)
    assert tuple(table.columns) == COLUMNS
    found = _by_level(table)
    assert list(found) == ["site", "therapist", "client", "session"]
    for level, variance in expected.items():
        row = found[level]
        assert row["variance"] == pytest.approx(variance, rel=1e-3)
        assert row["value"] == pytest.approx(variance / sum(expected.values()), abs=2e-4)
        assert 0 < row["lower95"] < row["value"] < row["upper95"] < 1
        counts = [row[name] for name in ("n_sites", "n_clients", "n_therapists", "n_forms")]
        assert counts == [6, 1500, 60, 4500]
        assert (row["minimum"], row["null_reason"], row["sentence"]) == (1200, None, None)
        assert not row["is_singular"]
    labels = [found[level]["n_labels"] for level in found]
    assert labels == [6, 60, 1500, None]


def test_no_variation_between_therapists_is_said_in_words() -> None:
    values = _values(0.0)
    # Therapists' means are made equal within a site: less than chance alone would have.
    values -= values.mean(axis=(2, 3), keepdims=True) - values.mean(axis=(1, 2, 3), keepdims=True)
    found = _by_level(variance_components_table(_forms(values), SHOWN))
    row = found["therapist"]
    assert [row[name] for name in ("value", "lower95", "upper95")] == [0.0, None, None]
    assert (row["interval_null_reason"], row["null_reason"]) == ("no_variance_found", None)
    assert row["sentence"] is not None
    assert "does not show that there is none" in row["sentence"]
    # The sentence goes into a release: no number of anybody is in it.
    assert not any(letter.isdigit() for letter in row["sentence"])
    assert found["client"]["sentence"] is None
    assert found["client"]["lower95"] is not None
    assert all(row["is_singular"] for row in found.values())


def test_a_site_that_is_not_shown_has_no_part() -> None:
    values = _values()
    forms = _forms(values)
    wild = forms.rows.copy()
    in_last = wild["cell_no"] == 5
    wild.loc[in_last, "total"] += 500
    wild.loc[in_last, "therapist_no"] = 50
    found = _by_level(variance_components_table(Units(forms.cells, wild), SHOWN))
    expected = _by_level(variance_components_table(_forms(values, n_sites=5), SHOWN))
    assert found == expected
    assert found["site"]["n_sites"] == 5
    assert found["site"]["n_clients"] == 1250


def test_below_its_minimum_there_is_a_reason_and_no_share() -> None:
    found = _by_level(variance_components_table(_forms(_values(), n_sites=4), SHOWN))
    assert list(found) == ["site", "therapist", "client", "session"]
    for row in found.values():
        assert (row["value"], row["lower95"], row["variance"]) == (None, None, None)
        assert (row["null_reason"], row["n_clients"]) == ("too_few_clients", 1000)
    forms = _forms(_values())
    one = Units(forms.cells, forms.rows.assign(cell_no=0))
    assert _by_level(variance_components_table(one, SHOWN))["client"]["null_reason"] == (
        "too_few_sites"
    )


def test_forms_without_a_therapist_are_left_out_and_counted() -> None:
    forms = _forms(_values())
    rows = forms.rows.copy()
    rows.loc[rows["client_no"] % 25 == 0, "therapist_no"] = NO_THERAPIST
    row = _by_level(variance_components_table(Units(forms.cells, rows), SHOWN))["client"]
    assert [row[name] for name in ("n_clients", "n_forms", "n_forms_without_therapist")] == [
        1440,
        4320,
        180,
    ]
    assert row["value"] is not None


def test_no_form_is_no_error() -> None:
    some = _forms(_values())
    assert variance_components_table(Units(some.cells, some.rows.iloc[:0]), SHOWN).empty
