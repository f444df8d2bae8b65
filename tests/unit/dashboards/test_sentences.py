"""Sentences of a site read with care, word by word, and what stands on every page."""

from dataclasses import replace

import pytest

from dashboards import sentences, sentences_reasons
from dashboards.release import Adjustment, SiteResult
from orchestration.benchmarking.comparability import REASONS
from tests.unit.dashboards.plain_words import check_plain
from tests.unit.dashboards.reading_grade import reading_grade
from tests.unit.dashboards.rows import (
    ADJUSTED,
    ALLIANCE,
    SYMPTOMS,
    row,
    suppressed,
)

GUESSED = {"shrunken": 35.3, "shrunken_lower95": 34.8, "shrunken_upper95": 35.9}
SURE = GUESSED | {"reliability": 0.83}
UNSURE = GUESSED | {"reliability": 0.31}
MILL_ROAD = "At Mill Road, the raw mean score for 212 clients is"
BESIDE = "About 72 % of the forms due came back. 24 % of its forms have the best score there is."
NO_BESIDE: dict[str, None] = {"response_rate": None, "ceiling_share": None}
REAL = "With data like these, most of what sets sites apart is real."
CHANCE = "With data like these, more of what sets sites apart is chance than real."

GOLDEN: dict[str, tuple[SiteResult, Adjustment | None, str | None, str]] = {
    "within, raw and adjusted": (
        row(**SURE),
        replace(ADJUSTED, shrunken=35.1, shrunken_lower95=34.6, shrunken_upper95=35.7),
        "2026",
        f"{MILL_ROAD} 35.2 points, give or take 1.0. "
        "Adjusted for who comes there, it is 35.0 points, give or take 1.0. "
        "Both lie within the range we expect for a site like this one "
        "(raw 34.3 to 36.5; adjusted 34.2 to 36.4). "
        "We cannot tell the site apart from the group. "
        "With chance allowed for as well, our best guess is 35.1 (34.6 to 35.7). "
        f"{REAL} {BESIDE}",
    ),
    "above by both, by a little": (
        row(flag="above_95", raw=36.9),
        replace(ADJUSTED, flag="above_95", adjusted=36.6),
        "2026",
        f"{MILL_ROAD} 36.9 points, give or take 1.0. "
        "Adjusted for who comes there, it is 36.6 points, give or take 1.0. "
        "Both lie above the range we expect for a site like this one "
        "(raw 34.3 to 36.5; adjusted 34.2 to 36.4). "
        "Chance alone puts about 1 site in 20 outside it, so take this as a hint only. "
        f"{BESIDE}",
    ),
    "below by both, by far": (
        row(flag="below_998", raw=33.0),
        replace(ADJUSTED, flag="below_998", adjusted=33.1),
        "2026",
        f"{MILL_ROAD} 33.0 points, give or take 1.0. "
        "Adjusted for who comes there, it is 33.1 points, give or take 1.0. "
        "Both lie below even the wide range we expect for a site like this one "
        "(raw 33.6 to 37.2; adjusted 33.5 to 37.1). "
        "Chance alone puts about 2 sites in 1,000 outside it, so it is worth asking why. "
        f"{BESIDE}",
    ),
    "raw stands out, adjusted does not": (
        row(flag="below_95", raw=34.0),
        ADJUSTED,
        "2026",
        f"{MILL_ROAD} 34.0 points, give or take 1.0. "
        "Adjusted for who comes there, it is 35.0 points, give or take 1.0. "
        "The two do not agree. The raw mean lies below the range we expect for a site like this "
        "one (34.3 to 36.5). The adjusted mean lies within the range (34.2 to 36.4). "
        "Once we allow for who comes to the site, it no longer stands out. "
        f"{BESIDE}",
    ),
    "adjusted stands out, raw does not": (
        row(),
        replace(ADJUSTED, flag="above_998", adjusted=37.4),
        "2026",
        f"{MILL_ROAD} 35.2 points, give or take 1.0. "
        "Adjusted for who comes there, it is 37.4 points, give or take 1.0. "
        "The two do not agree. The raw mean lies within the range we expect for a site like this "
        "one (34.3 to 36.5). The adjusted mean lies above even the wide range (33.5 to 37.1). "
        "It stands out only once we allow for who comes to the site. "
        "Chance alone puts about 2 sites in 1,000 outside it, so it is worth asking why. "
        f"{BESIDE}",
    ),
    "the same side, not as far": (
        row(flag="above_998", raw=37.9),
        replace(ADJUSTED, flag="above_95", adjusted=36.6),
        "2026",
        f"{MILL_ROAD} 37.9 points, give or take 1.0. "
        "Adjusted for who comes there, it is 36.6 points, give or take 1.0. "
        "The two agree on the side, but not on how far. The raw mean lies above even the wide "
        "range we expect for a site like this one (33.6 to 37.2). The adjusted mean lies above "
        "the range (34.2 to 36.4). Chance alone puts about 1 site in 20 outside the narrower "
        f"range, so take this as a hint only. {BESIDE}",
    ),
    "the same side, further once adjusted": (
        row(flag="below_95", raw=34.0, **NO_BESIDE),
        replace(ADJUSTED, flag="below_998", adjusted=33.1),
        "2026",
        f"{MILL_ROAD} 34.0 points, give or take 1.0. "
        "Adjusted for who comes there, it is 33.1 points, give or take 1.0. "
        "The two agree on the side, but not on how far. The raw mean lies below the range we "
        "expect for a site like this one (34.3 to 36.5). The adjusted mean lies below even the "
        "wide range (33.5 to 37.1). Chance alone puts about 1 site in 20 outside the narrower "
        "range, so take this as a hint only.",
    ),
    "opposite sides": (
        row(flag="above_95", raw=36.9),
        replace(ADJUSTED, flag="below_95", adjusted=34.0),
        "2026",
        f"{MILL_ROAD} 36.9 points, give or take 1.0. "
        "Adjusted for who comes there, it is 34.0 points, give or take 1.0. "
        "The two do not agree. The raw mean lies above the range we expect for a site like this "
        "one (34.3 to 36.5). The adjusted mean lies below the range (34.2 to 36.4). "
        f"Take neither as a finding before someone has looked into it. {BESIDE}",
    ),
    "a month, so raw alone; and wide": (
        row(**UNSURE),
        None,
        "2026-09",
        f"{MILL_ROAD} 35.2 points, give or take 1.0. "
        "This is within the range we expect for a site like this one (34.3 to 36.5). "
        "We cannot tell it apart from the group's mean of 35.4. "
        "The raw mean does not allow for who comes there. "
        "We work that out for a year or longer only. "
        "These numbers cannot tell much about this site yet. With chance allowed for, its true "
        f"mean may lie on either side of the group's, from 34.8 to 35.9. {CHANCE} {BESIDE}",
    ),
    "all clients alike": (
        row(flag="above_95", raw=36.9, comparability="covariate_not_identifiable", **SURE),
        replace(
            ADJUSTED,
            adjusted=None,
            flag=None,
            null_reason="covariate_not_identifiable",
            not_identifiable="delivery_mode",
        ),
        "2026",
        f"{MILL_ROAD} 36.9 points, give or take 1.0. "
        "This is above the range we expect for a site like this one (34.3 to 36.5). "
        "Chance alone puts about 1 site in 20 outside it, so take this as a hint only. "
        "The raw mean does not allow for who comes there. As far as we know, all its clients are "
        "alike in something we allow for (way of meeting). "
        "With chance allowed for, our best guess is a raw mean of 35.3 (34.8 to 35.9). "
        f"{REAL} {BESIDE}",
    ),
    "too few clients": (
        row(flag=None, comparability="too_few_clients", n_clients=22, **NO_BESIDE),
        None,
        "2026",
        "At Mill Road, the raw mean score for 22 clients is 35.2 points, give or take 1.0. "
        "We do not flag it, because it has too few clients for a fair reading. "
        "The raw mean does not allow for who comes there. "
        "This release holds no adjusted mean for this view.",
    ),
    "not comparable for who answered": (
        row(flag="below_95", raw=34.0, comparability="response_rate_low", response_rate=0.41),
        ADJUSTED,
        "2026",
        f"{MILL_ROAD} 34.0 points, give or take 1.0. "
        "Adjusted for who comes there, it is 35.0 points, give or take 1.0. "
        "The two do not agree. The raw mean lies below the range we expect for a site like this "
        "one (34.3 to 36.5). The adjusted mean lies within the range (34.2 to 36.4). "
        "Once we allow for who comes to the site, it no longer stands out. "
        "Read this with care, because too few of the forms due came back. "
        "About 41 % of the forms due came back; we do not know what the others would say. "
        "24 % of its forms have the best score there is.",
    ),
    "suppressed": (
        suppressed(),
        None,
        "2026",
        "We show no numbers for West End. "
        "Alone or set beside others, they could give someone away.",
    ),
}


@pytest.mark.parametrize("state", GOLDEN)
def test_the_sentence_of_a_site_word_by_word(state: str) -> None:
    result, adjustment, period, text = GOLDEN[state]
    assert sentences.site_sentence(result, ALLIANCE, adjustment, period) == text
    check_plain(text)


@pytest.mark.parametrize("code", [*REASONS, "covariate_not_identifiable"])
def test_every_reason_the_benchmark_gives_has_words(code: str) -> None:
    result = row(flag=None, comparability=code)
    [clause] = sentences_reasons.reasons(result)
    assert "“" not in clause, "no words of its own"
    assert sentences_reasons.short_reasons(result) != code


def test_it_says_which_way_is_good() -> None:
    assert "higher score means that the two work together" in sentences.meaning(ALLIANCE)
    assert "lower score is better" in sentences.meaning(SYMPTOMS)
    for instrument in (ALLIANCE, SYMPTOMS, replace(ALLIANCE, kind="outcome")):
        check_plain(sentences.meaning(instrument))


def test_what_stands_on_every_page_is_plain() -> None:
    check_plain(sentences.MEANS_NOTE)
    assert "no verdict on a site or on a therapist" in sentences.MEANS_NOTE


def test_the_grade_itself_tells_plain_from_learned() -> None:
    assert reading_grade("The cat sat on the mat.") < 2
    learned = "Heterogeneity notwithstanding, precision-weighted estimates necessitate caution."
    assert reading_grade(learned) > 15


@pytest.mark.parametrize(
    "text",
    [
        "Mill Road is the best site.",
        "It comes 3rd of all.",
        "This is due to the site.",
        "It has 1 clients.",
        "It has 12 client.",
        "The mean is None points.",
        "The mean is – points.",
        "It is 35.2 points..",
        "it is 35.2 points.",
    ],
)
def test_the_check_itself_finds_what_it_looks_for(text: str) -> None:
    with pytest.raises(AssertionError):
        check_plain(text)
