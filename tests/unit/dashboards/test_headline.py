"""What the headline says of every group of sites: counts that are right, names by the alphabet."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards import sentences
from dashboards.release import Adjustment, SiteResult
from orchestration.benchmarking.comparability import REASONS
from tests.unit.dashboards.plain_words import check_plain
from tests.unit.dashboards.rows import (
    ALLIANCE,
    NO_LIMITS,
    NO_NUMBERS,
    SYMPTOMS,
    adjusted,
    named,
    suppressed,
)

HEADLINES: dict[str, tuple[Sequence[SiteResult], Sequence[Adjustment], str]] = {
    "all within, by both": (
        [named("Mill Road"), named("Elm Court"), named("Abbey Lane")],
        [adjusted("Abbey Lane"), adjusted("Elm Court"), adjusted("Mill Road")],
        "All 3 sites we can compare lie within the range we expect, raw and adjusted alike. "
        "These numbers cannot tell any of them apart from the group. "
        "That does not mean they are alike. "
        "The group's raw mean is 35.4 points. "
        "The range allows for how much sites differ as a rule.",
    ),
    "on every side, raw alone": (
        [
            named("Abbey Lane"),
            named("Castle Hill", flag="above_998"),
            named("Mill Road", flag="above_95"),
            named("Elm Court", flag="below_95"),
            named("Lighthouse", flag="below_998"),
            named("Dockside", flag="above_95"),
            suppressed(),
        ],
        [],
        "Of the 6 sites we can compare, 1 lies within the range we expect, by their raw means. "
        "Castle Hill lies far above it. Dockside and Mill Road lie just above it. "
        "Elm Court lies just below it. Lighthouse lies far below it. "
        "Raw means do not allow for who comes to a site. We work that out for a year or longer "
        "only. The group's raw mean is 35.4 points. "
        "The range allows for how much sites differ as a rule.",
    ),
    "the two do not agree, one is not adjusted, one not comparable": (
        [
            named("Abbey Lane", flag="above_998"),
            named("Dockside"),
            named("Elm Court"),
            named("Mill Road", flag="below_998", comparability="response_rates_differ"),
        ],
        [adjusted("Abbey Lane"), adjusted("Dockside")],
        "Of the 3 sites we can compare, 2 lie within the range we expect, by their raw means. "
        "Abbey Lane lies far above it. "
        "Both sites we can adjust lie within the range we expect, once we allow for who comes "
        "there. We cannot adjust the mean of Elm Court. "
        "Raw and adjusted do not agree for Abbey Lane: who comes there may matter. "
        "The group's raw mean is 35.4 points. "
        "The range allows for how much sites differ as a rule. "
        "Mill Road lies outside the range too, but we cannot compare it fairly. "
        "The table says why.",
    ),
    "one site": (
        [named("Abbey Lane", flag="below_95")],
        [adjusted("Abbey Lane", adjusted=None, flag=None, null_reason="no_case_mix_model")],
        "We can compare one site only: Abbey Lane lies just below the range we expect, "
        "by its raw mean. Raw means do not allow for who comes to a site. "
        "The data of the group do not tell us how much to allow for. "
        "The group's raw mean is 35.4 points. "
        "The range allows for how much sites differ as a rule.",
    ),
    "how forms were filled in is not known": (
        [
            named("Abbey Lane", flag="above_998", comparability="collection_mode_unknown"),
            named(
                "Mill Road",
                flag="below_998",
                comparability="response_rate_low,collection_mode_unknown",
            ),
        ],
        [adjusted("Abbey Lane", adjusted=None, flag=None, null_reason="no_case_mix_model")],
        "We can compare one site only: Abbey Lane lies far above the range we expect, "
        "by its raw mean. Raw means do not allow for who comes to a site. "
        "The data of the group do not tell us how much to allow for. "
        "The group's raw mean is 35.4 points. "
        "The range allows for how much sites differ as a rule. "
        "We do not know how these forms were filled in. Sites may differ in that. "
        "Mill Road lies outside the range too, but we cannot compare it fairly. "
        "The table says why.",
    ),
    "none can be compared": (
        [named("Abbey Lane", **NO_LIMITS, comparability="too_few_sites"), suppressed()],
        [],
        "We show 1 site but cannot compare it fairly. The table gives the reasons.",
    ),
    "all suppressed": (
        [suppressed("Abbey Lane"), suppressed()],
        [],
        "No site can be shown in this view: its numbers could give someone away.",
    ),
    "no mean anywhere": (
        [named("Abbey Lane", **NO_NUMBERS)],
        [],
        "No site can be shown in this view: none has a mean score.",
    ),
    "no row": ([], [], "This view holds no site."),
}


@pytest.mark.parametrize("state", HEADLINES)
def test_the_headline_word_by_word(state: str) -> None:
    rows, adjustments, text = HEADLINES[state]
    assert sentences.headline(rows, adjustments, ALLIANCE, "2026-09") == text
    check_plain(text)


FLAGS = (None, "within", "above_95", "below_95", "above_998", "below_998")
OF_NO_SITE_ALONE = (None, "language_unknown", "collection_mode_unknown")
NAMES = ("Abbey Lane", "ABC House", "Dockside", "Elm Court", "Lighthouse", "Mill Road", "Quay")
OF_A_SITE = st.tuples(
    st.sampled_from((*FLAGS, "suppressed", "no mean")),
    st.sampled_from((None, None, *REASONS, "covariate_not_identifiable")),
    st.sampled_from(("no row", "no_case_mix_model", "covariate_not_identifiable", *FLAGS)),
)


def _site(name: str, flag: str | None, reason: str | None) -> SiteResult:
    if flag == "suppressed":
        return suppressed(name)
    if flag == "no mean":
        return named(name, **NO_NUMBERS)
    return named(name, flag=flag, comparability=reason)


def _adjustment(name: str, state: str | None) -> Adjustment:
    if state in ("no_case_mix_model", "covariate_not_identifiable"):
        return adjusted(name, adjusted=None, flag=None, null_reason=state)
    return adjusted(name, flag=state)


def _side(flag: str | None) -> str:
    return (flag or "").split("_")[0]


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.dictionaries(st.sampled_from(NAMES), OF_A_SITE, max_size=len(NAMES)),
    st.sampled_from((ALLIANCE, SYMPTOMS)),
    st.sampled_from((None, "2026-09", "2026", "all")),
    st.sampled_from((0.0, 0.09)),
)
def test_the_headline_is_right_of_every_group(
    sites: dict[str, tuple[str | None, str | None, str | None]],
    instrument: object,
    period: str | None,
    tau2: float,
) -> None:
    rows = [
        replace(_site(name, flag, reason), tau2=tau2) for name, (flag, reason, _) in sites.items()
    ]
    adjustments = [
        _adjustment(name, state) for name, (*_, state) in sites.items() if state != "no row"
    ]
    text = sentences.headline(rows, adjustments, instrument, period)  # type: ignore[arg-type]
    check_plain(text)
    fair = {
        name: flag
        for name, (flag, reason, _) in sites.items()
        if flag in FLAGS[1:] and reason in OF_NO_SITE_ALONE
    }
    for clause in re.findall(r"Of the (\d+) sites we can compare, (\d+|none) ", text):
        n_within = sum(flag == "within" for flag in fair.values())
        assert clause == (str(len(fair)), str(n_within) if n_within else "none")
    assert ("we can compare" in text or "We can compare" in text) == bool(fair)
    said = re.split(r"(?<=\.) ", text)
    for name, flag in fair.items():
        place = {"above": "above it", "below": "below it"}.get((flag or "").split("_")[0], "")
        if place and len(fair) > 1:
            assert any(name in each and place in each for each in said), text
    for each in said:
        mentioned = re.findall("|".join(NAMES), each)
        assert mentioned == sorted(mentioned, key=str.casefold), "not in alphabetical order"
    for name, flag in fair.items():
        state = sites[name][2]
        differ = state in FLAGS[1:] and _side(state) != _side(flag)
        is_said = any(name in each and "do not agree" in each for each in said)
        assert is_said == differ, text
    assert not any(name in text for name, (flag, *_) in sites.items() if flag == "suppressed")


@pytest.mark.parametrize("tau2", [0.0, 0.09])
def test_no_difference_found_is_never_said_to_be_no_difference(tau2: float) -> None:
    rows = [named(f"Site {n}", tau2=tau2) for n in range(3)]
    text = sentences.headline(rows, [], ALLIANCE)
    assert not re.search(r"no (real )?difference|no more than|the same", text)
    assert "cannot tell" in text
    assert ("chance alone could spread" in text) == (tau2 == 0.0)


def test_many_names_become_a_count() -> None:
    rows = [named(f"Site {n:02}", flag="above_95") for n in range(30)]
    text = sentences.headline([*rows, named("Mill Road")], [], ALLIANCE)
    assert "30 sites lie just above it." in text
    assert "Site 00" not in text
