"""Courses of made-up sites by hand: whose forms have one, who stands behind it, who is left out."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from expectations.model import Thresholds
from orchestration.benchmarking.trajectories import COLUMNS, trajectories_table
from orchestration.benchmarking.units import NO_THERAPIST, Units
from orchestration.measures.trajectories import site_courses
from tests.unit.benchmarking.measured_units import Found, found_in, units

FEW = Thresholds(minimum_clients=11, minimum_therapists=3)
BEND = np.array([1.0, -2.0, 1.0, 1.0, -2.0, 1.0])
"""About each client's line: it adds up to 0, and times 0 to 5 to 0 - 2 + 2 + 3 - 8 + 5 = 0 too."""


def _site(place: int, n_sessions: int = 6, n_therapists: int = 4, bend: float = 1.0) -> Any:
    """Twelve clients of site `place`, levels 30 + 2 place + 0 to 11 less 5.5, slope a half."""
    own = np.arange(12)
    client = np.repeat(own, n_sessions)
    session = np.tile(np.arange(n_sessions), 12)
    total = 30 + 2 * place + client - 5.5 + 0.5 * session + bend * BEND[session]
    return pd.DataFrame(
        {
            "cell_no": place,
            "client_no": 100 * place + client,
            "therapist_no": 10 * place + client % n_therapists,
            "treatment_no": 100 * place + client,
            "session_no": session + 1,
            "total": total,
        }
    )


def _forms(*sites: Any) -> Units:
    rows = pd.concat(sites, ignore_index=True)
    return units("abcde"[: len(sites)], {str(name): rows[name] for name in rows})


def _figures(table: pd.DataFrame, site: str | None) -> dict[str, Found]:
    return {row["figure"]: row for row in found_in(table) if row["site_id"] == site}


def test_level_slope_and_curvature_by_hand() -> None:
    table = trajectories_table(_forms(_site(0), _site(1)), FEW)
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 9
    # Everyone has the same sessions: the line is that of the means, 30 or 32, half a point a
    # session. Six points' quadratic contrast (5 -1 -4 -4 -1 5) is 3/2 (t2 - 5t + 10/3), sum of
    # squares 84; of BEND it is 5 + 2 - 4 - 4 + 2 + 5 = 6: 1.5 x 6 / 84 = .107143.
    for site, level, n_clients, n_sites in (("a", 30, 12, 1), ("b", 32, 12, 1), (None, 31, 24, 2)):
        found = _figures(table, site)
        assert found["level"]["value"] == pytest.approx(level, abs=1e-6)
        assert found["slope"]["value"] == pytest.approx(0.5, abs=1e-6)
        assert found["curvature"]["value"] == pytest.approx(0.107143, abs=1e-6)
        for row in found.values():
            counts = [row[name] for name in ("n_clients", "n_sites", "n_clients_short", "n_forms")]
            assert counts == [n_clients, n_sites, 0, 6 * n_clients]
            assert (row["null_reason"], row["minimum"], row["period"]) == (None, 10, "all")
            assert row["lower95"] < row["value"] < row["upper95"]
        wanted = [found[name]["n_forms_wanted"] for name in ("level", "slope", "curvature")]
        assert wanted == [4, 4, 6]


def test_therapists_are_in_the_level_s_interval() -> None:
    forms = _forms(_site(0), _site(1))
    # What tells therapists apart is theirs alone: 5 points for every second one.
    moved = forms.rows.assign(total=forms.rows["total"] + 5 * (forms.rows["therapist_no"] % 2))
    rows = Units(forms.cells, moved).rows
    level = _figures(trajectories_table(Units(forms.cells, moved), FEW), "a")["level"]
    whole, apart = (
        site_courses(
            rows["cell_no"].to_numpy(dtype=np.int64),
            rows["treatment_no"].to_numpy(dtype=np.int64),
            rows["session_no"].to_numpy(dtype=np.float64),
            rows["total"].to_numpy(dtype=np.float64),
            degree=1,
            therapist=therapist,
        ).sites[0]
        for therapist in (rows["therapist_no"].to_numpy(dtype=np.int64), None)
    )
    assert whole.terms[0] is not None
    assert apart.terms[0] is not None
    assert level["standard_error"] == pytest.approx(whole.terms[0].standard_error)
    assert level["standard_error"] > 1.1 * apart.terms[0].standard_error


def test_a_site_that_is_not_shown_moves_nobody() -> None:
    wild = _site(2, n_therapists=2, bend=9.0)
    wild["total"] *= np.where(wild["client_no"] % 2, 3.0, -3.0)
    alone, beside = (
        trajectories_table(forms, FEW)
        for forms in (_forms(_site(0), _site(1)), _forms(_site(0), _site(1), wild))
    )
    for site in ("a", "b", None):
        assert _figures(alone, site) == _figures(beside, site)
    hidden = _figures(beside, "c")
    assert len(hidden) == 3
    for row in hidden.values():
        assert (row["value"], row["lower95"], row["null_reason"]) == (None, None, "not_shown")
        assert (row["n_clients"], row["n_therapists"]) == (12, 2)


def test_minima_and_who_is_short() -> None:
    five = _site(1, n_sessions=5)
    # Two of site a's clients have three forms: they are short of a line, and ten are just enough.
    some = _site(0)
    some = some.loc[(some["client_no"] > 1) | (some["session_no"] <= 3)]
    thresholds = Thresholds(minimum_clients=2, minimum_therapists=1)
    table = trajectories_table(_forms(some, five, _site(2, n_sessions=3)), thresholds)
    line = _figures(table, "a")["level"]
    assert [line[name] for name in ("n_clients", "n_clients_short", "n_forms")] == [10, 2, 60]
    assert line["value"] is not None
    curve = _figures(table, "b")["curvature"]
    counts = [curve[name] for name in ("value", "null_reason", "n_clients", "n_clients_short")]
    assert counts == [None, "too_few_clients", 0, 12]
    # Five points of BEND add up to -1, times 0 to 4 to -5: (-5 - 2 x -1) / 10 off a half.
    assert _figures(table, "b")["slope"]["value"] == pytest.approx(0.2)
    for row in _figures(table, "c").values():
        assert (row["value"], row["null_reason"], row["n_clients"]) == (None, "too_few_clients", 0)
    whole = _figures(table, None)
    assert (whole["slope"]["n_clients"], whole["curvature"]["n_clients"]) == (22, 10)
    assert (whole["slope"]["n_clients_short"], whole["slope"]["n_sites"]) == (2, 2)


def test_nine_treatments_are_too_few_even_where_they_may_be_shown() -> None:
    few = _site(0)
    thresholds = Thresholds(minimum_clients=2, minimum_therapists=1)
    table = trajectories_table(_forms(few.loc[few["client_no"] < 9]), thresholds)
    for site in ("a", None):
        for row in _figures(table, site).values():
            assert (row["value"], row["null_reason"]) == (None, "too_few_clients")


def test_who_begins_again_begins_at_the_first_session() -> None:
    again = _site(0)
    # Client 1 is client 0 in a second treatment.
    again["client_no"] = again["client_no"].replace(1, 0)
    found = _figures(trajectories_table(_forms(again, _site(1)), FEW), "a")
    assert found["slope"]["value"] == pytest.approx(0.5)
    assert (found["slope"]["n_clients"], found["slope"]["n_forms"]) == (11, 72)


def test_unknown_therapists_leave_the_client_rule() -> None:
    sites = [_site(0), _site(1)]
    unknown = [one.assign(therapist_no=NO_THERAPIST) for one in sites]
    row = _figures(trajectories_table(_forms(*unknown), FEW), "a")["level"]
    assert row["value"] == pytest.approx(30, abs=1e-6)
    assert row["n_therapists"] is None


def test_no_form_is_no_error() -> None:
    some = _forms(_site(0))
    assert trajectories_table(Units(some.cells, some.rows.iloc[:0]), FEW).empty
