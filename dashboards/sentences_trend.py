"""A site's own line through time, read aloud: which rule marks what, and since when. PURE.

A rule says that the line has moved, never why; a line that changes after an intervention is two
things in a row, and no more than that.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from dashboards import labels
from dashboards.release import Instrument, Intervention, TrendPoint
from dashboards.sentences import meaning

FEWEST_POINTS = 12
"""Points that a stretch needs for limits, as the release draws them."""

_RULES = ("outside", "shift", "trend", "two_in_three")
_NO_LINE = "There is no line through time here: no month or quarter of this site can be shown."
_NOT_WHY = "This shows what came after what, and not why."


def trend_sentence(
    points: Sequence[TrendPoint], interventions: Iterable[Intervention], instrument: Instrument
) -> str:
    """What one site's line shows in its present stretch, and what came before it.

    `points`: those of one site, in any order; `interventions`: all of the release, of which those
    that concern the site are named.
    """
    if not points:
        return _NO_LINE
    line = sorted(points, key=lambda point: point.period_on)
    stretch = [point for point in line if point.phase == line[-1].phase]
    before = [point for point in line if point.phase == line[-1].phase - 1]
    started = _started(before, stretch, interventions)
    has_limits = stretch[-1].mean is not None
    is_marked = has_limits and any(point.rules for point in stretch)
    is_turned = instrument.direction == "lower_is_better"
    parts = (
        _after(started, before, stretch, instrument.decimals),
        _limits(stretch, instrument.decimals) if has_limits else _no_limits(stretch),
        _marks(stretch, instrument.decimals) if has_limits else "",
        meaning(instrument) if is_marked and is_turned else "",
        _NOT_WHY if started else "",
    )
    return " ".join(part for part in parts if part)


def _started(
    before: Sequence[TrendPoint],
    stretch: Sequence[TrendPoint],
    interventions: Iterable[Intervention],
) -> list[Intervention]:
    """What began where the present stretch does.

    A period belongs to the stretch in which at least half of its days lie, so these are what began
    after the middle of the period before and by the middle of the first one.
    """
    if not before:
        return []
    old, new = before[-1], stretch[0]
    found = [
        each
        for each in interventions
        if each.practice_id in (None, new.practice_id)
        and each.site_id in (None, new.site_id)
        and _middle(old) < each.starts_on <= _middle(new)
    ]
    return sorted(found, key=lambda each: (each.starts_on, each.name))


def _n_months(point: TrendPoint) -> int:
    return 3 if "-Q" in point.period else 1


def _next_on(point: TrendPoint) -> date:
    """First day of the period after."""
    months = point.period_on.year * 12 + point.period_on.month - 1 + _n_months(point)
    return date(months // 12, months % 12 + 1, 1)


def _middle(point: TrendPoint) -> date:
    """At least half of the period's days are not before it, and no later day has so many."""
    return point.period_on + (_next_on(point) - point.period_on) // 2


def _after(
    started: Sequence[Intervention],
    before: Sequence[TrendPoint],
    stretch: Sequence[TrendPoint],
    decimals: int,
) -> str:
    if not before:
        return ""
    named = labels.listed([f"“{each.name}” ({labels.day(each.starts_on)})" for each in started])
    begins = f"A new stretch of the line began with {named or _when(stretch[0])}."
    old, new = before[-1].mean, stretch[-1].mean
    if old is None or new is None:
        return f"{begins} We cannot hold before and after side by side yet."
    return (
        f"{begins} The mean was {labels.number(old, decimals)} points before "
        f"and has been {labels.number(new, decimals)} since."
    )


def _limits(stretch: Sequence[TrendPoint], decimals: int) -> str:
    last = stretch[-1]
    low, high = (labels.number(end, decimals) for end in (last.lower_limit, last.upper_limit))
    return (
        f"As a rule the line moves between {low} and {high}, "
        f"around a mean of {labels.number(last.mean, decimals)} points."
    )


def _no_limits(stretch: Sequence[TrendPoint]) -> str:
    lead, why, n = "We draw no limits yet and mark nothing", stretch[-1].null_reason, len(stretch)
    if why == "too_few_points":
        points = "point" if n == 1 else "points"
        return (
            f"{lead}: there {'is' if n == 1 else 'are'} {n} {points}, and it takes {FEWEST_POINTS}."
        )
    if why == "gaps":
        return f"{lead}: some periods are missing, and the rules need points in a row."
    return f"{lead}: the reason is “{labels.readable(why)}”." if why else f"{lead}."


def _marks(stretch: Sequence[TrendPoint], decimals: int) -> str:
    """What each rule marks, the newest before the older."""
    found = [each for rule in _RULES if (each := _rule(rule, stretch, decimals)) is not None]
    said = [text for _, text in sorted(found, key=lambda each: -each[0])]
    unknown = {rule for point in stretch for rule in point.rules} - set(_RULES)
    said += [f"The rule “{labels.readable(rule)}” marks some of it." for rule in sorted(unknown)]
    if said:
        return " ".join(said)
    return "Nothing unusual shows: it goes up and down as chance has it."


def _rule(rule: str, stretch: Sequence[TrendPoint], decimals: int) -> tuple[int, str] | None:
    """Where the newest run ends that the rule marks on one side, and what to say of it."""
    marked = [rule in point.rules for point in stretch]
    if not any(marked):
        return None
    start = end = max(place for place, is_marked in enumerate(marked) if is_marked)
    side = _side(rule, stretch, end)
    while start > 0 and marked[start - 1] and _goes_on(rule, stretch, start - 1, side):
        start -= 1
    run, is_newest = stretch[start : end + 1], end == len(stretch) - 1
    if rule == "shift":
        text = _shift(run, side > 0, is_newest)
    elif rule == "trend":
        text = _trend(run, side > 0, is_newest)
    else:
        text = _near_or_outside(rule, run, side > 0, is_newest, decimals)
    return end, text


def _side(rule: str, stretch: Sequence[TrendPoint], place: int) -> int:
    """1 above the mean or rising, -1 below it or falling."""
    point = stretch[place]
    held_against = stretch[place - 1].value if rule == "trend" and place > 0 else point.mean
    return 1 if held_against is None or point.value > held_against else -1


def _goes_on(rule: str, stretch: Sequence[TrendPoint], place: int, side: int) -> bool:
    """Whether the run reaches back to this point; the one a trend sets out from belongs to it.

    Points on either side of a gap are not in a row.
    """
    if _next_on(stretch[place]) != stretch[place + 1].period_on:
        return False
    if rule != "trend":
        return _side(rule, stretch, place) == side
    step = stretch[place + 1].value - stretch[place].value
    return step > 0 if side > 0 else step < 0


def _when(point: TrendPoint) -> str:
    """A month by its name; three months need a word that holds them together."""
    name = labels.period(point.period)
    return f"the quarter {name}" if "-Q" in point.period else name


def _span(run: Sequence[TrendPoint], is_newest: bool) -> str:
    """By months: from the first one of the run to the last one."""
    first, last = run[0].period_on, _next_on(run[-1]) - timedelta(days=1)
    begun = labels.period(f"{first:%Y-%m}")
    return f"Since {begun}" if is_newest else f"From {begun} to {labels.period(f'{last:%Y-%m}')}"


def _all(run: Sequence[TrendPoint]) -> str:
    return "both" if len(run) == 2 else f"all {len(run)}"


def _shift(run: Sequence[TrendPoint], is_up: bool, is_newest: bool) -> str:
    verb, side = ("lie" if is_newest else "lay"), ("above" if is_up else "below")
    return f"{_span(run, is_newest)}, {_all(run)} values {verb} {side} the mean."


def _trend(run: Sequence[TrendPoint], is_up: bool, is_newest: bool) -> str:
    verb, way = ("goes" if is_newest else "went"), ("up" if is_up else "down")
    return (
        f"{_span(run, is_newest)}, the line {verb} {way} at each step, {len(run)} values in a row."
    )


def _near_or_outside(
    rule: str, run: Sequence[TrendPoint], is_up: bool, is_newest: bool, decimals: int
) -> str:
    place = f"{'above' if is_up else 'below'} the usual range"
    if rule == "two_in_three":
        do = "do" if is_newest else "did"
        place = f"close to the {'upper' if is_up else 'lower'} limit, as 2 of 3 in a row {do}"
    if len(run) > 1:
        verb = "lie" if is_newest else "lay"
        return f"{_span(run, is_newest)}, {_all(run)} values {verb} {place}."
    value, verb = labels.number(run[0].value, decimals), "lies" if is_newest else "lay"
    return f"In {_when(run[0])}, the value of {value} {verb} {place}."
