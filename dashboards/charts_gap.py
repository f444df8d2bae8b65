"""Where one site's distance from the group comes from, as a waterfall. PURE: row in, chart out."""

from typing import Any, Literal

import altair as alt
import pandas as pd

from dashboards import part_labels
from dashboards.chart_style import (
    ABOVE,
    BELOW,
    EDGE,
    INK,
    MUTED,
    SIGNED,
    domain,
    layer,
    numbers,
    style,
)
from dashboards.release import Gap, Instrument

_PARTS = ("gap_case_mix", "gap_response", "gap_therapists", "gap_rest")
_DIRECTIONS = (("above", ABOVE), ("below", BELOW), ("none", MUTED))

_SIDES: tuple[tuple[bool, Literal["left", "right"], int], ...] = (
    (True, "right", -7),
    (False, "left", 7),
)


def gap_frame(gap: Gap, instrument: Instrument) -> pd.DataFrame:
    """One row a part and a last one for the whole gap, in the order in which they add up.

    Columns: part (words), size (scale points, missing where it is not known), start and end (where
    its bar stands, from the group's mean at 0), direction and text. An unknown part moves nothing:
    what it would have been is in the rest. Empty where there are no parts.
    """
    names = ["part", "size", "start", "end", "direction", "text"]
    sizes = ["size", "start", "end"]
    if gap.gap is None:
        return pd.DataFrame(columns=names).astype(dict.fromkeys(sizes, "float64"))
    records: list[dict[str, Any]] = []
    at = 0.0
    for name in _PARTS:
        size: float | None = getattr(gap, name)
        records.append(_bar(part_labels.gap_part(name), size, at, instrument))
        at += size or 0.0
    records.append(_bar(part_labels.gap_part("gap"), gap.gap, 0.0, instrument))
    return pd.DataFrame(records, columns=names).astype(dict.fromkeys(sizes, "float64"))


def _bar(part: str, size: float | None, start: float, instrument: Instrument) -> dict[str, Any]:
    shown = None if size is None else round(size, instrument.decimals)
    direction = "none" if not shown else "above" if shown > 0 else "below"
    glyph = {"above": " ▲", "below": " ▼", "none": ""}[direction]
    text = "not known" if size is None else part_labels.signed(size, instrument.decimals) + glyph
    return {
        "part": part,
        "size": size,
        "start": start,
        "end": start + (size or 0.0),
        "direction": direction,
        "text": text,
    }


def gap_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """Waterfall of `gap_frame`. ValueError when it is empty: the caller says so in words."""
    if frame.empty:
        raise ValueError("a site without parts of its gap has no waterfall")
    ends = [0.0, *numbers(frame, "start", "end")]
    low, high = domain(ends, 0.04)
    # Room for the words, which stand at the end that a bar points to.
    room = 0.18 * (high - low)
    low -= room if (frame["direction"] == "below").any() else 0.0
    high += room if (frame["direction"] != "below").any() else 0.0
    scale = alt.Scale(domain=[low, high], nice=False)
    parts = frame["part"].tolist()
    axis = alt.Axis(title="Points above or below the group's mean", tickCount=6, labelExpr=SIGNED)
    x = alt.X("start:Q", scale=scale, axis=axis)
    y = alt.Y(
        "part:N",
        sort=parts,
        scale=alt.Scale(paddingInner=0.35, paddingOuter=0.2),
        axis=alt.Axis(title=None, labelColor=INK, labelLimit=200, labelFontSize=13),
    )
    frame = frame.assign(is_whole=frame.index == len(frame) - 1)
    colour = alt.Color(
        "direction:N",
        scale=alt.Scale(
            domain=[name for name, _ in _DIRECTIONS], range=[value for _, value in _DIRECTIONS]
        ),
        legend=None,
    )
    steps = frame.iloc[:-1].assign(next_part=[*parts[1:-1], parts[-1]])
    layers = [
        layer(pd.DataFrame({"zero": [0.0]}))
        .mark_rule(color=INK, strokeWidth=1.2, aria=False)
        .encode(x=alt.X("zero:Q", scale=scale)),
        layer(steps)
        .mark_rule(color=EDGE, strokeDash=[3, 2], aria=False)
        .encode(
            x=alt.X("end:Q", scale=scale),
            y=y,
            y2=alt.Y2("next_part:N"),
        ),
        layer(frame)
        .mark_bar(cornerRadius=2)
        .encode(
            x=x,
            x2="end:Q",
            y=y,
            color=colour,
            opacity=alt.condition("datum.is_whole", alt.value(1), alt.value(0.72)),
            tooltip=[alt.Tooltip("part:N", title="Part"), alt.Tooltip("text:N", title="Points")],
        ),
        *_words(frame, scale, y),
    ]
    return alt.LayerChart(layer=layers, **style(height=46 * len(frame)))


def _words(frame: pd.DataFrame, scale: alt.Scale, y: alt.Y) -> list[alt.Chart]:
    """The size of each part, on the side that its bar points to."""
    is_below = frame["direction"] == "below"
    layers = []
    for points_below, align, dx in _SIDES:
        here = frame[is_below == points_below]
        if not here.empty:
            layers.append(
                layer(here)
                .mark_text(align=align, baseline="middle", dx=dx, color=INK, fontSize=13)
                .encode(x=alt.X("end:Q", scale=scale), y=y, text="text:N")
            )
    return layers


def gap_description(frame: pd.DataFrame, site: str) -> str:
    """What a reader who cannot see the waterfall is told: all of it, it is five numbers."""
    parts = "; ".join(f"{row.part}: {row.text}" for row in frame.itertuples())
    return f"Bar chart of where the distance of {site} from the group's mean comes from. {parts}."
