"""Ranges of places: against numbers worked out by hand, against the truth, and in words."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from dashboards.places import Mean, place_ranges, place_sentence
from tests.unit.dashboards.plain_words import check_plain
from tests.unit.dashboards.rows import ADJUSTED, named, row, suppressed


def _means(*numbers: tuple[float, float]) -> list[Mean]:
    return [Mean(value, value, error) for value, error in numbers]


def test_three_means_by_hand() -> None:
    # Three pairs: z(1 - .05 / 6) = 2.394. 32 - 30 = 2 is below 2.394 x sqrt(.36 + .64) = 2.394;
    # 36 - 32 = 4 is above it, and so is 36 - 30.
    assert place_ranges(_means((30, 0.6), (36, 0.6), (32, 0.8))) == [(1, 2), (3, 3), (1, 2)]
    # 32.4 - 30 is just above 2.394, 32.39 just below: the one is told apart.
    assert place_ranges(_means((30, 0.6), (32.4, 0.8), (60, 0.6)))[0] == (1, 1)
    assert place_ranges(_means((30, 0.6), (32.39, 0.8), (60, 0.6)))[0] == (1, 2)
    # Two sites are one pair: z(.975) = 1.960.
    assert place_ranges(_means((0, 3.0), (9.79, 4.0))) == [(1, 2), (1, 2)]
    assert place_ranges(_means((0, 3.0), (9.81, 4.0))) == [(1, 1), (2, 2)]


def test_equal_means_can_have_any_place_and_one_site_has_one() -> None:
    assert place_ranges(_means(*[(30, 0.5)] * 4)) == [(1, 4)] * 4
    assert place_ranges(_means((30, 0.5))) == [(1, 1)]
    assert place_ranges([]) == []


def test_a_coded_mean_is_told_apart_on_its_near_side_only() -> None:
    low, middle = Mean(30, 30, 0.5), Mean(35, 35, 0.5)
    at_least = Mean(39, inf, 0.5)
    assert place_ranges([low, middle, at_least]) == [(1, 1), (2, 2), (3, 3)]
    # 32 or more may be above 35 as well as below it.
    assert place_ranges([Mean(32, inf, 0.1), middle, low]) == [(2, 3), (2, 3), (1, 1)]
    assert place_ranges([Mean(32, inf, 0.1), Mean(-inf, 31, 0.1)]) == [(2, 2), (1, 1)]


def test_all_ranges_hold_at_once_in_at_least_95_of_100_networks() -> None:
    rng = np.random.default_rng(11)
    n_sites, n_networks, n_true = 8, 600, 0
    for _ in range(n_networks):
        truth = rng.normal(0, 0.4, n_sites)
        errors = rng.uniform(0.3, 0.9, n_sites)
        seen = truth + errors * rng.standard_normal(n_sites)
        place = truth.argsort().argsort() + 1
        found = place_ranges(_means(*zip(seen.tolist(), errors.tolist(), strict=True)))
        n_true += all(
            least <= one <= greatest for one, (least, greatest) in zip(place, found, strict=True)
        )
    assert n_true / n_networks >= 0.95
    # And it does tell sites apart that are.
    far = place_ranges(_means(*((10.0 * site, 0.5) for site in range(8))))
    assert far == [(site, site) for site in range(1, 9)]


HERE = row(raw=35.0, standard_error=0.5)
LOWER = named("Dockside", raw=31.0, standard_error=0.5)
HIGHER = named("Quay Street", raw=39.0, standard_error=0.5)
NEAR = named("Elm Court", raw=35.4, standard_error=0.5)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([LOWER, HIGHER, NEAR], "The place of this site then lies somewhere from 2 to 3."),
        ([LOWER, HIGHER], "This site then has place 2."),
        ([NEAR], "This site could then have any place from 1 to 2: the numbers do not tell."),
    ],
)
def test_the_range_is_told_in_plain_words(others: list, said: str) -> None:  # type: ignore[type-arg]
    text = place_sentence(HERE, [HERE, *others], [])
    check_plain(text)
    n = len(others) + 1
    assert f"Suppose we count the {n} sites we can compare from the lowest raw mean up." in text
    assert said in text
    assert "in at least 95 of 100 such cases" in text


def test_only_sites_that_can_be_compared_count() -> None:
    few = replace(LOWER, comparability="too_few_clients")
    hidden = suppressed("West End")
    bare = replace(HIGHER, standard_error=None)
    assert "the 2 sites" in place_sentence(HERE, [HERE, NEAR, few, hidden, bare], [])
    assert place_sentence(few, [HERE, NEAR, few], []) == ""
    assert place_sentence(HERE, [HERE, few], []) == ""
    assert place_sentence(hidden, [HERE, hidden], []) == ""


def test_adjusted_means_are_held_against_adjusted_ones_alone() -> None:
    mine = replace(ADJUSTED, shrunken=35.0, adjusted=35.0, standard_error=0.5)
    theirs = replace(mine, site_id="dockside", adjusted=39.0)
    others = [replace(LOWER, site_id="dockside"), replace(NEAR, site_id="elm_court")]
    text = place_sentence(HERE, [HERE, *others], [mine, theirs])
    assert "the 2 sites we can compare from the lowest adjusted mean up. This site then has place 1"
    assert "the 2 sites" in text
    assert "lowest adjusted mean" in text
    assert "has place 1." in text


def test_a_coded_mean_counts_as_what_it_stands_for() -> None:
    high = replace(HERE, raw_bound="at_least")
    assert "from 2 to 3" in place_sentence(high, [high, LOWER, HIGHER], [])
    low = replace(HERE, raw_bound="at_most")
    assert "from 1 to 2" in place_sentence(low, [low, LOWER, HIGHER], [])
    anything = replace(HERE, raw_bound="any")
    assert "any place from 1 to 3" in place_sentence(anything, [anything, LOWER, HIGHER], [])
