"""Response rates: nothing of one client follows from them, tonight's and earlier ones together."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestration.benchmarking.cells import RESPONSE_COLUMNS
from orchestration.benchmarking.disclosure_cells import Protections, Rules
from orchestration.benchmarking.rates_attacked import rate_leaks
from orchestration.benchmarking.shown_rates import (
    STATEMENT,
    rates_report,
    standing_rates,
    written_rates,
)

RULES = Rules(11, 3)
NOTHING = pd.DataFrame(columns=list(STATEMENT))


def _cell(**changed: Any) -> dict[str, Any]:
    """50 clients with 4 forms due each, 140 of 200 back: .70."""
    return {
        "practice_id": "north",
        "site_id": "main",
        "instrument_code": "srs",
        "version": "3.0",
        "informant": "client",
        "stage": "all",
        "period": "2026-Q1",
        "n_due": 200,
        "n_completed": 140,
        "n_clients_due": 50,
        "n_clients_answered": 40,
        "n_clients_missing": 25,
        "n_due_of_top_client": 8,
        "n_therapists_due": 5,
        "n_therapists_taking_part": 5,
        "n_due_of_top_therapist": 60,
        **changed,
    }


def _rates(*cells: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(list(cells))


class _Nights:
    """One night after the other, each attacked."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules = rules
        self.ledger = NOTHING
        self.number = 0

    def night(self, *cells: dict[str, Any]) -> list[float | None]:
        """The rates that readers see of the cells, in order; None where hidden."""
        self.number += 1
        self.rates = _rates(*cells)
        new = written_rates(self.rates, self.ledger, self.rules, self.number)
        self.ledger = new if self.number == 1 else pd.concat([self.ledger, new])
        shown = standing_rates(self.rates, self.ledger)["response_rate"]
        return [None if np.isnan(rate) else round(rate, 9) for rate in shown]

    def leaks(self) -> set[str]:
        published = standing_rates(self.rates, self.ledger)
        published["is_suppressed"] = published["response_rate"].isna()
        found = rate_leaks(published, self.rates, self.ledger, RULES, self.number)
        return {leak.what for leak in found}


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({}, 0.7),
        # 33 % of 12 forms would say that 4 came back.
        ({"n_completed": 66}, 0.35),
        ({"n_clients_due": 105, "n_completed": 143}, 0.72),
        ({"n_clients_due": 10, "n_clients_answered": 10, "n_clients_missing": 0}, None),
        ({"n_clients_answered": 10}, None),
        ({"n_clients_missing": 10}, None),
        # All of them, or nobody: 1 of at least 48 clients is a twentieth.
        ({"n_completed": 200, "n_clients_answered": 50, "n_clients_missing": 0}, 0.95),
        ({"n_completed": 0, "n_clients_answered": 0, "n_clients_missing": 50}, 0.05),
        ({"n_therapists_due": 2}, None),
        ({"n_therapists_due": np.nan, "n_due_of_top_therapist": np.nan}, 0.7),
        ({"n_due_of_top_therapist": 161}, None),
        # At .70, to a fortieth, at most 65 forms are missing: one client of whom 66 were due
        # cannot have missed all.
        ({"n_due_of_top_client": 65}, 0.7),
        ({"n_due_of_top_client": 66}, None),
    ],
)
def test_a_rate_leaves_every_client_both(changed: dict[str, Any], shown: float | None) -> None:
    nights = _Nights()
    assert nights.night(_cell(**changed)) == [shown]
    assert nights.leaks() == set()


@pytest.mark.parametrize(
    ("changed", "judged"),
    [
        ({}, 0.7),
        ({"n_clients_missing": 10, "n_completed": 189}, 0.95),
        ({"n_clients_answered": 10, "n_completed": 90}, 0.45),
        ({"n_clients_due": 10, "n_clients_answered": 10, "n_clients_missing": 0}, None),
        ({"n_therapists_due": 2}, None),
        ({"n_due_of_top_client": 66}, None),
    ],
)
def test_a_rate_hidden_for_few_answers_alone_is_judged(
    changed: dict[str, Any], judged: float | None
) -> None:
    nights = _Nights()
    nights.night(_cell(**changed))
    (found,) = standing_rates(nights.rates, nights.ledger)["judged_rate"]
    assert (None if np.isnan(found) else round(found, 9)) == judged


def test_a_rate_hidden_for_another_is_not_judged() -> None:
    nights = _Nights()
    nights.night(_cell(n_due_of_top_client=50), _cell(stage="opening", **OPENING), _cell(**FEW))
    judged = standing_rates(nights.rates, nights.ledger)["judged_rate"]
    assert judged.isna().tolist() == [False, True, True]


def test_a_rate_stands_until_eleven_clients_changed() -> None:
    nights = _Nights()
    assert nights.night(_cell()) == [0.7]
    # Ten clients of whom nothing had come send 4 forms each: 180 of 200.
    assert nights.night(_cell(n_completed=180, n_clients_answered=50)) == [0.7]
    late = {"n_completed": 180, "n_clients_answered": 50, "n_clients_missing": 14}
    assert nights.night(_cell(**late)) == [0.9]
    # Back within eleven of the first statement, though eleven from the last.
    assert nights.night(_cell(n_completed=150, n_clients_answered=43)) == [0.9]
    assert nights.leaks() == set()
    assert len(nights.ledger) == 2


def test_forms_that_only_came_do_not_tell_that_all_came_back() -> None:
    nights = _Nights()
    before = {"n_due": 100, "n_completed": 52, "n_due_of_top_client": 4}
    nights.night(_cell(**before, n_clients_answered=28))
    # 20 more forms of 11 clients, all back: 72 of 120 is .60, at least 69; 52.5 at most before.
    # Of 20 at least 16.5 came back, so one who had 4 of them sent back one at least.
    after = {"n_due": 120, "n_completed": 72, "n_due_of_top_client": 4}
    more = {"n_clients_due": 61, "n_clients_answered": 39}
    assert nights.night(_cell(**after, **more)) == [0.5]
    # Ten of them did not come back: .50 again.
    assert nights.night(_cell(**{**after, "n_completed": 62}, **more)) == [0.5]
    assert nights.ledger["release_no"].tolist() == [1, 3]
    assert nights.leaks() == set()


OPENING = {"n_due": 150, "n_completed": 120, "n_clients_due": 45}
FEW = {
    "stage": "maintaining",
    "n_due": 50,
    "n_completed": 20,
    "n_clients_due": 1,
    "n_clients_answered": 1,
    "n_clients_missing": 1,
    "n_due_of_top_client": 50,
    "n_due_of_top_therapist": 50,
    "n_therapists_due": 1,
}


def test_a_hidden_part_does_not_follow_from_its_total() -> None:
    """140 of 200 forms came back, 120 of the 150 of `opening`: of the one client of the rest
    between 12 and 29 of 50."""
    nights = _Nights()
    cells = (_cell(n_due_of_top_client=50), _cell(stage="opening", **OPENING), _cell(**FEW))
    assert nights.night(*cells) == [0.7, None, None]
    assert nights.leaks() == set()


def test_a_total_goes_where_no_part_can() -> None:
    nights = _Nights()
    nights.night(_cell(stage="opening", **OPENING))
    cells = (_cell(n_due_of_top_client=50), _cell(stage="opening", **OPENING), _cell(**FEW))
    assert nights.night(*cells) == [None, 0.8, None]
    assert nights.leaks() == set()


WITHOUT = {
    "primary": "a rate is shown of too few",
    "rounding": "a rate is finer than its clients allow",
    "ends": "a rate is finer than its clients allow",
    "complementary": "what came back of a few follows",
    "refresh": "a rate was written anew for too few",
}


@pytest.mark.parametrize("protection", WITHOUT)
def test_the_attacker_finds_what_a_missing_protection_gives_away(protection: str) -> None:
    without = replace(RULES, protections=replace(Protections(), **{protection: False}))
    for rules in (RULES, without):
        nights = _Nights(rules)
        last = {"n_completed": 199, "n_clients_answered": 50, "n_clients_missing": 1}
        full = {"n_completed": 200, "n_clients_answered": 50, "n_clients_missing": 0}
        full |= {"n_due_of_top_client": 4}
        first = (
            _cell(n_due_of_top_client=50, n_completed=141),
            _cell(stage="opening", **OPENING),
            _cell(**FEW),
            _cell(site_id="few", **last),
            _cell(site_id="full", **full),
        )
        nights.night(*first)
        found = nights.leaks()
        later = [{**cell, "n_completed": cell["n_completed"] + 1} for cell in first[:1]]
        nights.night(*later, *first[1:])
        found |= nights.leaks()
        assert (WITHOUT[protection] in found) == (rules is without)
        assert bool(found) == (rules is without)


def test_what_the_file_says_is_held_against_the_ledger() -> None:
    nights = _Nights()
    nights.night(_cell())
    published = standing_rates(nights.rates, nights.ledger).assign(is_suppressed=False)
    said = published.assign(response_rate=0.75)
    (leak,) = rate_leaks(said, nights.rates, nights.ledger, RULES, 1)
    assert leak.cell == tuple(_cell()[name] for name in RESPONSE_COLUMNS)


def test_a_reason_made_of_a_rate_of_too_few_is_found() -> None:
    nights = _Nights()
    nights.night(_cell(n_therapists_due=2))
    assert nights.leaks() == set()
    nights.ledger = nights.ledger.assign(judged_rate=0.7)
    assert nights.leaks() == {"a reason is made of a rate of too few"}


def test_the_report_counts_what_is_hidden_and_what_stands() -> None:
    nights = _Nights()
    cells = _cell(n_due_of_top_client=50), _cell(stage="opening", **OPENING), _cell(**FEW)
    shown = nights.night(*cells)
    assert [rate is None for rate in shown] == [False, True, True]
    found = rates_report(nights.rates, nights.ledger, RULES)
    assert (found.n_cells, found.n_hidden, found.n_kept) == (3, 2, 0)
    # The opening stage alone is hidden for another's sake.
    weights = np.log1p([float(cell["n_clients_due"]) for cell in cells])
    assert found.information_lost_share == pytest.approx(weights[1] / weights.sum())
    nights.night(_cell(n_due_of_top_client=50, n_completed=139), *cells[1:])
    assert rates_report(nights.rates, nights.ledger, RULES).n_kept == 1
