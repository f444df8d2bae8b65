"""Reference values behind the charts of sites' means. PURE: rows in, layers out.

A reference describes people and a mark on these charts is the mean of many, so a band of people is
far wider than the sites lie apart: the middle of the reference is a line, and its middle half is
shaded only where the chart has room to say what it is (the caterpillar).
"""

from collections.abc import Sequence
from typing import Any, Literal

import altair as alt
import pandas as pd

from dashboards import labels, part_labels
from dashboards.chart_style import REFERENCE, unless_narrow
from dashboards.release import Instrument, ReferenceBand

_REACH = 0.5
"""Widths of a chart that it is made longer by for a reference at most."""


def reference_frame(bands: Sequence[ReferenceBand], instrument: Instrument) -> pd.DataFrame:
    """One row a reference with a middle: its mean, or its median where no mean is known.

    Columns: source, band, centre, p25, p75 (scale points; the quartiles may be missing) and words.
    """
    records = []
    for band in bands:
        centre = band.p50 if band.mean is None else band.mean
        if centre is None:
            continue
        middle = labels.number(centre, instrument.decimals)
        records.append(
            {
                "source": band.source,
                "band": band.band,
                "centre": centre,
                "p25": band.p25,
                "p75": band.p75,
                "words": f"{part_labels.reference(band)} {middle}",
            }
        )
    frame = pd.DataFrame(records, columns=["source", "band", "centre", "p25", "p75", "words"])
    return frame.astype(dict.fromkeys(("centre", "p25", "p75"), "float64"))


def within_reach(references: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
    """Those near enough to be drawn on a chart from `low` to `high`.

    One far away would press the sites into a corner of the chart.
    """
    reach = _REACH * (high - low)
    return references[references["centre"].between(low - reach, high + reach)]


def reference_lines(
    references: pd.DataFrame, scale: alt.Scale, axis: Literal["x", "y"]
) -> list[alt.Chart]:
    """A dotted line across the plot for each reference, its name at the line's end."""
    if references.empty:
        return []
    base = alt.Chart(references)
    along: dict[str, Any]
    end: dict[str, Any]
    if axis == "y":
        along, end = {"y": alt.Y("centre:Q", scale=scale)}, {"x": alt.value(0)}
    else:
        along, end = {"x": alt.X("centre:Q", scale=scale)}, {"y": alt.value("height")}
    tooltip = [alt.Tooltip("words:N", title="Reference")]
    return [
        base.mark_rule(color=REFERENCE, strokeDash=[2, 3], strokeWidth=1.6).encode(
            **along, tooltip=tooltip
        ),
        base.mark_text(
            fontSize=11,
            fontStyle="italic",
            color=REFERENCE,
            opacity=unless_narrow(),
            align="left",
            baseline="bottom",
            dx=4,
            dy=-3,
        ).encode(**along, **end, text="words:N"),
    ]


def middle_half(
    references: pd.DataFrame, scale: alt.Scale, low: float, high: float
) -> list[alt.Chart]:
    """The quartiles of this network's own reference as a band down the plot, cut at its edges."""
    shaded = references.dropna(subset=["p25", "p75"]).head(1)
    shaded = shaded.assign(p25=shaded["p25"].clip(low, high), p75=shaded["p75"].clip(low, high))
    if shaded.empty:
        return []
    return [
        alt.Chart(shaded)
        .mark_rect(color=REFERENCE, opacity=0.1, aria=False)
        .encode(x=alt.X("p25:Q", scale=scale), x2="p75:Q")
    ]
