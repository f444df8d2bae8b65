"""Each kind of rule, on small frames, through the real Great Expectations."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from expectations.check import INVALID, ROW, SAME_KEY, STRAY_ITEMS, given
from expectations.model import FEED_NAMES, Category, FeedName, Severity
from expectations.suites import CHECK_ID, feed_suite, form_suite, unknown_instrument_suite
from tests.unit.expectations.frames import (
    RECEIVED,
    REGISTRY,
    SITES,
    TODAY,
    WAI,
    N,
    failing,
    forms,
    good_frame,
    judged,
)


@pytest.mark.parametrize("name", FEED_NAMES)
def test_a_sound_frame_passes_every_rule(suites: dict[str, Any], name: FeedName) -> None:
    frame = good_frame(REGISTRY.feeds[name], 12)
    verdicts = judged(frame, suites[name])
    assert {one.status for one in verdicts} == {"passed"}
    assert {one.n_evaluated for one in verdicts} == {N}
    assert len({one.check_id for one in verdicts}) == len(verdicts)


# feed, column, what is planted there, the checks that fail for it
PLANTED: list[tuple[FeedName, str, str | float | None, set[str]]] = [
    ("episodes", "episode_id", None, {"episodes.episode_id.required"}),
    ("episodes", "episode_id", INVALID, {"episodes.episode_id.valid"}),
    ("episodes", "site_id", "elsewhere", {"episodes.site_id.one_of"}),
    ("episodes", "site_id", INVALID, {"episodes.site_id.one_of"}),
    ("episodes", "state", None, {"episodes.state.required"}),
    ("episodes", "state", INVALID, {"episodes.state.one_of"}),
    ("episodes", "opened_on", np.nan, {"episodes.opened_on.required"}),
    ("episodes", "closed_on", TODAY - 31, {"episodes.closed_on.ordered"}),
    ("episodes", "closed_on", TODAY + 1, {"episodes.closed_on.not_future"}),
    (
        "episodes",
        "closed_on",
        np.inf,
        {"episodes.closed_on.between", "episodes.closed_on.not_future"},
    ),
    (
        "episodes",
        "closed_on",
        -20000.0,
        {"episodes.closed_on.between", "episodes.closed_on.ordered"},
    ),
    ("episodes", "planned_sessions", 501.0, {"episodes.planned_sessions.between"}),
    ("episodes", "planned_sessions", np.inf, {"episodes.planned_sessions.between"}),
    ("episodes", SAME_KEY, 2.0, {"episodes.key.unique"}),
    ("sessions", "scheduled_on", np.inf, {"sessions.scheduled_on.between"}),
    ("sessions", "scheduled_on", np.nan, {"sessions.scheduled_on.required"}),
    ("sessions", "interpreter", np.inf, {"sessions.interpreter.valid"}),
    ("sessions", "planned_minutes", 0.0, {"sessions.planned_minutes.between"}),
    ("sessions", "actual_minutes", 601.0, {"sessions.actual_minutes.between"}),
    ("process_ratings", "session_id", None, {"process_ratings.session_id.required"}),
    ("process_ratings", "informant", INVALID, {"process_ratings.informant.one_of"}),
    ("process_ratings", "rating_kind", None, {"process_ratings.rating_kind.required"}),
    ("process_ratings", "helpfulness", 0.0, {"process_ratings.helpfulness.between"}),
    ("process_ratings", "helpfulness", 6.0, {"process_ratings.helpfulness.between"}),
    ("process_ratings", "helpfulness", np.inf, {"process_ratings.helpfulness.between"}),
    (
        "process_ratings",
        "segment_start_seconds",
        36001.0,
        {"process_ratings.segment_start_seconds.between"},
    ),
    (
        "process_ratings",
        given("helpfulness"),
        0.0,
        {"process_ratings.helpfulness.required_when"},
    ),
    (
        "process_ratings",
        given("rupture_reported"),
        0.0,
        {"process_ratings.rupture_reported.required_when"},
    ),
    ("process_ratings", "rupture_reported", np.inf, {"process_ratings.rupture_reported.valid"}),
    ("process_ratings", "rated_on", TODAY + 1, {"process_ratings.rated_on.not_future"}),
    ("process_ratings", SAME_KEY, 2.0, {"process_ratings.key.unique"}),
    ("administrations", "item_03", 9.0, {"administrations.item_03.in_range"}),
    ("administrations", "item_03", 2.5, {"administrations.item_03.in_range"}),
    ("administrations", "item_12", np.inf, {"administrations.item_12.in_range"}),
    ("administrations", "stated_total", 11.0, {"administrations.stated_total.between"}),
    ("administrations", "stated_total", 61.0, {"administrations.stated_total.between"}),
    ("administrations", "completed_on", TODAY + 1, {"administrations.completed_on.not_future"}),
    ("administrations", "respondent", INVALID, {"administrations.respondent.one_of"}),
    ("administrations", STRAY_ITEMS, 1.0, {"administrations.items.belong"}),
]


@pytest.mark.parametrize("name", FEED_NAMES)
def test_a_rule_fails_exactly_the_rows_planted(suites: dict[str, Any], name: FeedName) -> None:
    """Each case has two rows of its own in one frame: the checks cost more than the rows."""
    cases = [case for case in PLANTED if case[0] == name]
    frame = good_frame(REGISTRY.feeds[name], 12, 3 * len(cases))
    expected: dict[str, list[int]] = {}
    for position, (_, column, planted, checks) in enumerate(cases):
        rows = [101 + 3 * position, 103 + 3 * position]
        for row in rows:
            frame.at[row, column] = planted
        for check in checks:
            expected.setdefault(check, []).extend(rows)
    assert failing(judged(frame, suites[name])) == expected


@pytest.mark.parametrize("name", FEED_NAMES)
def test_an_empty_cell_fails_only_what_is_required(suites: dict[str, Any], name: FeedName) -> None:
    feed = REGISTRY.feeds[name]
    frame = good_frame(feed, 12)
    for column in frame.columns:
        frame.loc[103, column] = None if frame[column].dtype == object else np.nan
    demanded = {
        f"{name}.{column.name}.required": [103]
        for column in feed.columns
        for rule in column.rules
        if rule.rule == "required"
    }
    assert failing(judged(frame, suites[name])) == demanded


def test_the_bounds_themselves_are_inside(suites: dict[str, Any]) -> None:
    frame = forms()
    frame.loc[103, "item_01"], frame.loc[104, "item_01"] = 1.0, 5.0
    frame.loc[103, "stated_total"], frame.loc[104, "stated_total"] = 12.0, 60.0
    frame.loc[103, "completed_on"] = TODAY
    assert failing(judged(frame, suites["administrations"])) == {}


def test_a_line_admits_any_place_on_it(suites: dict[str, Any]) -> None:
    frame = good_frame(REGISTRY.feeds["administrations"], 4)
    frame["item_01"] = np.linspace(0, 10, N)
    frame.loc[103, "item_02"], frame.loc[104, "item_03"] = -0.01, 10.01
    assert failing(judged(frame, suites["srs"])) == {
        "administrations.item_02.in_range": [103],
        "administrations.item_03.in_range": [104],
    }


def test_an_unknown_instrument_sets_its_forms_aside() -> None:
    frame = pd.DataFrame({"instrument_code": [INVALID] * 3}, index=pd.Index([4, 5, 9], name=ROW))
    (only,) = judged(frame, unknown_instrument_suite(REGISTRY.feeds["administrations"]))
    assert only.check_id == "administrations.instrument_code.known"
    assert only.severity is Severity.CRITICAL
    assert only.failed_rows.tolist() == [4, 5, 9]


def test_columns_the_contract_does_not_send_have_no_rules() -> None:
    sent = ("client_id", "status", "completed_on")
    feed = REGISTRY.feeds["administrations"]
    frame = forms()[[*sent, *(f"item_{n:02d}" for n in range(1, 13)), SAME_KEY, STRAY_ITEMS]]
    verdicts = judged(frame, form_suite(feed, WAI, SITES, RECEIVED, sent))
    assert {one.status for one in verdicts} == {"passed"}
    columns = {one.column for one in verdicts if one.column and "item" not in one.column}
    assert columns == set(sent)
    dates = feed_suite(REGISTRY.feeds["episodes"], SITES, RECEIVED, ("closed_on",))
    assert "episodes.closed_on.ordered" not in {
        (planned.meta or {})[CHECK_ID] for planned in dates.expectations
    }


def test_verdicts_are_words_and_counts_and_row_numbers(suites: dict[str, Any]) -> None:
    verdicts = {one.check_id: one for one in judged(forms(), suites["administrations"])}
    one = verdicts["administrations.item_03.in_range"]
    assert one.instrument_code == "wai_sr"
    assert one.column == "item_03"
    assert (one.category, one.severity) == (Category.CONFORMANCE, Severity.CRITICAL)
    assert one.rule_text.startswith("Item 3 is one of 1, 2, 3, 4, 5, or is unanswered.")
    assert verdicts["administrations.key.unique"].column is None
    assert all(told.rule_text.endswith(".") for told in verdicts.values())
