"""Cells of releases: each protection on its own, and sequences of releases under attack."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestration.benchmarking.disclosure import (
    CHANGES,
    Protected,
    attack_release,
    empty_ledger,
    protect,
)
from orchestration.benchmarking.disclosure_cells import (
    Protections,
    Rules,
    bounds,
    coded_error,
    error_bound,
    least_error,
    ranges,
    written,
)
from orchestration.benchmarking.disclosure_relations import Layout, months_of, within
from tests.studies.releases_attacked import PROTECTIONS, attacked

LAYOUT = Layout(block=("practice_id", "site_id", "metric"))
CELL = list(LAYOUT.cell)
RULES = Rules(11, 3)
NO_CHANGES = pd.DataFrame({name: pd.Series(dtype="float64") for name in CHANGES}).assign(
    **{name: pd.Series(dtype="str") for name in CELL}
)


def cell(
    stage: str, n: float, forms: float, *, period: str = "2026-Q1", **other: Any
) -> dict[str, Any]:
    """A cell well in the middle of a scale from 0 to 6, with three therapists who share it."""
    return {
        "practice_id": "p",
        "site_id": "s",
        "metric": "m",
        "stage": stage,
        "period": period,
        "content": f"{stage} {n}",
        "n_clients": n,
        "n_forms": forms,
        "n_therapists": 3.0,
        "mean": 3.0,
        "share": 0.4,
        "width": 6.0,
        "top_therapist_form_share": 0.4,
        **other,
    }


def released(
    *cells: dict[str, Any],
    ledger: pd.DataFrame | None = None,
    changes: pd.DataFrame = NO_CHANGES,
    rules: Rules = RULES,
    release_no: int = 1,
) -> Protected:
    before = empty_ledger(LAYOUT) if ledger is None else ledger
    return protect(pd.DataFrame(cells), before, changes, rules, LAYOUT, release_no)


def hidden(found: Protected) -> set[str]:
    cells = found.cells[found.cells["is_suppressed"]]
    return set(cells["stage"])


def test_small_few_and_dominated_cells_are_hidden() -> None:
    found = released(
        cell("all", 60, 200),
        cell("opening", 40, 80),
        cell("developing", 10, 40),
        cell("ending", 50, 80, top_therapist_form_share=0.81),
        cell("all", 30, 60, period="2026-Q2", n_therapists=2.0),
    )
    shown = found.cells[~found.cells["is_suppressed"]]
    assert {"developing", "ending"} <= hidden(found)
    assert not (shown["period"] == "2026-Q2").any()
    row = found.cells[found.cells["is_suppressed"]].iloc[0]
    assert row[["shown_n_clients", "shown_mean", "shown_share"]].isna().all()


def test_forms_that_add_up_hide_a_second_stage() -> None:
    alone = replace(RULES, protections=Protections(complementary=False))
    small = cell("ending", 4, 4)
    # Forms 60, 30, 25 as shown: 58 to 62 less 28 to 32 and 23 to 27. The hidden stage has 62 - 28 -
    # 23 = 11 at most, so its clients may be as many.
    loose = [cell("all", 30, 60), cell("opening", 30, 30), cell("developing", 26, 26)]
    bare = released(*loose, small, rules=alone)
    assert hidden(bare) == {"ending"}
    assert not attack_release(bare.ledger, NO_CHANGES, RULES, LAYOUT)
    # 65, 35 and 30 as shown: 67 - 33 - 28 = 6 at most, and it cannot have 7 to 10.
    tight = [cell("all", 35, 65), cell("opening", 30, 33), cell("developing", 24, 28)]
    bare = released(*tight, small, rules=alone)
    leaks = attack_release(bare.ledger, NO_CHANGES, RULES, LAYOUT)
    assert {finding.cell[3] for finding in leaks} == {"ending"}
    assert {by[3] for finding in leaks for by in finding.by} == {"all", "opening", "developing"}
    safe = released(*tight, small)
    assert len(hidden(safe)) == 2
    assert not attack_release(safe.ledger, NO_CHANGES, RULES, LAYOUT)


def test_a_mean_at_the_top_of_the_scale_says_nothing_of_a_client() -> None:
    # All 12 clients at 6 of 6. Shown 15 clients (11 to 17) and 5.4: one of 11 may be at 0.
    top = cell("all", 12, 30, mean=6.0, share=1.0)
    coded = released(top)
    assert coded.cells["shown_mean"].tolist() == [5.4]
    assert not attack_release(coded.ledger, NO_CHANGES, RULES, LAYOUT)
    bare = replace(RULES, protections=Protections(ends=False))
    uncoded = released(top, rules=bare)
    assert uncoded.cells["shown_mean"].tolist() == [6.0]
    assert attack_release(uncoded.ledger, NO_CHANGES, bare, LAYOUT)


def _changed(n_changed: float, entered: float, left: float) -> pd.DataFrame:
    row = {name: value for name, value in cell("all", 0, 0).items() if name in CELL}
    counted = dict(zip(CHANGES, (1, 2, n_changed, entered, left), strict=True))
    return pd.DataFrame([{**row, **counted}])


@pytest.mark.parametrize(("n_new", "is_written"), [(1, False), (10, False), (11, True)])
def test_a_cell_is_written_anew_once_enough_clients_changed(n_new: int, is_written: bool) -> None:
    first = released(cell("all", 30, 60))
    second = released(
        cell("all", 30 + n_new, 80, mean=3.3),
        ledger=first.ledger,
        changes=_changed(n_new, n_new, 0),
        release_no=2,
    )
    assert (second.cells["written_release"] == 2).all() == is_written
    assert second.cells["shown_mean"].tolist() == [3.3 if is_written else 3.0]


def test_a_new_clients_score_follows_from_two_means() -> None:
    # 11 clients with a mean of 3.0, 12 with 3.2: 12 x 3.2 - 11 x 3.0 = 5.4, give or take the
    # rounding of 0.05 x 23 = 1.15: the new client has 4.25 at least.
    loose = replace(RULES, protections=Protections(refresh=False))
    first = released(cell("all", 11, 30), rules=loose)
    changes = _changed(1, 1, 0)
    second = released(
        cell("all", 12, 33, mean=3.2),
        ledger=first.ledger,
        changes=changes,
        rules=loose,
        release_no=2,
    )
    ledger = pd.concat([first.ledger, second.ledger], ignore_index=True)
    (finding,) = attack_release(ledger, changes, loose, LAYOUT)
    assert finding.what == "a client's score"


def test_what_was_hidden_stays_hidden_when_one_client_is_added() -> None:
    first = released(cell("all", 10, 30))
    second = released(
        cell("all", 11, 33), ledger=first.ledger, changes=_changed(1, 1, 0), release_no=2
    )
    assert hidden(second) == {"all"}


def test_coded_numbers_hold_the_true_ones() -> None:
    rng = np.random.default_rng(5)
    n = rng.integers(11, 300, 500).astype(np.float64)
    forms = n + rng.integers(0, 200, 500)
    frame = pd.DataFrame(
        {
            "n_clients": n,
            "n_forms": forms,
            "n_therapists": rng.integers(3, 30, 500),
            "mean": rng.choice([0.0, 6.0, 3.14159], 500) * rng.uniform(0.9, 1, 500),
            "share": rng.choice([0, 1, 0.31], 500),
            "width": 6.0,
        }
    )
    shown = written(frame, RULES).assign(width=6.0)
    true = ("n_clients", "n_forms", "n_therapists", "mean", "share")
    for name, said in zip(true, ranges(shown, RULES), strict=True):
        value = frame[name].to_numpy(dtype=np.float64)
        assert np.all((said.least <= value + 1e-9) & (value <= said.most + 1e-9)), name


def test_a_coded_number_says_what_it_stands_for() -> None:
    # Of 15 shown clients there may be 11: the ends of a scale of 6 lie at 6 / 11 = .545, up to .6.
    # Of 45 shown forms there may be 43: 1 / 43 = .023, up to .05; of 15 there may be 11: .1.
    shown = pd.DataFrame(
        {
            "shown_n_clients": [15.0] * 5,
            "shown_n_forms": [45.0, 45.0, 45.0, 15.0, 15.0],
            "shown_mean": [0.6, 0.7, 5.4, 5.3, np.nan],
            "shown_share": [0.05, 0.1, 0.95, 0.9, np.nan],
            "width": 6.0,
        }
    )
    found = bounds(shown, RULES)
    assert found["mean_bound"].tolist() == ["at_most", None, "at_least", None, None]
    assert found["share_bound"].tolist() == ["at_most", None, "at_least", "at_least", None]
    # Without ends nothing is coded; of two clients one may have all of the width.
    off = Rules(11, 3, protections=Protections(ends=False))
    assert bounds(shown, off).isna().all(axis=None)
    few = shown.assign(shown_n_clients=5.0, shown_mean=3.0)
    assert bounds(few, Rules(2, 1))["mean_bound"].tolist() == ["any"] * 5
    lowest = error_bound(np.array([0.3, 0.5, np.nan]), np.array([0.3, 0.3, 0.3]))
    assert lowest.tolist() == ["at_most", None, None]


def test_a_bound_is_where_the_true_number_may_reach_the_end() -> None:
    shown = pd.DataFrame({"shown_mean": np.arange(0.6, 5.5, 0.1), "width": 6.0})
    shown = shown.assign(
        shown_n_clients=15.0, shown_n_forms=15.0, shown_n_therapists=5.0, shown_share=0.5
    )
    said = list(ranges(shown, RULES))[3]
    bound = bounds(shown, RULES)["mean_bound"]
    assert (said.least == 0).tolist() == bound.eq("at_most").tolist()
    assert (said.most == 6).tolist() == bound.eq("at_least").tolist()


def test_a_standard_error_leaves_one_client_both_ends() -> None:
    # 15 clients as shown may be 11. One at 6 and ten at 2.7: mean 3, squares 9 + 10 x 0.09 = 9.9,
    # error sqrt(9.9 / 10 / 11) = 0.3. At a mean of 5 one is at 0: 5 / 10.
    shown = pd.DataFrame({"shown_n_clients": [15.0] * 3, "shown_mean": [3, 5, 3], "width": 6.0})
    alike = np.array([0.0, 0.02, 0.456])
    assert coded_error(alike, least_error(shown, RULES)).tolist() == [0.3, 0.5, 0.46]


def test_periods_hold_the_longest_ones_inside_them() -> None:
    assert months_of("2026-Q2") == (2026 * 12 + 3, 2026 * 12 + 6)
    assert months_of("12m-2026-09") == (2025 * 12 + 9, 2026 * 12 + 9)
    found = within(["2025", "2025-Q4", "2025-12", "2026-01", "12m-2026-01", "all"])
    pairs = set(zip(found["total"], found["part"], strict=True))
    assert ("all", "2025") in pairs
    assert ("all", "2025-Q4") not in pairs
    assert {("all", "12m-2026-01"), ("12m-2026-01", "2025-Q4"), ("2025-Q4", "2025-12")} <= pairs
    assert ("2025", "2025-12") not in pairs


def test_nothing_leaks_from_releases_in_sequence() -> None:
    found = attacked(0, 3, Protections(), n_sites=1)
    assert (found.findings, found.n_refused) == ([], 0)


@pytest.mark.parametrize("name", PROTECTIONS)
def test_without_one_protection_something_does(name: str) -> None:
    off = replace(Protections(), **{name: False})
    assert any(attacked(seed, 2, off, n_sites=1).findings for seed in range(20))
