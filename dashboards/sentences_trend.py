"""A site's own line through time, read aloud: which rule marks what, and since when. PURE.

A rule says that the line has moved, never why; a change on the line after an intervention is two
things in a row, and no more than that.
"""

from collections.abc import Iterable, Sequence

from dashboards import labels
from dashboards.release import Instrument, Intervention, TrendPoint

RULES = {
    "outside": "outside its limits",
    "shift": "seven or more in a row on one side of the mean",
    "trend": "seven or more in a row that go one way",
    "two_in_three": "two of three close to a limit",
}
"""The four rules in a few words, for a legend or a table."""
FEWEST_POINTS = 12
"""Points that a stretch needs for limits, as the release draws them."""

NO_CAUSE = "This shows what came after what, and not why."
_NO_LINE = "There is no line through time here: no month or quarter of this site can be shown."


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
    parts = (
        _after(started, before, stretch, instrument.decimals),
        _limits(stretch, bool(before), instrument.decimals),
        _marks(stretch, instrument.decimals) if stretch[-1].mean is not None else "",
        NO_CAUSE if started else "",
    )
    return " ".join(part for part in parts if part)


def _started(
    before: Sequence[TrendPoint],
    stretch: Sequence[TrendPoint],
    interventions: Iterable[Intervention],
) -> list[Intervention]:
    """What began where the present stretch does: after the point before it, by the next one."""
    if not before:
        return []
    first, last = before[-1], stretch[0]
    until = stretch[1].period_on if len(stretch) > 1 else None
    return sorted(
        (
            each
            for each in interventions
            if each.practice_id in (None, last.practice_id)
            and each.site_id in (None, last.site_id)
            and first.period_on < each.starts_on
            and (until is None or each.starts_on < until)
        ),
        key=lambda each: (each.starts_on, each.name),
    )


def _after(
    started: Sequence[Intervention],
    before: Sequence[TrendPoint],
    stretch: Sequence[TrendPoint],
    decimals: int,
) -> str:
    if not started:
        return ""
    named = labels.listed([f"“{each.name}” ({labels.day(each.starts_on)})" for each in started])
    begins = f"A new stretch of the line begins with {named}."
    old, new = before[-1].mean, stretch[-1].mean
    if old is None or new is None:
        return f"{begins} Before and after cannot be held side by side yet."
    return (
        f"{begins} Its mean was {labels.number(old, decimals)} points before "
        f"and is {labels.number(new, decimals)} since."
    )


def _limits(stretch: Sequence[TrendPoint], is_new: bool, decimals: int) -> str:
    last = stretch[-1]
    if last.mean is not None:
        low, high = (labels.number(end, decimals) for end in (last.lower_limit, last.upper_limit))
        return (
            f"The line has a mean of {labels.number(last.mean, decimals)} points, "
            f"and its usual range is {low} to {high}."
        )
    lead = f"This line has no limits{' since then' if is_new else ''}, so we mark nothing on it"
    if last.null_reason == "too_few_points":
        n = len(stretch)
        return f"{lead}: it has {n} {'point' if n == 1 else 'points'} and needs {FEWEST_POINTS}."
    if last.null_reason == "gaps":
        return f"{lead}: some periods are missing from it, and the rules need points in a row."
    if last.null_reason:
        return f"{lead}: the reason is “{labels.readable(last.null_reason)}”."
    return f"{lead}."


def _marks(stretch: Sequence[TrendPoint], decimals: int) -> str:
    said = [text for rule in RULES if (text := _rule(rule, stretch, decimals))]
    unknown = {rule for point in stretch for rule in point.rules} - set(RULES)
    said += [f"The rule “{labels.readable(rule)}” marks some of it." for rule in sorted(unknown)]
    if said:
        return " ".join(said)
    return "Nothing unusual shows: it goes up and down as it tends to do."


def _rule(rule: str, stretch: Sequence[TrendPoint], decimals: int) -> str:
    """The newest run of points that the rule marks on one side."""
    marked = [place for place, point in enumerate(stretch) if rule in point.rules]
    if not marked:
        return ""
    end = start = marked[-1]
    side = _side(rule, stretch, end)
    while start > 0 and start - 1 in marked and _goes_on(rule, stretch, start - 1, side):
        start -= 1
    return _said(rule, stretch[start : end + 1], side > 0, end == len(stretch) - 1, decimals)


def _side(rule: str, stretch: Sequence[TrendPoint], place: int) -> int:
    """1 above the mean or rising, -1 below it or falling."""
    point = stretch[place]
    held_against = stretch[place - 1].value if rule == "trend" and place > 0 else point.mean
    return 1 if held_against is None or point.value > held_against else -1


def _goes_on(rule: str, stretch: Sequence[TrendPoint], place: int, side: int) -> bool:
    """Whether the run reaches back to this point; the point a trend sets out from belongs to it."""
    if rule != "trend":
        return _side(rule, stretch, place) == side
    step = stretch[place + 1].value - stretch[place].value
    return step > 0 if side > 0 else step < 0


def _said(rule: str, run: Sequence[TrendPoint], is_up: bool, is_newest: bool, decimals: int) -> str:
    first, last, n = labels.period(run[0].period), labels.period(run[-1].period), len(run)
    when = f"Since {first}" if is_newest else f"From {first} to {last}"
    side = "above" if is_up else "below"
    if rule == "shift":
        lie = "lie" if is_newest else "lay"
        return f"{when}, all {n} values {lie} {side} the mean."
    if rule == "trend":
        way, are = ("higher" if is_up else "lower"), ("is" if is_newest else "was")
        return f"{when}, each value {are} {way} than the one before ({n} in a row)."
    end = "upper" if is_up else "lower"
    if rule == "two_in_three":
        lies = "lie" if is_newest else "lay"
        near = (
            f"In {first}, the value {'lies' if is_newest else 'lay'}"
            if n == 1
            else (
                f"In {first} and {last}, the values {lies}"
                if n == 2
                else f"{when}, the values {lies}"
            )
        )
        return f"{near} close to the {end} limit, as two of three in a row do."
    if n == 1:
        value = labels.number(run[0].value, decimals)
        return (
            f"In {first}, the value of {value} {'lies' if is_newest else 'lay'} {side} the limits."
        )
    lie = "lie" if is_newest else "lay"
    return f"{when}, all {n} values {lie} {side} the limits."
