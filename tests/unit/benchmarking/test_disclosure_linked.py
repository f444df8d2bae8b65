"""Linked tables: other metrics of the same people, languages, all sites together; and block by
block, over processes, from night to night."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from orchestration.benchmarking import disclosure_shards
from orchestration.benchmarking.disclosure import (
    CHANGES,
    Protected,
    attack_release,
    empty_ledger,
    protect,
)
from orchestration.benchmarking.disclosure_cells import Protections, Rules
from orchestration.benchmarking.disclosure_relations import Layout

BLOCK = ("practice_id", "site_id", "metric")
APART = Layout(block=BLOCK, partition="split")
METRICS = replace(APART, measure="metric")
LANGUAGES = replace(APART, client_partitions=("language",))
SITES = replace(APART, site="site_id", site_total="network")
RULES = Rules(11, 3)
ALONE = replace(RULES, protections=Protections(complementary=False))
NO_CHANGES = pd.DataFrame({name: pd.Series(dtype="float64") for name in CHANGES}).assign(
    **{name: pd.Series(dtype="str") for name in APART.cell}
)


def cell(stage: str, n: float, forms: float, **other: Any) -> dict[str, Any]:
    return {
        "practice_id": "p",
        "site_id": "s",
        "metric": "m",
        "split": "all" if stage == "all" else "stage",
        "stage": stage,
        "period": "2026-Q1",
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
    cells: list[dict[str, Any]], layout: Layout, rules: Rules = RULES, **options: Any
) -> Protected:
    now = pd.DataFrame(cells)
    return protect(now, empty_ledger(layout), NO_CHANGES, rules, layout, 1, **options)


def leaks(found: Protected, layout: Layout) -> set[tuple[object, ...]]:
    findings = attack_release(found.ledger, NO_CHANGES, RULES, layout)
    return {finding.cell[:-1] for finding in findings}


# As shown 65, 35 and 30 forms: the stage in between has 67 - 33 - 28 = 6 at most.
WHOLE = [cell("all", 35, 65), cell("opening", 30, 33), cell("developing", 24, 28)]
SMALL = cell("ending", 4, 4)


def test_another_metric_of_the_same_people_gives_away_what_is_hidden_here() -> None:
    other = [{**row, "metric": "k", "mean": 4.0, "content": "k"} for row in WHOLE]
    alone = released([*WHOLE, SMALL, *other], APART)
    assert not leaks(alone, APART)
    shown = alone.cells[~alone.cells["is_suppressed"]]
    assert (shown["metric"] == "k").sum() == 3
    # The same ledger, looked at as one: what m hides for the sake of `ending` k shows.
    assert leaks(alone, METRICS) == {("p", "s", "m", "stage", "ending", "2026-Q1")}
    together = released([*WHOLE, SMALL, *other], METRICS)
    assert not leaks(together, METRICS)
    hidden = together.cells[together.cells["is_suppressed"]]
    assert set(hidden["metric"]) == {"m", "k"}


def _language(name: str, n: float, forms: float, **other: Any) -> dict[str, Any]:
    return cell(name, n, forms, split="language", **other)


def test_clients_of_languages_add_up() -> None:
    # 30 shown is 28 to 32, 25 is 23 to 27: of the other language there are 9 at most. Forms say
    # nothing: 98 to 102 less 43 to 47.
    cells = [cell("all", 30, 100), _language("nl", 26, 45), _language("ar", 4, 55)]
    bare = released(cells, LANGUAGES, ALONE)
    assert not leaks(bare, APART)
    assert {name[4] for name in leaks(bare, LANGUAGES)} == {"ar"}
    safe = released(cells, LANGUAGES)
    assert int(safe.cells["is_suppressed"].sum()) == 2
    assert not leaks(safe, LANGUAGES)


def test_all_sites_together_give_away_the_one_that_is_hidden() -> None:
    # 23 to 27 less 18 to 22: 9 clients at most.
    cells = [
        cell("all", 25, 100, site_id="network"),
        cell("all", 20, 45, site_id="a"),
        cell("all", 5, 55, site_id="b"),
    ]
    bare = released(cells, SITES, ALONE)
    assert not leaks(bare, APART)
    assert ("p", "b", "m", "all", "all", "2026-Q1") in leaks(bare, SITES)
    safe = released(cells, SITES)
    assert not leaks(safe, SITES)


def test_the_mean_of_a_dominated_cell_stays_unknown() -> None:
    # Between 2.995 x 1998 - 3.005 x 1002 = 2973 and 3.005 x 2002 - 2.995 x 998 = 3027 for some
    # 1,000 clients: the hidden mean would be known to 0.03.
    large = {"n_therapists": 20.0}
    cells = [
        cell("all", 2000, 4000, **large),
        _language("nl", 1000, 2000, **large),
        _language("en", 1000, 2000, **large, top_therapist_form_share=0.9),
    ]
    bare = released(cells, LANGUAGES, ALONE)
    assert {name[4] for name in leaks(bare, LANGUAGES)} == {"en"}
    safe = released(cells, LANGUAGES)
    assert not leaks(safe, LANGUAGES)


def _many_sites() -> list[dict[str, Any]]:
    return [{**row, "site_id": site} for site in ("a", "b", "c") for row in (*WHOLE, SMALL)]


def test_processes_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disclosure_shards, "_UNKNOWNS", 10)
    one = released(_many_sites(), APART)
    two = released(_many_sites(), APART, n_processes=2)
    pd.testing.assert_frame_equal(one.ledger, two.ledger)
    assert one.report == two.report
    bare = released(_many_sites(), APART, ALONE)
    findings = attack_release(bare.ledger, NO_CHANGES, RULES, APART)
    assert {finding.cell[1] for finding in findings} == {"a", "b", "c"}
    assert findings == attack_release(bare.ledger, NO_CHANGES, RULES, APART, n_processes=2)


def test_a_block_that_held_is_not_attacked_again() -> None:
    held: set[str] = set()
    safe = released(_many_sites(), APART)
    assert not attack_release(safe.ledger, NO_CHANGES, RULES, APART, held=held)
    known = set(held)
    assert known
    assert not attack_release(safe.ledger, NO_CHANGES, RULES, APART, held=held)
    assert held == known
    # Shown after all, it is another block; one that leaks is never taken for one that held.
    bare = released(_many_sites(), APART, ALONE)
    for _ in range(2):
        assert attack_release(bare.ledger, NO_CHANGES, RULES, APART, held=held)
    assert held == known


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    found = released([*WHOLE, SMALL], APART, in_whole_numbers=True)
    assert not attack_release(found.ledger, NO_CHANGES, RULES, APART, in_whole_numbers=True)
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
