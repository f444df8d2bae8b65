"""In place of a rank: how many sites one can be told from, by intervals that do not meet."""

import itertools

import pytest

from dashboards.release import SiteResult
from dashboards.sentences_told_apart import told_apart
from tests.unit.dashboards.plain_words import check_plain
from tests.unit.dashboards.rows import ADJUSTED, adjusted, named, row, suppressed


def _shrunken(lower: float, upper: float) -> dict[str, float]:
    return {
        "shrunken": (lower + upper) / 2,
        "shrunken_lower95": lower,
        "shrunken_upper95": upper,
    }


HERE = row(**_shrunken(34.8, 35.9))
SAME, LOWER, HIGHER = (35.0, 35.5), (33.0, 34.7), (36.0, 37.0)


def _others(*counts: int) -> list[SiteResult]:
    names = (f"Site {n:02}" for n in itertools.count())
    return [
        named(next(names), **_shrunken(*interval))
        for interval, count in zip((LOWER, HIGHER, SAME), counts, strict=True)
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (
            (2, 1, 10),
            "Of the 13 other sites we can compare, 2 have a clearly lower raw mean than this one. "
            "And 1 has a clearly higher one. The other 10 cannot be told apart from it.",
        ),
        (
            (1, 0, 1),
            "Of the 2 other sites we can compare, 1 has a clearly lower raw mean than this one. "
            "The one left cannot be told apart from it.",
        ),
        (
            (0, 3, 0),
            "Of the 3 other sites we can compare, 3 have a clearly higher raw mean than this one.",
        ),
        (
            (0, 0, 13),
            "This site cannot be told apart from any of the 13 other sites we can compare.",
        ),
        (
            (0, 0, 1),
            "This site cannot be told apart from the one other site we can compare.",
        ),
        ((1, 0, 0), "At the one other site we can compare, the raw mean is clearly lower."),
        ((0, 1, 0), "At the one other site we can compare, the raw mean is clearly higher."),
    ],
)
def test_it_counts_the_sites_on_either_side(counts: tuple[int, int, int], text: str) -> None:
    rows = [*_others(*counts), HERE, suppressed(), named("Orchard")]
    said = told_apart(HERE, rows, ())
    assert said == text
    check_plain(said)


def test_every_count_is_plain() -> None:
    for counts in itertools.product(range(4), repeat=3):
        if sum(counts):
            check_plain(told_apart(HERE, [HERE, *_others(*counts)], ()))


def test_intervals_that_touch_are_not_told_apart() -> None:
    touching = named("Orchard", **_shrunken(35.9, 37.0))
    assert "cannot be told apart" in told_apart(HERE, [HERE, touching], ())


def test_sites_that_are_not_comparable_take_no_part() -> None:
    [lower] = _others(1, 0, 0)
    unfair = named("Orchard", **_shrunken(*LOWER), comparability="response_rate_low")
    assert told_apart(HERE, [HERE, unfair], ()) == ""
    assert "the one other site" in told_apart(HERE, [HERE, unfair, lower], ())
    not_fair = row(**_shrunken(34.8, 35.9), comparability="response_rate_low")
    assert told_apart(not_fair, [not_fair, lower], ()) == ""


def test_what_is_not_known_of_any_site_singles_none_out() -> None:
    unknown = {"comparability": "language_unknown,collection_mode_unknown"}
    here = row(**_shrunken(34.8, 35.9), **unknown)
    lower = named("Orchard", **_shrunken(*LOWER), **unknown)
    assert "clearly lower" in told_apart(here, [here, lower], ())


def test_adjusted_is_held_against_adjusted_alone() -> None:
    lower = named("Orchard", **_shrunken(*LOWER))
    raw_alone = named("Quay Street", **_shrunken(*LOWER))
    adjustments = [
        adjusted("Mill Road", **_shrunken(34.6, 35.7)),
        adjusted("Orchard", **_shrunken(35.0, 36.0)),
    ]
    said = told_apart(HERE, [HERE, lower, raw_alone], adjustments)
    assert said == ("This site cannot be told apart from the one other site we can compare.")
    assert "clearly lower raw" in told_apart(HERE, [HERE, lower, raw_alone], [ADJUSTED])


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert told_apart(suppressed(), [suppressed(), HERE], ()) == ""
    assert told_apart(row(), [row(), *_others(1, 1, 1)], ()) == ""
    assert told_apart(HERE, [HERE], ()) == ""
