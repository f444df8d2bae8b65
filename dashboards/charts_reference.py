"""Reference values behind the charts of sites' means. PURE: rows in, layers out.

A reference describes people and a mark on these charts is the mean of many, so a band of people is
far wider than the sites lie apart: the middle of the reference is a line, and its middle half is
shaded only where the chart has room to say what it is (the caterpillar).
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboards import labels, part_labels
from dashboards.chart_style import REFERENCE, layer, unless_narrow
from dashboards.release import Instrument, ReferenceBand

LINE = 14
"""Height of a line of text, in pixels."""
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


def reference_lines(references: pd.DataFrame, scale: alt.Scale) -> list[alt.Chart]:
    """A dotted line across a plot of upright values for each reference, its name at the left."""
    along = {"y": alt.Y("centre:Q", scale=scale)}
    words = [_words(references, along, {"x": alt.value(0)}, dy=-3)]
    return [] if references.empty else [_lines(references, along), *words]


def upright_reference_lines(references: pd.DataFrame, scale: alt.Scale) -> list[alt.Chart]:
    """The same down a plot whose values go to the right; names above it, a line of text each."""
    along = {"x": alt.X("centre:Q", scale=scale)}
    words = [
        _words(references.iloc[[place]], along, {"y": alt.value(0)}, dy=-18 - LINE * place)
        for place in range(len(references))
    ]
    return [] if references.empty else [_lines(references, along), *words]


def _lines(references: pd.DataFrame, along: dict[str, Any]) -> alt.Chart:
    rule: alt.Chart = (
        layer(references)
        .mark_rule(color=REFERENCE, strokeDash=[2, 3], strokeWidth=1.6)
        .encode(**along, tooltip=[alt.Tooltip("words:N", title="Reference")])
    )
    return rule


def _words(
    references: pd.DataFrame, along: dict[str, Any], end: dict[str, Any], dy: float
) -> alt.Chart:
    words: alt.Chart = (
        layer(references)
        .mark_text(
            fontSize=11,
            fontStyle="italic",
            color=REFERENCE,
            opacity=unless_narrow(),
            align="left",
            baseline="bottom",
            dx=4,
            dy=dy,
        )
        .encode(**along, **end, text="words:N")
    )
    return words


def middle_half(
    references: pd.DataFrame, scale: alt.Scale, low: float, high: float
) -> list[alt.Chart]:
    """The quartiles of this network's own reference as a band down the plot, cut at its edges."""
    shaded = references.dropna(subset=["p25", "p75"]).head(1)
    shaded = shaded.assign(p25=shaded["p25"].clip(low, high), p75=shaded["p75"].clip(low, high))
    if shaded.empty:
        return []
    return [
        layer(shaded)
        .mark_rect(color=REFERENCE, opacity=0.1, aria=False)
        .encode(x=alt.X("p25:Q", scale=scale), x2="p75:Q")
    ]
