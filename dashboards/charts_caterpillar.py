"""The caterpillar: each site's values with their intervals, one line a site. PURE.

Raw and adjusted stand in the same chart, each with the same value pulled towards the group: never
one without the other. Sites are in alphabetical order, as everywhere; an order by value would be a
ranking.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboards import bounds, labels
from dashboards.chart_style import (
    ACCENT,
    INK,
    MUTED,
    NARROW,
    PAPER,
    arrows,
    columns,
    domain,
    if_narrow,
    layer,
    legend,
    numbers,
    style,
)
from dashboards.charts_reference import (
    LINE,
    middle_half,
    reference_frame,
    upright_reference_lines,
    within_reach,
)
from dashboards.release import Adjustment, Instrument, ReferenceBand, SiteResult

Adjustments = Mapping[tuple[str, str], Adjustment]

RAW, PULLED = "Raw mean", "Raw, pulled to the group"
ADJUSTED, ADJUSTED_PULLED = "Adjusted mean", "Adjusted, pulled to the group"

_SERIES: tuple[tuple[str, str, str, str], ...] = (
    # words, shape, fill, stroke. Hollow is as measured, solid is pulled; the shape tells which.
    (RAW, "circle", PAPER, MUTED),
    (PULLED, "circle", MUTED, MUTED),
    (ADJUSTED, "diamond", PAPER, ACCENT),
    (ADJUSTED_PULLED, "diamond", ACCENT, ACCENT),
)
_LANES = ("raw", "adjusted")
_COLUMNS = (
    "site",
    "practice",
    "lane",
    "series",
    "value",
    "words",
    "beyond",
    "lower",
    "upper",
    "interval",
    "n_clients",
    "returned",
    "at_best",
)
_Z95 = 1.959964
_ARROW = 13
"""Pixels from a mark to the arrow that says where its true mean may lie."""


def caterpillar_frame(
    rows: Sequence[SiteResult], adjustments: Adjustments, instrument: Instrument
) -> pd.DataFrame:
    """Up to four rows a shown site: raw and adjusted, each as it is and pulled to the group.

    Columns: site, practice, lane (raw or adjusted), series (words), value, words, beyond
    (1 or -1 where the true mean may lie higher or lower than a coded one, else 0), lower, upper
    (95 % interval, scale points, may be missing), interval (words), n_clients, returned and at_best
    (whole percents in words). Sites in the order of `rows`.
    """
    records: list[dict[str, Any]] = []
    for row in rows:
        if row.is_suppressed or row.raw is None:
            continue
        site = {
            "site": row.site_label,
            "practice": row.practice_name,
            "n_clients": row.n_clients,
            "returned": labels.percent(row.response_rate),
            "at_best": bounds.signed(labels.percent(row.ceiling_share), row.ceiling_share_bound),
        }
        adjustment = adjustments.get((row.practice_id, row.site_id))
        for lane, series, value, lower, upper in _values(row, adjustment):
            decimals = instrument.decimals
            known = lower is not None and upper is not None
            ends = f"{labels.number(lower, decimals)} to {labels.number(upper, decimals)}"
            records.append(
                {
                    **site,
                    "lane": lane,
                    "series": series,
                    "value": value,
                    "words": bounds.worded(
                        labels.number(value, decimals), row.raw_bound if series == RAW else None
                    ),
                    "beyond": bounds.direction(row.raw_bound) if series == RAW else 0,
                    "lower": lower,
                    "upper": upper,
                    "interval": ends if known else "not known",
                }
            )
    frame = pd.DataFrame(records, columns=list(_COLUMNS))
    return frame.astype(dict.fromkeys(("value", "lower", "upper"), "float64"))


def targets(rows: Sequence[SiteResult], adjustments: Adjustments) -> dict[str, float]:
    """The group's mean by lane, scale points: all sites that are compared have the same."""
    raw = next((row.target for row in rows if row.target is not None), None)
    adjusted = next((item.target for item in adjustments.values() if item.target is not None), None)
    known = {"raw": raw, "adjusted": adjusted}
    return {lane: target for lane, target in known.items() if target is not None}


_Value = tuple[str, str, float, float | None, float | None]


def _values(row: SiteResult, adjustment: Adjustment | None) -> Iterator[_Value]:
    """Lane, series, value and interval of what is known of one site."""
    yield ("raw", RAW, *_with_margin(row.raw or 0.0, row.standard_error))
    if row.shrunken is not None:
        yield "raw", PULLED, row.shrunken, row.shrunken_lower95, row.shrunken_upper95
    if adjustment is None or adjustment.adjusted is None:
        return
    yield ("adjusted", ADJUSTED, *_with_margin(adjustment.adjusted, adjustment.standard_error))
    if adjustment.shrunken is not None:
        lower, upper = adjustment.shrunken_lower95, adjustment.shrunken_upper95
        yield "adjusted", ADJUSTED_PULLED, adjustment.shrunken, lower, upper


def _with_margin(
    value: float, standard_error: float | None
) -> tuple[float, float | None, float | None]:
    if standard_error is None:
        return value, None, None
    return value, value - _Z95 * standard_error, value + _Z95 * standard_error


def caterpillar(
    frame: pd.DataFrame,
    instrument: Instrument,
    means: Mapping[str, float],
    chosen_site: str | None = None,
    references: Sequence[ReferenceBand] = (),
) -> alt.LayerChart:
    """Caterpillar of `caterpillar_frame`, the group's means as lines across it.

    `means`: what `targets` found. `chosen_site` lies on a band of its own.
    ValueError when the frame is empty: there is nothing to draw, and the caller says so in words.
    """
    if frame.empty:
        raise ValueError("a caterpillar needs at least one site with a mean")
    sites = list(dict.fromkeys(frame["site"].tolist()))
    ends = numbers(frame, "value", "lower", "upper") + list(means.values())
    near = within_reach(reference_frame(references, instrument), *domain(ends, 0.04))
    low, high = domain([*ends, *near["centre"].tolist()], 0.04)
    scale = alt.Scale(domain=[low, high], nice=False, zero=False)
    lanes = [lane for lane in _LANES if lane in set(frame["lane"])]
    y = alt.Y(
        "site:N",
        sort=sites,
        scale=alt.Scale(paddingInner=0.1, paddingOuter=0.1),
        axis=alt.Axis(
            title=None,
            labelColor=INK,
            labelLimit=if_narrow(110, 200),
            grid=True,
            tickBand="extent",
        ),
    )
    layers: list[alt.Chart | alt.LayerChart] = []
    layers += middle_half(near, scale, low, high)
    layers += _chosen(frame, chosen_site, y)
    layers += _target_lines(means, lanes, scale, instrument.decimals)
    layers += upright_reference_lines(near, scale)
    layers += _intervals(frame, lanes, scale, y)
    layers.append(_points(frame, lanes, scale, y, len(near)))
    layers += [
        each.encode(x=_x(scale), y=y, yOffset=_offset(lanes))
        for each in arrows(frame, ("←", "→"), dx=_ARROW)
    ]
    layers += _beside(frame, y)
    step = 40 if len(lanes) > 1 else 28
    height = step * len(sites)
    return alt.LayerChart(layer=layers, **style(height=height))


def _offset(lanes: Sequence[str]) -> alt.YOffset:
    return alt.YOffset("lane:N", scale=alt.Scale(domain=list(lanes), paddingInner=0.2))


def _x(scale: alt.Scale, field: str = "value") -> alt.X:
    title = "Mean score of the site's clients (points)"
    return alt.X(f"{field}:Q", scale=scale, axis=alt.Axis(title=title, tickCount=6))


def _chosen(frame: pd.DataFrame, chosen_site: str | None, y: alt.Y) -> list[alt.Chart]:
    here = frame[frame["site"] == chosen_site].head(1)
    if here.empty:
        return []
    return [
        layer(here)
        .mark_bar(color="var(--band-inner)", opacity=0.7, aria=False)
        .encode(y=y, x=alt.value(0), x2=alt.value("width"))
    ]


def _target_lines(
    means: Mapping[str, float], lanes: Sequence[str], scale: alt.Scale, decimals: int
) -> list[alt.Chart]:
    """The group's means; where both are there, their names stand on the sides they look to."""
    shown = [(lane, means[lane]) for lane in lanes if lane in means]
    layers = []
    for lane, value in shown:
        is_right = value > min(target for _, target in shown) or len(shown) == 1
        words = "Group mean" if lane == "raw" else "Adjusted"
        data = pd.DataFrame({"target": [value]})
        colour, dash = (INK, [1, 0]) if lane == "raw" else (ACCENT, [6, 3])
        x = alt.X("target:Q", scale=scale)
        layers += [
            layer(data)
            .mark_rule(color=colour, strokeDash=dash, strokeWidth=1.4, aria=False)
            .encode(x=x),
            layer(data)
            .mark_text(
                text=f"{words} {labels.number(value, decimals)}",
                align="left" if is_right else "right",
                baseline="bottom",
                dx=4 if is_right else -4,
                dy=-3,
                color=colour,
                fontSize=12,
                fontWeight=600,
            )
            .encode(x=x, y=alt.value(0)),
        ]
    return layers


def _intervals(
    frame: pd.DataFrame, lanes: Sequence[str], scale: alt.Scale, y: alt.Y
) -> list[alt.Chart]:
    """Intervals as measured thin, those pulled to the group thick on top of them."""
    known = frame.dropna(subset=["lower", "upper"])
    layers = []
    for series, _, _, colour in _SERIES:
        here = known[known["series"] == series]
        if here.empty:
            continue
        is_pulled = series in (PULLED, ADJUSTED_PULLED)
        layers.append(
            layer(here)
            .mark_rule(
                color=colour,
                strokeWidth=6 if is_pulled else 1.4,
                opacity=0.4 if is_pulled else 1,
                aria=False,
            )
            .encode(x=_x(scale, "lower"), x2="upper:Q", y=y, yOffset=_offset(lanes))
        )
    return layers


def _points(
    frame: pd.DataFrame,
    lanes: Sequence[str],
    scale: alt.Scale,
    y: alt.Y,
    n_lines_above: int,
) -> alt.Chart:
    present = [series for series in _SERIES if series[0] in set(frame["series"])]
    words = [series[0] for series in present]

    def by_series(column: int) -> alt.Scale:
        return alt.Scale(domain=words, range=[series[column] for series in present])

    # Between it and the plot stand the names of the group's means and of the references.
    key = legend(columns=columns(2, 4), offset=24 + LINE * n_lines_above)
    points: alt.Chart = (
        layer(frame)
        .mark_point(size=70, strokeWidth=1.8, opacity=1, filled=True)
        .encode(
            x=_x(scale),
            y=y,
            yOffset=_offset(lanes),
            shape=alt.Shape("series:N", scale=by_series(1), legend=key),
            fill=alt.Fill("series:N", scale=by_series(2), legend=key),
            stroke=alt.Stroke("series:N", scale=by_series(3), legend=key),
            tooltip=[
                alt.Tooltip("site:N", title="Site"),
                alt.Tooltip("series:N", title="What"),
                alt.Tooltip("words:N", title="Value"),
                alt.Tooltip("interval:N", title="95 % interval"),
                alt.Tooltip("n_clients:Q", title="Clients", format=","),
                alt.Tooltip("returned:N", title="Forms returned"),
                alt.Tooltip("at_best:N", title="At best score"),
            ],
        )
    )
    return points


def _beside(frame: pd.DataFrame, y: alt.Y) -> list[alt.Chart]:
    """Forms returned and the share at the best score, in two columns on the right.

    On a narrow page they are empty and not just unseen, or they would take the plot's room.
    """
    first = frame.drop_duplicates("site")
    layers = []
    for field, heading, dx in (("returned", "Returned", 62), ("at_best", "At best", 124)):
        common: dict[str, Any] = {
            "align": "right",
            "dx": if_narrow(0, dx),
            "fontSize": 12,
            "color": MUTED,
        }
        layers += [
            layer(first)
            .mark_text(baseline="middle", text=_unless_narrow(f"datum.{field}"), **common)
            .encode(x=alt.value("width"), y=y),
            layer(first.head(1))
            .mark_text(text=_unless_narrow(f"'{heading}'"), baseline="bottom", dy=-3, **common)
            .encode(x=alt.value("width"), y=alt.value(0)),
        ]
    return layers


def _unless_narrow(text: str) -> alt.ExprRef:
    return alt.ExprRef(f"{NARROW} ? '' : {text}")


def caterpillar_description(frame: pd.DataFrame, instrument: Instrument) -> str:
    """What a reader who cannot see the caterpillar is told; its table holds every number."""
    sites = frame["site"].nunique()
    adjusted = frame.loc[frame["lane"] == "adjusted", "site"].nunique()
    return (
        f"Chart of the mean {instrument.name} score of {sites} sites in alphabetical order, each "
        f"with its 95 % interval, raw and pulled to the group; {adjusted} of them also adjusted "
        "for case mix. The table below the chart gives the same numbers."
    )
