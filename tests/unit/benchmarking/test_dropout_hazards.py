"""The network's hazards by state, worked out by hand."""

import pandas as pd
import pytest

from expectations.model import Thresholds
from orchestration.benchmarking.dropout_hazards import COLUMNS, dropout_hazards_table
from orchestration.benchmarking.units import Units
from orchestration.measures.dropout_hazard import STATES
from tests.unit.benchmarking.measured_units import Found, found_in, one_of, units

FEW = Thresholds(minimum_clients=2, minimum_therapists=1)
LOW, MIDDLE, NO_FORM = STATES.index("low"), STATES.index("middle"), STATES.index("no_form")


def _sessions(*groups: tuple[int, int, int, int]) -> Units:
    """Groups of (session number, state, at risk, ended of them), two sites, a client a session."""
    number, state, ended = [], [], []
    for session_no, state_no, n_at_risk, n_ended in groups:
        number += [session_no] * n_at_risk
        state += [state_no] * n_at_risk
        ended += [True] * n_ended + [False] * (n_at_risk - n_ended)
    n = len(number)
    rows: dict[str, list[int]] = {
        "cell_no": [place % 2 for place in range(n)],
        "client_no": list(range(n)),
        "therapist_no": [place % 3 for place in range(n)],
        "session_no": number,
        "state_no": state,
    }
    return units("ab", {**rows, "is_ended": ended})


def _one(table: pd.DataFrame, figure: str, state: str, session_no: int | None = None) -> Found:
    return one_of(table, figure=figure, alliance_state=state, session_no=session_no)


def test_hazards_and_the_odds_ratio_of_a_fourfold_table() -> None:
    # Session 1: low 10 of 20 ended, middle 5 of 40: odds 1 and 1/7, ratio 7.
    # Standard error of its logarithm sqrt(1/10 + 1/10 + 1/5 + 1/35) = .654654 (Woolf).
    # Session 2: only low, 0 of 4, which no ratio can be made of.
    table = dropout_hazards_table(
        _sessions((1, LOW, 20, 10), (1, MIDDLE, 40, 5), (2, LOW, 4, 0)), FEW
    )
    assert tuple(table.columns) == COLUMNS
    low = _one(table, "hazard", "low")
    assert (low["n_at_risk"], low["n_ended"], low["value"]) == (24, 10, pytest.approx(10 / 24))
    assert (low["n_clients_ended"], low["n_clients_not_ended"], low["n_sites"]) == (10, 14, 2)
    first = _one(table, "hazard", "low", 1)
    assert (first["value"], first["standard_error"]) == (0.5, pytest.approx((0.25 / 20) ** 0.5))
    assert _one(table, "hazard", "low", 2)["value"] == 0
    ratio = _one(table, "odds_ratio", "low")
    assert ratio["value"] == pytest.approx(7)
    assert ratio["standard_error"] == pytest.approx(0.654654, abs=1e-6)
    figures = {(row["alliance_state"], row["figure"]) for row in found_in(table)}
    assert figures == {("low", "hazard"), ("low", "odds_ratio"), ("middle", "hazard")}


def test_without_enough_endings_there_is_a_reason_and_no_ratio() -> None:
    few = dropout_hazards_table(_sessions((1, LOW, 20, 4), (1, MIDDLE, 40, 5)), FEW)
    ratio = _one(few, "odds_ratio", "low")
    named = (ratio["value"], ratio["null_reason"], ratio["minimum"])
    assert named == (None, "too_few_endings", 10)
    none = dropout_hazards_table(
        _sessions((1, LOW, 20, 10), (1, MIDDLE, 40, 5), (1, NO_FORM, 9, 0)), FEW
    )
    assert _one(none, "odds_ratio", "no_form")["null_reason"] == "not_estimable"
    assert _one(none, "hazard", "no_form")["value"] == 0


def test_a_site_too_small_to_show_has_no_part_in_it() -> None:
    all_of_it = _sessions((1, LOW, 20, 10), (1, MIDDLE, 41, 5))
    rows = all_of_it.rows.assign(cell_no=[0] * 60 + [1])
    table = dropout_hazards_table(Units(all_of_it.cells, rows), FEW)
    assert _one(table, "hazard", "middle")["n_at_risk"] == 40
    assert set(table["n_sites"]) == {1}
    alone = Units(all_of_it.cells, rows.iloc[60:])
    assert dropout_hazards_table(alone, FEW).empty
