"""A block of which enough clients change each night is written a bounded number of times a year."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestration.benchmarking import disclosure_pace as pace
from orchestration.benchmarking.disclosure import (
    CHANGES,
    attack_release,
    empty_ledger,
    protect,
)
from orchestration.benchmarking.disclosure_cells import Rules
from orchestration.benchmarking.disclosure_relations import Layout

LAYOUT = Layout(block=("site_id",))
CELL = list(LAYOUT.cell)
RULES = Rules(11, 3)


def _now(site_id: str = "s", period: str = "all") -> pd.DataFrame:
    return pd.DataFrame([{"site_id": site_id, "stage": "all", "period": period}])


def _written(*nights: int, site_id: str = "s") -> pd.DataFrame:
    rows = [(site_id, "all", "all", night, night) for night in nights]
    return pd.DataFrame(rows, columns=[*CELL, "release_no", "written_release"])


def _rested(ledger: pd.DataFrame, night: int, *, is_new: bool = False) -> bool:
    (found,) = pace.is_rested(_now(), np.array([is_new]), ledger, LAYOUT, night)
    return bool(found)


def test_no_year_has_more_writings_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (pace.WINDOW, pace.OFTEN, pace.PAUSE, pace.MOST) == (365, 24, 28, 38)
    # A year of 60 nights, for speed, and three of them.
    for name, value in (("WINDOW", 60), ("OFTEN", 4), ("PAUSE", 7)):
        monkeypatch.setattr(pace, name, value)
    nights: list[int] = []
    for night in range(1, 181):
        if _rested(_written(*nights), night):
            nights.append(night)
    assert nights[:7] == [1, 2, 3, 4, 11, 18, 25]
    years = [sum(first <= night < first + 60 for night in nights) for first in range(1, 122)]
    # Four nights at once, then one in 7 of 56.
    assert years[0] == 4 + 8
    assert max(years) <= 4 + 60 // 7 + 1


def test_a_block_that_is_seldom_written_need_not_rest() -> None:
    assert _rested(_written(*range(1, pace.OFTEN)), pace.OFTEN)
    assert not _rested(_written(*range(1, pace.OFTEN + 1)), pace.OFTEN + 1)
    # Those of another block do not count, nor those of more than a year ago.
    assert _rested(_written(*range(1, pace.OFTEN + 1), site_id="other"), pace.OFTEN + 1)
    assert _rested(_written(1, *range(343, 366)), 366)
    assert not _rested(_written(2, *range(343, 366)), 366)


def test_rows_of_nights_in_which_the_cell_stood_do_not_count() -> None:
    stood = _written(*range(1, pace.OFTEN + 1)).assign(written_release=1)
    assert _rested(stood, pace.OFTEN + 1)


def test_a_period_that_closes_takes_its_block_with_it() -> None:
    ledger = _written(*range(1, pace.OFTEN + 1))
    assert _rested(ledger, pace.OFTEN + 1, is_new=True)
    both = pd.concat([_now(), _now(period="2026-Q1"), _now("other")])
    often = pd.concat([ledger, _written(*range(1, pace.OFTEN + 1), site_id="other")])
    new = np.array([False, True, False])
    found = pace.is_rested(both, new, often, LAYOUT, pace.OFTEN + 1)
    assert found.tolist() == [True, True, False]


def _cell(stage: str, period: str, n: float) -> dict[str, Any]:
    return {
        "site_id": "s",
        "stage": stage,
        "period": period,
        "content": f"{n}",
        "n_clients": n,
        "n_forms": 3 * n if stage == "all" else 2 * n,
        "n_therapists": 6.0,
        "mean": 3.0,
        "share": 0.4,
        "width": 6.0,
        "top_therapist_form_share": 0.3,
    }


def _night(number: int) -> pd.DataFrame:
    """Twelve more clients a night in all of the site's forms; the quarter stands, one stage hidden
    in it."""
    return pd.DataFrame(
        [
            _cell("all", "2026-Q1", 60.0),
            _cell("opening", "2026-Q1", 40.0),
            _cell("developing", "2026-Q1", 6.0),
            _cell("all", "all", 100.0 + 12 * number),
            _cell("opening", "all", 60.0 + 12 * number),
            _cell("developing", "all", 40.0),
        ]
    )


def _changes(now: pd.DataFrame, ledger: pd.DataFrame, number: int) -> pd.DataFrame:
    """All who came, against every writing."""
    events = ledger[ledger["release_no"] == ledger["written_release"]]
    pairs = now.merge(events, on=CELL, suffixes=("", "_before"))
    pairs = pairs[pairs["content"] != pairs["content_before"]]
    came = pairs["n_clients"] - pairs["n_clients_before"]
    found = pairs.assign(
        against=pairs["release_no"], release_no=number, n_changed=came, n_entered=came, n_left=0.0
    )
    return found[[*CELL, *CHANGES]]


def test_a_long_sequence_stays_short_and_gives_nothing_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("WINDOW", 20), ("OFTEN", 2), ("PAUSE", 4)):
        monkeypatch.setattr(pace, name, value)
    ledger = empty_ledger(LAYOUT)
    cells, told = pd.DataFrame(), []
    for number in range(1, 12):
        now = _night(number)
        changes = _changes(now, ledger, number)
        made = protect(now, ledger, changes, RULES, LAYOUT, number)
        cells, ledger = made.cells, pd.concat([ledger, made.ledger], ignore_index=True)
        told.append(changes.merge(made.ledger.loc[made.ledger["written_release"] == number, CELL]))
    everything = pd.concat(told)
    written = ledger[(ledger["period"] == "all") & (ledger["stage"] == "all")]
    written = written[written["release_no"] == written["written_release"]]
    assert written["release_no"].tolist() == [1, 2, 6, 10]
    for is_told in (False, True):
        assert not attack_release(ledger, everything, RULES, LAYOUT, is_told_of_changes=is_told)
    # What readers see is a writing of then: 100 + 12 x 10 clients, and not 11.
    last = cells[(cells["period"] == "all") & (cells["stage"] == "all")]
    assert last["shown_n_clients"].tolist() == [220.0]
