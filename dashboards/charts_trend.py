"""One site's own line through time, read by an XmR chart, over the group's deciles. PURE.

Limits, phases and marked points are the release's; nothing is computed here but where a line has
to break. A month that is not there (too few people) is a gap in the line and never a line across.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import altair as alt
import pandas as pd

from dashboards import bounds, labels, part_labels
from dashboards.chart_style import (
    ACCENT,
    DECILES,
    INK,
    MUTED,
    PAPER,
    arrows,
    domain,
    if_narrow,
    layer,
    legend,
    numbers,
    style,
    unless_narrow,
)
from dashboards.release import Deciles, Instrument, Intervention, TrendPoint

_HEIGHT = 360
_NONE = "No rule marks it"
_RULES: tuple[tuple[str, str, str, str], ...] = (
    # rule, shape, fill, stroke; a point that several rules mark is drawn by the first of them. One
    # colour for all: which way a move is good is not for a chart to say.
    ("outside", "diamond", ACCENT, ACCENT),
    ("shift", "square", ACCENT, ACCENT),
    ("trend", "triangle-right", PAPER, ACCENT),
    ("two_in_three", "cross", PAPER, ACCENT),
    ("none", "circle", MUTED, MUTED),
)
_BANDS = (("p10", "p90"), ("p20", "p80"), ("p30", "p70"), ("p40", "p60"))
_ROW = [
    "on",
    "period",
    "value",
    "words",
    "beyond",
    "mean",
    "lower",
    "upper",
    "phase",
    "stretch",
    "rules",
    "mark",
]


def _months(on: date) -> int:
    return 12 * on.year + on.month


def stretches(dates: Sequence[date]) -> list[int]:
    """A number a date, one more after each gap: dates further apart than the nearest two are."""
    steps = [_months(later) - _months(earlier) for earlier, later in pairwise(dates)]
    usual = min(steps, default=1)
    numbers = [0]
    for step in steps:
        numbers.append(numbers[-1] + (step > usual))
    return numbers[: len(dates)]


def trend_frame(points: Sequence[TrendPoint], instrument: Instrument) -> pd.DataFrame:
    """One row a period of the line, in the order of time.

    Columns: on (date), period (words), value, mean, lower, upper (scale points; limits may be
    missing), words (the value, with what a coded one stands for), beyond (1 or -1 where the true
    one may lie higher or lower, else 0), phase, stretch (counted from 0, one more after each gap),
    rules (words) and mark (words of the first rule).
    """
    ordered = sorted(points, key=lambda point: point.period_on)
    first = [rule for rule, *_ in _RULES]
    records: list[dict[str, Any]] = []
    numbers = stretches([point.period_on for point in ordered])
    for point, stretch in zip(ordered, numbers, strict=True):
        rules = sorted(point.rules, key=lambda rule: first.index(rule) if rule in first else 99)
        records.append(
            {
                "on": pd.Timestamp(point.period_on),
                "period": labels.period(point.period),
                "value": point.value,
                "words": bounds.worded(
                    labels.number(point.value, instrument.decimals), point.value_bound
                ),
                "beyond": bounds.direction(point.value_bound),
                "mean": point.mean,
                "lower": point.lower_limit,
                "upper": point.upper_limit,
                "phase": point.phase,
                "stretch": stretch,
                "rules": ", ".join(part_labels.trend_rule(rule) for rule in rules) or _NONE,
                "mark": part_labels.trend_rule(rules[0]) if rules else _NONE,
            }
        )
    frame = pd.DataFrame(records, columns=_ROW)
    return frame.astype(dict.fromkeys(("value", "mean", "lower", "upper"), "float64"))


def deciles_frame(deciles: Iterable[Deciles]) -> pd.DataFrame:
    """One row a period: on (date), period (words), n_sites, p10 to p90 (scale points), stretch."""
    ordered = sorted(deciles, key=lambda row: row.period_on)
    names = [f"p{tenth}0" for tenth in range(1, 10)]
    numbers = stretches([row.period_on for row in ordered])
    records = [
        {
            "on": pd.Timestamp(row.period_on),
            "period": labels.period(row.period),
            "n_sites": row.n_sites,
            "stretch": stretch,
            **{name: getattr(row, name) for name in names},
        }
        for row, stretch in zip(ordered, numbers, strict=True)
    ]
    frame = pd.DataFrame(records, columns=["on", "period", "n_sites", "stretch", *names])
    return frame.astype(dict.fromkeys(names, "float64"))


def interventions_frame(
    interventions: Iterable[Intervention], first: pd.Timestamp, last: pd.Timestamp
) -> pd.DataFrame:
    """Those within the time drawn: on (date), day and name (words)."""
    records = [
        {
            "on": pd.Timestamp(item.starts_on),
            "day": labels.day(item.starts_on),
            "name": item.name,
        }
        for item in interventions
        if first <= pd.Timestamp(item.starts_on) <= last
    ]
    return pd.DataFrame(records, columns=["on", "day", "name"])


def trend_chart(
    frame: pd.DataFrame,
    deciles: pd.DataFrame,
    interventions: pd.DataFrame,
    instrument: Instrument,
) -> alt.LayerChart:
    """The line of `trend_frame` over `deciles_frame`, with `interventions_frame` on it.

    ValueError when the line has no point: the caller says so in words.
    """
    if frame.empty:
        raise ValueError("a line through time needs at least one period")
    heights = numbers(frame, "value", "lower", "upper")
    heights += numbers(deciles, "p10", "p90")
    low, high = domain(heights, 0.1)
    scale = alt.Scale(domain=[low, high], nice=False, zero=False)
    layers: list[alt.Chart | alt.LayerChart] = []
    layers += _decile_bands(deciles, scale)
    layers += _limits(frame, scale)
    layers += _intervention_lines(interventions)
    layers += _line(frame, scale, instrument.decimals)
    return alt.LayerChart(layer=layers, **style(height=_HEIGHT))


def _x() -> alt.X:
    return alt.X(
        "on:T",
        axis=alt.Axis(title=None, format="%b %Y", tickCount=8, labelOverlap=True),
    )


def _y(field: str, scale: alt.Scale) -> alt.Y:
    title = "Mean score of the site's clients (points)"
    return alt.Y(f"{field}:Q", scale=scale, axis=alt.Axis(title=title, tickCount=6))


def _decile_bands(deciles: pd.DataFrame, scale: alt.Scale) -> list[alt.Chart]:
    """Bands between opposite deciles, each a little darker than the one around it."""
    if deciles.empty:
        return []
    base = layer(deciles)
    layers = [
        base.mark_area(color=DECILES, opacity=0.16, aria=False).encode(
            x=_x(), y=_y(lower, scale), y2=f"{upper}:Q", detail="stretch:N"
        )
        for lower, upper in _BANDS
    ]
    median = base.mark_line(color=DECILES, strokeWidth=1.2, aria=False).encode(
        x=_x(), y=_y("p50", scale), detail="stretch:N"
    )
    names = [
        layer(deciles.iloc[[-1]])
        .mark_text(
            text=text,
            align="left",
            baseline="middle",
            dx=6,
            fontSize=11,
            color=MUTED,
            opacity=unless_narrow(),
        )
        .encode(x=alt.value("width"), y=_y(field, scale))
        for field, text in (("p90", "Group's 9th tenth"), ("p10", "Group's 1st tenth"))
    ]
    return [*layers, median, *names]


def _limits(frame: pd.DataFrame, scale: alt.Scale) -> list[alt.Chart]:
    """Mean and limits of each phase, never joined from one phase to the next."""
    known = frame.dropna(subset=["mean", "lower", "upper"])
    if known.empty:
        return []
    return [
        layer(known)
        .mark_line(color=colour, strokeDash=dash, strokeWidth=width, aria=False)
        .encode(x=_x(), y=_y(field, scale), detail="phase:N")
        for field, colour, dash, width in (
            ("lower", ACCENT, [5, 3], 1.2),
            ("mean", ACCENT, [1, 0], 1.2),
            ("upper", ACCENT, [5, 3], 1.2),
        )
    ]


def _intervention_lines(interventions: pd.DataFrame) -> list[alt.Chart]:
    if interventions.empty:
        return []
    base = layer(interventions)
    tooltip = [
        alt.Tooltip("name:N", title="Change"),
        alt.Tooltip("day:N", title="From"),
    ]
    return [
        base.mark_rule(color=INK, strokeDash=[2, 2], strokeWidth=1.4).encode(
            x=_x(), tooltip=tooltip
        ),
        base.mark_text(
            align="left",
            baseline="top",
            dx=4,
            dy=2,
            fontSize=12,
            color=INK,
            limit=170,
            opacity=unless_narrow(),
        ).encode(x=_x(), y=alt.value(0), text="name:N"),
    ]


def _line(frame: pd.DataFrame, scale: alt.Scale, decimals: int) -> list[alt.Chart]:
    marks = {
        _NONE if rule == "none" else part_labels.trend_rule(rule): rest for rule, *rest in _RULES
    }
    # A rule of a later version is drawn as an unmarked point would be, under its own words.
    present = [*marks, *sorted(set(frame["mark"]) - set(marks))]
    present = [mark for mark in present if mark in set(frame["mark"])]

    def by_mark(column: int) -> alt.Scale:
        looks = [marks.get(mark, ("cross", INK, INK))[column] for mark in present]
        return alt.Scale(domain=present, range=looks)

    key = legend(labelLimit=320)
    number = f",.{decimals}f"
    line = (
        layer(frame)
        .mark_line(color=MUTED, strokeWidth=1.8, aria=False)
        .encode(x=_x(), y=_y("value", scale), detail="stretch:N")
    )
    points = (
        layer(frame)
        .mark_point(size=if_narrow(36, 85), strokeWidth=1.8, opacity=1, filled=True)
        .encode(
            x=_x(),
            y=_y("value", scale),
            shape=alt.Shape("mark:N", scale=by_mark(0), legend=key),
            fill=alt.Fill("mark:N", scale=by_mark(1), legend=key),
            stroke=alt.Stroke("mark:N", scale=by_mark(2), legend=key),
            tooltip=[
                alt.Tooltip("period:N", title="Period"),
                alt.Tooltip("words:N", title="Mean score"),
                alt.Tooltip("mean:Q", title="Mean of the stretch", format=number),
                alt.Tooltip("lower:Q", title="Lower limit", format=number),
                alt.Tooltip("upper:Q", title="Upper limit", format=number),
                alt.Tooltip("rules:N", title="Reading"),
            ],
        )
    )
    coded = arrows(frame, ("↓", "↑"), dy=-14)
    return [line, points, *(each.encode(x=_x(), y=_y("value", scale)) for each in coded)]


def trend_description(frame: pd.DataFrame, interventions: pd.DataFrame, site: str) -> str:
    """What a reader who cannot see the line is told; its table holds every number."""
    marked = frame[frame["mark"] != _NONE]
    names = "; ".join(f"{row.period}: {row.rules}" for row in marked.itertuples())
    changes = "; ".join(
        f"{row.name} from {row.day}" for row in interventions.itertuples(index=False)
    )
    return (
        f"Line chart of {site} over {len(frame)} periods. Points that a rule marks: "
        f"{names or 'none'}. Changes: {changes or 'none'}. "
        "The table below the chart gives the same numbers."
    )
