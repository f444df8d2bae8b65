"""A line through time in words: held against the line itself, rule by rule and state by state."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards import sentences_trend
from dashboards.release import Intervention, TrendPoint
from dashboards.sentences_trend import trend_sentence
from orchestration.benchmarking.process_chart import FEWEST_POINTS
from tests.unit.dashboards.plain_words import check_plain
from tests.unit.dashboards.rows import ALLIANCE, SYMPTOMS

NEW_FORM = Intervention(date(2025, 7, 1), None, None, "New intake form")


def _line(
    values: Sequence[float | None], begins_at: int = 0, *, are_quarters: bool = False
) -> list[TrendPoint]:
    """A line as the release has it, marked here by the rules as they are written down.

    None is a period without a value; `begins_at` is the place where a second stretch begins.
    """
    start = min(begins_at, len(values))
    stretches = [range(start), range(start, len(values))]
    points = []
    for part in filter(None, stretches):
        known = [(place, value) for place in part if (value := values[place]) is not None]
        phase = 2 if part.start else 1
        points += _stretch(known, phase, len(part), are_quarters)
    return points


def _stretch(
    known: list[tuple[int, float]], phase: int, n_periods: int, are_quarters: bool
) -> list[TrendPoint]:
    ranges = [abs(b - a) for (at, a), (then, b) in itertools.pairwise(known) if then == at + 1]
    has_limits = len(known) >= FEWEST_POINTS and len(ranges) >= FEWEST_POINTS - 1
    mean = sum(value for _, value in known) / max(len(known), 1)
    width = 2.66 * sum(ranges) / max(len(ranges), 1)
    rules = _rules(dict(known), mean, width) if has_limits else {}
    points = []
    for place, value in known:
        year, month = divmod(place * (3 if are_quarters else 1), 12)
        on = date(2024 + year, month + 1, 1)
        points.append(
            TrendPoint(
                practice_id="harbour",
                site_id="mill_road",
                period=f"{on.year}-Q{month // 3 + 1}" if are_quarters else f"{on:%Y-%m}",
                period_on=on,
                value=value,
                phase=phase,
                mean=mean if has_limits else None,
                lower_limit=mean - width if has_limits else None,
                upper_limit=mean + width if has_limits else None,
                signals=",".join(rule for rule, marked in rules.items() if place in marked) or None,
                null_reason=None
                if has_limits
                else ("too_few_points" if n_periods < FEWEST_POINTS else "gaps"),
            )
        )
    return points


def _rules(values: dict[int, float], mean: float, width: float) -> dict[str, set[int]]:
    """Places that each rule marks; a gap is in no window."""
    marked: dict[str, set[int]] = {
        "outside": {place for place, value in values.items() if abs(value - mean) > width},
        "shift": set(),
        "trend": set(),
        "two_in_three": set(),
    }
    near = {place for place, value in values.items() if width * 2 / 3 < abs(value - mean) <= width}
    for place in values:
        for sign in (1, -1):
            seven = range(place, place + 7)
            if not set(seven) - set(values):
                if all(sign * (values[at] - mean) > 1e-9 for at in seven):
                    marked["shift"] |= set(seven)
                if all(sign * (b - a) > 0 for a, b in _pairs(values, seven)):
                    marked["trend"] |= set(seven)
            three = set(range(place, place + 3))
            if (
                not three - set(values)
                and all(sign * (values[at] - mean) > 1e-9 for at in three)
                and len(three & near) > 1
            ):
                marked["two_in_three"] |= three & near
    return marked


def _pairs(values: dict[int, float], places: range) -> list[tuple[float, float]]:
    return [(values[a], values[b]) for a, b in itertools.pairwise(places)]


USUAL = [35.0, 35.4, 34.8, 35.2, 34.9, 35.3, 35.0, 35.2, 34.8, 35.3, 34.9, 35.2]
RISEN = [*USUAL, *(35.1, 35.3, 35.5, 35.7, 35.9, 36.1, 36.3)]
BETTER = [*USUAL, *(value + 1 for value in USUAL)]

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
        "As a rule the line moves between 33.8 and 36.9, around a mean of 35.3 points. "
        "In January 2025, the value of 38.0 lies above the usual range. "
        "From March 2024 to December 2024, all 10 values lay below the mean.",
    ),
    "one value outside, some time ago": (
        _line([*USUAL[:6], 32.0, *USUAL]),
        [],
        "As a rule the line moves between 33.1 and 36.8, around a mean of 34.9 points. "
        "In July 2024, the value of 32.0 lay below the usual range.",
    ),
    "after an intervention": (
        _line(BETTER, 12),
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
        _line(BETTER[:15], 12),
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


def test_a_run_ends_at_a_gap() -> None:
    low, high = [34.0, 34.2] * 7, [36.1, 36.0, 36.2, 36.0, 36.1, 36.0, 36.2]
    text = trend_sentence(_line([*low, *high, None, *high]), [], ALLIANCE)
    assert "Since November 2025, all 7 values lie above the mean." in text
    rising = [35.0 + 0.1 * step for step in range(15)]
    text = trend_sentence(_line([*rising[:7], None, *rising[8:], 35.0, 35.2, 35.1]), [], ALLIANCE)
    assert "From September 2024 to March 2025, the line went up at each step, 7 values" in text


# Some lines are rough, some creep; one in twelve periods has no value.
ROUGH = st.lists(
    st.sampled_from((33.0, 34.0, 34.5, 34.9, 35.0, 35.2, 35.5, 36.0, 38.0, 35.1, 34.8, None)),
    min_size=1,
    max_size=40,
)
CREEPING = st.lists(
    st.sampled_from((0.1, 0.1, 0.1, 0.2, -0.1, -0.1, -0.1, -0.3, 0.0, None)), max_size=40
).map(
    lambda steps: [
        None if step is None else 35.0 + sum(each or 0.0 for each in steps[: place + 1])
        for place, step in enumerate([*steps, 0.0])
    ]
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.one_of(ROUGH, CREEPING), st.booleans(), st.booleans(), st.sampled_from((0, 0, 12, 25)))
def test_what_is_said_of_a_line_is_true_of_it(
    values: list[float | None], are_quarters: bool, is_lower_better: bool, begins_at: int
) -> None:
    points = _line(values, begins_at, are_quarters=are_quarters)
    if not points:
        return
    instrument = SYMPTOMS if is_lower_better else ALLIANCE
    text = trend_sentence(points, [], instrument)
    check_plain(text)
    stretch = [point for point in points if point.phase == points[-1].phase]
    said = _said(text, stretch)
    marked = {rule for point in stretch for rule in point.rules}
    assert set(said) == marked, text
    for rule, (run, is_up, n) in said.items():
        assert len(run) == n, text
        ons = [point.period_on for point in run]
        gaps = [12 * (b.year - a.year) + b.month - a.month for a, b in itertools.pairwise(ons)]
        assert set(gaps) <= {3 if are_quarters else 1}, "a run over a gap"
        assert all(rule in point.rules for point in run), text
        if rule == "trend":
            steps = [b.value - a.value for a, b in itertools.pairwise(run)]
            assert all((step > 0) == is_up for step in steps), text
        else:
            assert all((point.value > (point.mean or 0.0)) == is_up for point in run), text
    assert ("a lower score is better" in text) == (bool(marked) and is_lower_better)
    assert ("Nothing unusual" in text) == (not marked and stretch[-1].mean is not None)
    assert (f"it takes {FEWEST_POINTS}" in text) == (stretch[-1].null_reason == "too_few_points")
    assert ("some periods are missing" in text) == (stretch[-1].null_reason == "gaps")


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
    begins = {f"{point.period_on:%B %Y}": place for place, point in enumerate(stretch)}
    ends = {_last_month(point): place for place, point in enumerate(stretch)}
    alone = {_name(point): place for place, point in enumerate(stretch)}
    when = (
        r"(Since (?P<since>[^.,]+)|From (?P<first>[^.,]+) to (?P<last>[^.,]+)|In (?P<alone>[^.,]+))"
    )
    found = {}
    for rule, claim in _CLAIMS.items():
        match = re.search(rf"{when}, {claim}", text)
        if match is None:
            continue
        if match["since"]:
            places = range(begins[match["since"]], len(stretch))
        elif match["first"]:
            places = range(begins[match["first"]], ends[match["last"]] + 1)
            assert places.stop < len(stretch), "a run that goes on is told with since"
        else:
            places = range(alone[match["alone"]], alone[match["alone"]] + 1)
        digits = re.search(r"\d+", match["n"])
        n = 1 if "the value" in match["n"] else 2 if digits is None else int(digits[0])
        is_up = match["way"] in ("above", "up", "upper")
        found[rule] = ([stretch[place] for place in places], is_up, n)
    return found


def _last_month(point: TrendPoint) -> str:
    month = point.period_on.month + (2 if "-Q" in point.period else 0)
    return f"{point.period_on.replace(month=month):%B %Y}"


def _name(point: TrendPoint) -> str:
    """What one period on its own is called."""
    if "-Q" in point.period:
        return f"the quarter {point.period_on:%B} to {_last_month(point)}"
    return _last_month(point)


def test_what_began_is_named_only_where_it_concerns_the_site_and_the_stretch() -> None:
    points = _line(BETTER, 12)

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
    # A month belongs to the stretch in which at least half of its days lie.
    for day, is_named in (
        (date(2024, 12, 16), False),
        (date(2024, 12, 17), True),
        (date(2025, 1, 16), True),
        (date(2025, 1, 17), False),
    ):
        assert ("Training" in said(Intervention(day, None, None, "Training"))) == is_named
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
