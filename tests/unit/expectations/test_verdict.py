"""Verdicts on small frames, through the real Great Expectations.

Its import takes seconds, so the module pays for it once and every frame here is small.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from expectations import verdict
from expectations.check import DELIVERY, INVALID, ROW, SAME_KEY, STRAY_ITEMS
from expectations.model import Category, Feed, FeedName, Severity
from expectations.registry import load_registry
from expectations.suites import EPOCH, feed_suite, form_suite, unknown_instrument_suite
from expectations.verdict import RuleVerdict, Verdict, merge, validate, validate_pooled

REGISTRY = load_registry()
RECEIVED = date(2026, 10, 1)
TODAY = float((RECEIVED - EPOCH).days)
SITES = ("north", "south")
CANARY = "Canary Quill 1961-04-01"
NUMBER_CANARY = 8151923.0
N = 12


def good_frame(feed: Feed, n_items: int = 0, n: int = N) -> pd.DataFrame:
    """A frame nothing is wrong with, row numbers from 101."""
    columns: dict[str, Any] = {}
    for column in feed.columns:
        if column.name == "site_id":
            columns[column.name] = [SITES[row % 2] for row in range(n)]
        elif column.type == "id":
            columns[column.name] = [f"{row:032x}" for row in range(n)]
        elif column.type == "enumeration":
            columns[column.name] = [column.allowed[row % len(column.allowed)] for row in range(n)]
        elif column.type == "date":
            columns[column.name] = np.full(n, TODAY - 30)
        elif column.name == "stated_total":
            columns[column.name] = np.full(n, 30.0)
        else:
            columns[column.name] = np.ones(n)
    columns |= {f"item_{number:02d}": np.full(n, 3.0) for number in range(1, n_items + 1)}
    columns |= {SAME_KEY: np.ones(n), STRAY_ITEMS: np.zeros(n)}
    index = pd.Index(np.arange(101, 101 + n), name=ROW)
    return pd.DataFrame(columns, index=index, dtype=object).astype(
        {name: float for name, values in columns.items() if isinstance(values, np.ndarray)}
    )


def found(verdicts: Sequence[RuleVerdict]) -> dict[str, tuple[str, int, int, list[int]]]:
    return {
        one.check_id: (one.status, one.n_evaluated, one.n_failed, one.failed_rows.tolist())
        for one in verdicts
    }


def failing(verdicts: Sequence[RuleVerdict]) -> dict[str, list[int]]:
    return {one.check_id: one.failed_rows.tolist() for one in verdicts if one.n_failed}


def forms(n: int = N) -> pd.DataFrame:
    return good_frame(REGISTRY.feeds["administrations"], 12, n)


WAI = REGISTRY.instruments["wai_sr", "1"]
SRS = REGISTRY.instruments["srs", "3"]


@pytest.fixture(scope="module")
def suites() -> dict[str, Any]:
    feeds = REGISTRY.feeds
    return {
        "episodes": feed_suite(feeds["episodes"], SITES, RECEIVED),
        "sessions": feed_suite(feeds["sessions"], SITES, RECEIVED),
        "administrations": form_suite(feeds["administrations"], WAI, SITES, RECEIVED),
        "srs": form_suite(feeds["administrations"], SRS, SITES, RECEIVED),
    }


@pytest.mark.parametrize("name", ["episodes", "sessions", "administrations"])
def test_a_sound_frame_passes_every_rule(suites: dict[str, Any], name: FeedName) -> None:
    frame = good_frame(REGISTRY.feeds[name], 12)
    verdicts = validate(frame, suites[name])
    assert {one.status for one in verdicts} == {"passed"}
    assert {one.n_evaluated for one in verdicts} == {N}
    assert len({one.check_id for one in verdicts}) == len(verdicts)


# feed, column, what is planted there, the checks that fail for it
PLANTED: list[tuple[FeedName, str, object, set[str]]] = [
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
    ("administrations", "item_03", 9.0, {"administrations.item_03.in_range"}),
    ("administrations", "item_03", 2.5, {"administrations.item_03.in_range"}),
    ("administrations", "item_12", np.inf, {"administrations.item_12.in_range"}),
    ("administrations", "stated_total", 11.0, {"administrations.stated_total.between"}),
    ("administrations", "stated_total", 61.0, {"administrations.stated_total.between"}),
    ("administrations", "completed_on", TODAY + 1, {"administrations.completed_on.not_future"}),
    ("administrations", "respondent", INVALID, {"administrations.respondent.one_of"}),
    ("administrations", STRAY_ITEMS, 1.0, {"administrations.items.belong"}),
]


@pytest.mark.parametrize("name", ["episodes", "sessions", "administrations"])
def test_a_rule_fails_exactly_the_rows_planted(suites: dict[str, Any], name: FeedName) -> None:
    """Each case has two rows of its own in one frame: the checks cost more than the rows."""
    cases = [case for case in PLANTED if case[0] == name]
    frame = good_frame(REGISTRY.feeds[name], 12, 3 * len(cases))
    expected: dict[str, list[int]] = {}
    for position, (_, column, planted, checks) in enumerate(cases):
        rows = [101 + 3 * position, 103 + 3 * position]
        frame.loc[rows, column] = planted
        for check in checks:
            expected.setdefault(check, []).extend(rows)
    assert failing(validate(frame, suites[name])) == expected


@pytest.mark.parametrize("name", ["episodes", "sessions", "administrations"])
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
    assert failing(validate(frame, suites[name])) == demanded


def test_the_bounds_themselves_are_inside(suites: dict[str, Any]) -> None:
    frame = forms()
    frame.loc[103, "item_01"], frame.loc[104, "item_01"] = 1.0, 5.0
    frame.loc[103, "stated_total"], frame.loc[104, "stated_total"] = 12.0, 60.0
    frame.loc[103, "completed_on"] = TODAY
    assert failing(validate(frame, suites["administrations"])) == {}


def test_a_line_admits_any_place_on_it(suites: dict[str, Any]) -> None:
    frame = good_frame(REGISTRY.feeds["administrations"], 4)
    frame["item_01"] = np.linspace(0, 10, N)
    frame.loc[103, "item_02"], frame.loc[104, "item_03"] = -0.01, 10.01
    assert failing(validate(frame, suites["srs"])) == {
        "administrations.item_02.in_range": [103],
        "administrations.item_03.in_range": [104],
    }


def test_an_unknown_instrument_sets_its_forms_aside() -> None:
    frame = pd.DataFrame({"instrument_code": [INVALID] * 3}, index=pd.Index([4, 5, 9], name=ROW))
    (only,) = validate(frame, unknown_instrument_suite(REGISTRY.feeds["administrations"]))
    assert only.check_id == "administrations.instrument_code.known"
    assert only.severity is Severity.CRITICAL
    assert only.failed_rows.tolist() == [4, 5, 9]


def test_columns_the_contract_does_not_send_have_no_rules() -> None:
    sent = ("client_id", "status", "completed_on")
    feed = REGISTRY.feeds["administrations"]
    frame = forms()[[*sent, *(f"item_{n:02d}" for n in range(1, 13)), SAME_KEY, STRAY_ITEMS]]
    verdicts = validate(frame, form_suite(feed, WAI, SITES, RECEIVED, sent))
    assert {one.status for one in verdicts} == {"passed"}
    columns = {one.column for one in verdicts if one.column and "item" not in one.column}
    assert columns == set(sent)
    dates = feed_suite(REGISTRY.feeds["episodes"], SITES, RECEIVED, ("closed_on",))
    assert "episodes.closed_on.ordered" not in {e.meta["check_id"] for e in dates.expectations}


def test_verdicts_are_words_and_counts_and_row_numbers(suites: dict[str, Any]) -> None:
    verdicts = {one.check_id: one for one in validate(forms(), suites["administrations"])}
    one = verdicts["administrations.item_03.in_range"]
    assert one.instrument_code == "wai_sr"
    assert one.column == "item_03"
    assert (one.category, one.severity) == (Category.CONFORMANCE, Severity.CRITICAL)
    assert one.rule_text.startswith("Item 3 is one of 1, 2, 3, 4, 5, or is unanswered.")
    assert verdicts["administrations.key.unique"].column is None
    assert all(told.rule_text.endswith(".") for told in verdicts.values())


@pytest.mark.parametrize(
    ("n_bad", "status"),
    [(0, "passed"), (1, "passed_with_failures"), (2, "failed")],
)
def test_tolerance_is_a_share_of_what_was_evaluated(
    suites: dict[str, Any], n_bad: int, status: str
) -> None:
    frame = good_frame(REGISTRY.feeds["episodes"], n=40)
    frame.loc[frame.index[20:], "gender"] = None
    frame.loc[frame.index[:n_bad], "gender"] = INVALID
    one = {v.check_id: v for v in validate(frame, suites["episodes"])}["episodes.gender.one_of"]
    assert one.threshold == 0.05
    assert (one.n_evaluated, one.n_failed, one.status) == (20, n_bad, status)
    assert one.failed_share == n_bad / 20


def test_nothing_evaluated_is_not_a_pass(suites: dict[str, Any]) -> None:
    frame = forms()
    frame["rater_id"] = pd.Series([None] * N, dtype=object, index=frame.index)
    frame["item_07"] = np.nan
    told = found(validate(frame, suites["administrations"]))
    assert told["administrations.rater_id.valid"] == ("not_applicable", 0, 0, [])
    assert told["administrations.item_07.in_range"] == ("not_applicable", 0, 0, [])
    empty = validate(frame.iloc[:0], suites["administrations"])
    assert {one.status for one in empty} == {"not_applicable"}


class Loud:
    """A cell that quotes itself in the exception it raises when Great Expectations judges it."""

    def __eq__(self, other: object) -> bool:
        raise ValueError(CANARY)

    def __lt__(self, other: object) -> bool:
        raise ValueError(CANARY)

    __le__ = __gt__ = __ge__ = __lt__
    __hash__ = object.__hash__


def test_no_cell_value_reaches_a_verdict_a_log_or_the_screen(
    suites: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    frame = forms()
    for column in ("client_id", "respondent", "status", "collection_mode"):
        frame.loc[103, column] = CANARY
    for column in ("item_01", "stated_total", "completed_on", "occasion"):
        frame.loc[104, column] = NUMBER_CANARY
    broken = frame.copy()
    broken["item_05"] = pd.Series([Loud() for _ in range(N)], dtype=object, index=frame.index)
    broken["occasion"] = pd.Series([Loud() for _ in range(N)], dtype=object, index=frame.index)
    broken["item_02"] = pd.Series([CANARY] * N, dtype=object, index=frame.index)
    broken["completed_on"] = pd.Series([{CANARY: 1}] * N, dtype=object, index=frame.index)
    verdicts = [
        *validate(frame, suites["administrations"]),
        *validate(broken, suites["administrations"]),
    ]
    assert any(one.n_failed for one in verdicts)
    # It logs the text of exceptions it did not foresee ("Caught exception ...").
    logging.getLogger("great_expectations.validator.validation_graph").error(CANARY)
    errors = {one.check_id for one in verdicts if one.status == "error"}
    assert "administrations.occasion.between" in errors
    told = [{**asdict(one), "failed_rows": one.failed_rows.tolist()} for one in verdicts]
    screen = capfd.readouterr()
    everything = json.dumps(told) + repr(verdicts) + caplog.text + screen.out + screen.err
    for value in (CANARY, CANARY.split()[0], "8151923"):
        assert value not in everything


def test_a_check_that_cannot_run_is_an_error_and_never_a_pass(suites: dict[str, Any]) -> None:
    frame = forms().drop(columns=["item_03", "status"])
    frame["item_04"] = pd.Series(["high"] * N, dtype=object, index=frame.index)
    frame["completed_on"] = pd.Series(["soon"] * N, dtype=object, index=frame.index)
    verdicts = validate(frame, suites["administrations"])
    told = found(verdicts)
    for check in (
        "administrations.item_03.in_range",
        "administrations.status.required",
        "administrations.status.one_of",
        "administrations.completed_on.between",
    ):
        assert told[check] == ("error", 0, 0, [])
    assert told["administrations.item_05.in_range"][0] == "passed"
    assert told["administrations.item_04.in_range"][0] == "failed"
    whole = Verdict(tuple(verdicts))
    assert whole.has_error
    assert whole.n_failed >= 5


def test_a_breakdown_of_the_whole_run_is_an_error_of_every_check(
    suites: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever broke it, its text may quote a cell and goes nowhere."""

    def breaks() -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(verdict, "_batch_definition", breaks)
    verdicts = validate(forms(), suites["administrations"])
    assert len(verdicts) == len(suites["administrations"].expectations)
    assert {one.status for one in verdicts} == {"error"}


def dirty_forms(n: int) -> pd.DataFrame:
    """Forms with about every fifth cell wrong or empty, by a fixed seed."""
    random = np.random.default_rng(20)
    frame = forms(n)
    for column in frame.columns:
        wrong, empty = random.random(n) < 0.1, random.random(n) < 0.1
        if frame[column].dtype == object:
            frame.loc[wrong, column], frame.loc[empty, column] = INVALID, None
        else:
            frame.loc[wrong, column], frame.loc[empty, column] = np.inf, np.nan
    return frame


def test_pooled_deliveries_are_judged_as_if_each_came_alone(suites: dict[str, Any]) -> None:
    frame = dirty_forms(60)
    frame["rater_id"] = [None] * 30 + ["a1"] * 30
    owners = np.repeat(["d1", "d2", "d3"], [30, 10, 20])
    numbers = np.concatenate([np.arange(1, 31), np.arange(1, 11), np.arange(1, 21)])
    pooled = frame.set_axis(pd.MultiIndex.from_arrays([owners, numbers], names=[DELIVERY, ROW]))
    together = validate_pooled(pooled, suites["administrations"])
    assert list(together) == ["d1", "d2", "d3"]
    for delivery, verdicts in together.items():
        alone = frame[owners == delivery].set_axis(pd.Index(numbers[owners == delivery], name=ROW))
        assert found(verdicts) == found(validate(alone, suites["administrations"]))
    status = {d: found(v)["administrations.rater_id.valid"][0] for d, v in together.items()}
    assert status == {"d1": "not_applicable", "d2": "passed", "d3": "passed"}


def test_pooled_episodes_count_pairs_of_dates_by_delivery(suites: dict[str, Any]) -> None:
    frame = good_frame(REGISTRY.feeds["episodes"])
    frame.loc[[101, 102, 108], "closed_on"] = np.nan
    frame.loc[[109], "closed_on"] = TODAY - 40
    owners = ["d1"] * 6 + ["d2"] * 6
    pooled = frame.set_axis(pd.MultiIndex.from_arrays([owners, frame.index], names=[DELIVERY, ROW]))
    told = validate_pooled(pooled, suites["episodes"])
    assert found(told["d1"])["episodes.closed_on.ordered"] == ("passed", 4, 0, [])
    assert found(told["d2"])["episodes.closed_on.ordered"] == ("failed", 5, 1, [109])


def test_an_error_is_an_error_of_every_pooled_delivery(suites: dict[str, Any]) -> None:
    frame = forms().drop(columns="item_03")
    pooled = frame.set_axis(
        pd.MultiIndex.from_arrays([["d1"] * 6 + ["d2"] * 6, frame.index], names=[DELIVERY, ROW])
    )
    told = validate_pooled(pooled, suites["administrations"])
    for delivery in ("d1", "d2"):
        assert found(told[delivery])["administrations.item_03.in_range"][0] == "error"


def test_slices_merged_are_the_whole(suites: dict[str, Any]) -> None:
    frame = dirty_forms(50)
    whole = validate(frame, suites["administrations"])
    slices = [
        validate(part, suites["administrations"])
        for part in (frame.iloc[:7], frame.iloc[7:40], frame.iloc[40:])
    ]
    assert found(merge(slices)) == found(whole)
    assert any(one.status == "failed" for one in whole)


def test_an_error_in_one_slice_is_an_error_of_the_whole(suites: dict[str, Any]) -> None:
    frame = forms()
    good = validate(frame, suites["administrations"])
    bad = validate(frame.drop(columns="item_03"), suites["administrations"])
    told = found(merge([good, bad]))
    assert told["administrations.item_03.in_range"] == ("error", 0, 0, [])
    assert told["administrations.item_04.in_range"] == ("passed", 2 * N, 0, [])
    assert merge([]) == []


def test_a_verdict_counts_checks_and_names_rows_to_set_aside(suites: dict[str, Any]) -> None:
    frame = forms()
    frame.loc[105, ["item_01", "item_02"]] = 9.0
    frame.loc[103, "item_01"] = 9.0
    frame.loc[110, "completed_on"] = TODAY + 5
    whole = Verdict(tuple(validate(frame, suites["administrations"])))
    assert whole.quarantined_rows.tolist() == [103, 105]
    assert (whole.n_failed, whole.n_warned) == (2, 1)
    assert whole.n_passed == len(whole.rules) - 3
    assert not whole.has_error
    assert Verdict(()).quarantined_rows.tolist() == []


@pytest.mark.parametrize("levels", [[ROW, DELIVERY], [None]])
def test_a_frame_without_its_index_is_a_mistake_of_the_caller(
    suites: dict[str, Any], levels: list[str | None]
) -> None:
    index = pd.MultiIndex.from_arrays([[1] * N] * len(levels), names=levels)
    frame = forms().set_axis(index)
    with pytest.raises(ValueError, match="index must be"):
        validate(frame, suites["administrations"])
    with pytest.raises(ValueError, match="index must be"):
        validate_pooled(frame, suites["administrations"])
