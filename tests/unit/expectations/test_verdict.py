"""What a run says and what it keeps to itself: statuses, errors, pools and slices."""

import json
import logging
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest

from expectations import verdict
from expectations.check import DELIVERY, INVALID, ROW
from expectations.verdict import merge, validate_pooled
from tests.unit.expectations.frames import (
    REGISTRY,
    TODAY,
    N,
    dirty_forms,
    forms,
    found,
    good_frame,
    judged,
)

CANARY = "Canary Quill 1961-04-01"
NUMBER_CANARY = 8151923.0


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
    one = {v.check_id: v for v in judged(frame, suites["episodes"])}["episodes.gender.one_of"]
    assert one.threshold == 0.05
    assert (one.n_evaluated, one.n_failed, one.status) == (20, n_bad, status)


def test_nothing_evaluated_is_not_a_pass(suites: dict[str, Any]) -> None:
    frame = forms()
    frame["rater_id"] = pd.Series([None] * N, dtype=object, index=frame.index)
    frame["item_07"] = np.nan
    told = found(judged(frame, suites["administrations"]))
    assert told["administrations.rater_id.valid"] == ("not_applicable", 0, 0, [])
    assert told["administrations.item_07.in_range"] == ("not_applicable", 0, 0, [])


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
        *judged(frame, suites["administrations"]),
        *judged(broken, suites["administrations"]),
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
    verdicts = judged(frame, suites["administrations"])
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


def test_a_breakdown_of_the_whole_run_is_an_error_of_every_check(
    suites: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever broke it, its text may quote a cell and goes nowhere."""

    def breaks() -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(verdict, "_batch_definition", breaks)
    verdicts = judged(forms(), suites["administrations"])
    assert len(verdicts) == len(suites["administrations"].expectations)
    assert {one.status for one in verdicts} == {"error"}


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
        assert found(verdicts) == found(judged(alone, suites["administrations"]))
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
    whole = judged(frame, suites["administrations"])
    slices = [
        judged(part, suites["administrations"])
        for part in (frame.iloc[:7], frame.iloc[7:40], frame.iloc[40:])
    ]
    assert found(merge(slices)) == found(whole)
    assert any(one.status == "failed" for one in whole)


def test_an_error_in_one_slice_is_an_error_of_the_whole(suites: dict[str, Any]) -> None:
    frame = forms()
    good = judged(frame, suites["administrations"])
    bad = judged(frame.drop(columns="item_03"), suites["administrations"])
    told = found(merge([good, bad]))
    assert told["administrations.item_03.in_range"] == ("error", 0, 0, [])
    assert told["administrations.item_04.in_range"] == ("passed", 2 * N, 0, [])
    assert merge([]) == []


@pytest.mark.parametrize("levels", [[ROW, DELIVERY], [ROW]])
def test_a_frame_without_its_index_is_a_mistake_of_the_caller(
    suites: dict[str, Any], levels: list[str | None]
) -> None:
    index = pd.MultiIndex.from_arrays([[1] * N] * len(levels), names=levels)
    frame = forms().set_axis(index)
    with pytest.raises(ValueError, match="index must be"):
        validate_pooled(frame, suites["administrations"])
