"""A line through time in words: held against the line itself, rule by rule and state by state."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards import sentences_trend
from dashboards.release import Intervention, TrendPoint
from dashboards.sentences_trend import trend_sentence
from orchestration.benchmarking.process_chart import FEWEST_POINTS, process_chart
from tests.unit.dashboards.plain_words import check_plain
from tests.unit.dashboards.rows import ALLIANCE, SYMPTOMS

NEW_FORM = Intervention(date(2025, 7, 1), None, None, "New intake form")


def _months(n: int) -> list[date]:
    return [date(2024 + place // 12, place % 12 + 1, 1) for place in range(n)]


def _line(
    values: Sequence[float], starts: Sequence[bool] | None = None, *, are_quarters: bool = False
) -> list[TrendPoint]:
    """A line as the release has it: drawn by the project's own XmR chart."""
    months = _months(3 * len(values))[::3] if are_quarters else _months(len(values))
    chart = process_chart(
        np.array(values, dtype=np.float64), None if starts is None else np.array(starts)
    )
    points = []
    for place, (on, value) in enumerate(zip(months, values, strict=True)):
        mean, low, high = (
            None if np.isnan(part[place]) else float(part[place])
            for part in (chart.mean, chart.lower, chart.upper)
        )
        rules = ",".join(rule for rule, marked in chart.rules.items() if marked[place])
        period = f"{on:%Y-%m}"
        points.append(
            TrendPoint(
                practice_id="harbour",
                site_id="mill_road",
                period=f"{on.year}-Q{(on.month + 2) // 3}" if are_quarters else period,
                period_on=on,
                value=value,
                phase=int(chart.phase[place]) + 1,
                mean=mean,
                lower_limit=low,
                upper_limit=high,
                signals=rules or None,
                null_reason="too_few_points" if mean is None else None,
            )
        )
    return points


USUAL = [35.0, 35.4, 34.8, 35.2, 34.9, 35.3, 35.0, 35.2, 34.8, 35.3, 34.9, 35.2]
RISEN = [*USUAL, *(35.1, 35.3, 35.5, 35.7, 35.9, 36.1, 36.3)]
BETTER = [*USUAL, *(value + 1 for value in USUAL)]
AT_13 = [place == 12 for place in range(24)]

GOLDEN = {
    "nothing unusual": (
        _line(USUAL),
        [],
        "As a rule the line moves between 34.1 and 36.1, around a mean of 35.1 points. "
        "Nothing unusual shows: it goes up and down as chance has it.",
    ),
    "one value outside": (
        _line([*USUAL, 38.0]),
        [],
        "As a rule the line moves between 34.3 and 36.3, around a mean of 35.3 points. "
        "In January 2025, the value of 38.0 lies above the usual range. "
        "From March 2024 to December 2024, all 10 values lay below the mean.",
    ),
    "one value outside, some time ago": (
        _line([*USUAL[:6], 32.0, *USUAL]),
        [],
        "As a rule the line moves between 33.9 and 36.0, around a mean of 34.9 points. "
        "In July 2024, the value of 32.0 lay below the usual range.",
    ),
    "after an intervention": (
        _line(BETTER, AT_13),
        [
            Intervention(date(2025, 1, 1), "harbour", None, "New intake form"),
            Intervention(date(2025, 1, 1), "northgate", None, "Elsewhere"),
            Intervention(date(2024, 3, 1), None, None, "Before it all"),
        ],
        "A new stretch of the line began with “New intake form” (1 January 2025). "
        "The mean was 35.1 points before and has been 36.1 since. "
        "As a rule the line moves between 35.1 and 37.1, around a mean of 36.1 points. "
        "Nothing unusual shows: it goes up and down as chance has it. "
        "This shows what came after what, and not why.",
    ),
    "soon after an intervention": (
        _line(BETTER[:15], AT_13[:15]),
        [Intervention(date(2025, 1, 1), None, None, "New intake form")],
        "A new stretch of the line began with “New intake form” (1 January 2025). "
        "We cannot hold before and after side by side yet. "
        "We draw no limits yet and mark nothing: there are 3 points, and it takes 12. "
        "This shows what came after what, and not why.",
    ),
    "too few points": (
        _line(USUAL[:7]),
        [],
        "We draw no limits yet and mark nothing: there are 7 points, and it takes 12.",
    ),
    "gaps": (
        [replace(point, null_reason="gaps") for point in _line(USUAL[:7])],
        [],
        "We draw no limits yet and mark nothing: some periods are missing, "
        "and the rules need points in a row.",
    ),
    "no point": (
        [],
        [NEW_FORM],
        "There is no line through time here: no month or quarter of this site can be shown.",
    ),
}


@pytest.mark.parametrize("state", GOLDEN)
def test_the_sentence_of_a_line_word_by_word(state: str) -> None:
    points, interventions, text = GOLDEN[state]
    assert trend_sentence(points, interventions, ALLIANCE) == text
    assert trend_sentence(points[::-1], interventions, ALLIANCE) == text
    check_plain(text)


def test_a_shift_and_a_trend_are_told_with_the_month_they_began_in() -> None:
    text = trend_sentence(_line(BETTER), [], ALLIANCE)
    assert "Since January 2025, all 12 values lie above the mean." in text
    assert "below the mean" not in text, "the newest run alone"
    text = trend_sentence(_line(RISEN), [], ALLIANCE)
    assert "Since January 2025, the line goes up at each step, 7 values in a row." in text
    ended = [*RISEN, *(35.0, 35.2, 34.9)]
    text = trend_sentence(_line(ended), [], ALLIANCE)
    assert "From January 2025 to July 2025, the line went up at each step, 7 values" in text


def test_a_run_that_turns_is_told_from_where_it_turned() -> None:
    values = [
        *(36.0 - 0.2 * step for step in range(8)),
        *(34.6 + 0.2 * step for step in range(1, 9)),
    ]
    text = trend_sentence(_line(values), [], ALLIANCE)
    # Down to August 2024, up since: the turning point belongs to both.
    assert "Since August 2024, the line goes up at each step, 9 values in a row." in text


VALUES = st.lists(
    st.sampled_from((33.0, 34.0, 34.5, 35.0, 35.2, 35.5, 36.0, 38.0)), min_size=1, max_size=40
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(VALUES, st.booleans(), st.booleans(), st.integers(0, 40))
def test_what_is_said_of_a_line_is_true_of_it(
    values: list[float], are_quarters: bool, is_lower_better: bool, start: int
) -> None:
    starts = [place == start and place > 0 for place in range(len(values))]
    points = _line(values, starts, are_quarters=are_quarters)
    instrument = SYMPTOMS if is_lower_better else ALLIANCE
    text = trend_sentence(points, [], instrument)
    check_plain(text)
    stretch = [point for point in points if point.phase == points[-1].phase]
    said = _said(text, stretch)
    marked = {rule for point in stretch for rule in point.rules}
    assert set(said) == marked, text
    for rule, (run, is_up, n) in said.items():
        assert len(run) == n, text
        assert all(rule in point.rules for point in run), text
        if rule == "trend":
            steps = [b.value - a.value for a, b in itertools.pairwise(run)]
            assert all((step > 0) == is_up for step in steps), text
        else:
            assert all((point.value > (point.mean or 0.0)) == is_up for point in run), text
    assert ("a lower score is better" in text) == (bool(marked) and is_lower_better)
    assert ("Nothing unusual" in text) == (not marked and stretch[-1].mean is not None)
    assert (f"it takes {FEWEST_POINTS}" in text) == (stretch[-1].mean is None)


_CLAIMS = {
    "shift": r"(?P<n>all \d+|both) values (lie|lay) (?P<way>above|below) the mean",
    "trend": r"the line (goes|went) (?P<way>up|down) at each step, (?P<n>\d+) values in a row",
    "outside": r"(?P<n>all \d+ values|both values|the value of [\d.]+) (lies?|lay) "
    r"(?P<way>above|below) the usual range",
    "two_in_three": r"(?P<n>all \d+ values|both values|the value of [\d.]+) (lies?|lay) close to "
    r"the (?P<way>upper|lower) limit",
}


def _said(
    text: str, stretch: Sequence[TrendPoint]
) -> dict[str, tuple[list[TrendPoint], bool, int]]:
    """By rule: the points that a sentence speaks of, whether upwards, and how many it counts."""
    names = {_name(point): place for place, point in enumerate(stretch)}
    found = {}
    for rule, claim in _CLAIMS.items():
        match = re.search(
            rf"(Since|From|In) (?P<first>[^.,]+?)( to (?P<last>[^.,]+?))?, {claim}", text
        )
        if match is None:
            continue
        whole = match["first"] if match["last"] is None else f"{match['first']} to {match['last']}"
        if whole in names:  # one period, though its name may hold a "to" of its own
            first = last = names[whole]
            if match[1] == "Since":
                last = len(stretch) - 1
        else:
            first, last = _ends(whole, names)
        count = re.search(r"\d+", match["n"])
        n = 1 if "the value" in match["n"] else 2 if "both" in match["n"] else int(count[0])  # type: ignore[index]
        found[rule] = (list(stretch[first : last + 1]), match["way"] in ("above", "up", "upper"), n)
    return found


def _name(point: TrendPoint) -> str:
    months = ("January", "April", "July", "October")
    ends = ("March", "June", "September", "December")
    if "-Q" in point.period:
        quarter = int(point.period[-1]) - 1
        return f"the quarter {months[quarter]} to {ends[quarter]} {point.period[:4]}"
    return f"{point.period_on:%B %Y}"


def _ends(whole: str, names: dict[str, int]) -> tuple[int, int]:
    [ends] = [
        (first, last)
        for (a, first), (b, last) in itertools.product(names.items(), repeat=2)
        if whole == f"{a} to {b}"
    ]
    return ends


def test_what_began_is_named_only_where_it_concerns_the_site_and_the_stretch() -> None:
    points = _line(BETTER, AT_13)

    def said(*began: Intervention) -> str:
        text = trend_sentence(points, began, ALLIANCE)
        check_plain(text)
        return text

    on = date(2025, 1, 1)
    for practice, site in ((None, None), ("harbour", None), ("harbour", "mill_road")):
        assert "began with “Training”" in said(Intervention(on, practice, site, "Training"))
    for practice, site in (("northgate", None), ("harbour", "dockside")):
        text = said(Intervention(on, practice, site, "Training"))
        assert "Training" not in text
        assert "A new stretch of the line began with January 2025." in text
    assert "Training" in said(Intervention(date(2024, 12, 15), None, None, "Training"))
    assert "Training" not in said(Intervention(date(2024, 12, 1), None, None, "Training"))
    assert "Training" not in said(Intervention(date(2025, 2, 1), None, None, "Training"))
    two = said(Intervention(on, None, None, "Training"), Intervention(on, None, None, "Room"))
    assert "“Room” (1 January 2025) and “Training” (1 January 2025)" in two


def test_it_needs_as_many_points_as_the_chart_does() -> None:
    assert sentences_trend.FEWEST_POINTS == FEWEST_POINTS


@pytest.mark.parametrize("reason", ["too_few_points", "gaps", "moon_phase", None])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_every_reason_for_no_limits_has_words(reason: str | None, n: int) -> None:
    points = [replace(point, null_reason=reason) for point in _line(USUAL[:n])]
    text = trend_sentence(points, [], ALLIANCE)
    check_plain(text)
    assert "We draw no limits yet and mark nothing" in text


def test_a_rule_of_a_later_release_is_named() -> None:
    points = _line(USUAL)
    later = [*points[:-1], replace(points[-1], signals="moon_phase")]
    assert "The rule “moon phase” marks some of it." in trend_sentence(later, [], ALLIANCE)
