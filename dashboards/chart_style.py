"""How every chart looks, and what they share. PURE.

Colours are names of the style sheet's variables, not values: the browser fills them in, so a chart
follows the light and the dark theme without being drawn again (theme.css says both). The pairs are
Okabe and Ito's, told apart in every common colour blindness; no chart says anything by colour
alone.
"""

from collections.abc import Iterable
from typing import Any

import altair as alt
import pandas as pd

INK, MUTED, GRID, PAPER = "var(--ink)", "var(--muted)", "var(--grid)", "var(--paper)"
BAND_998, BAND_95, EDGE = "var(--band-outer)", "var(--band-inner)", "var(--edge)"
ABOVE, BELOW, ACCENT = "var(--above)", "var(--below)", "var(--accent)"
REFERENCE, DECILES = "var(--reference)", "var(--deciles)"

_ROOM = "0 * width + containerSize()[0]"
"""Width of the page's column in pixels, as Vega says it.

Not of the plot, whose width depends on the words beside it; `width` only has it asked again when
the page changes.
"""
NARROW = f"{_ROOM} < 560"
"""Where a chart has no room for words beside its marks."""
SIGNED = "datum.value == 0 ? '0' : format(datum.value, '+~f')"
"""How an axis of differences writes its numbers."""


def style(**changes: Any) -> dict[str, Any]:
    """What a layered chart is made with; `changes` are Vega-Lite's own names."""
    return {
        "width": "container",
        # SVG keeps the text selectable and readable by a screen reader; a canvas does not. It also
        # lets the style sheet colour it.
        "usermeta": {"embedOptions": {"renderer": "svg", "actions": False}},
        "config": {
            "font": '"Source Sans", "Source Sans Pro", sans-serif',
            "background": "transparent",
            "view": {"strokeWidth": 0},
            "axis": {
                "labelColor": MUTED,
                "titleColor": MUTED,
                "labelFontSize": 12,
                "titleFontSize": 13,
                "titleFontWeight": 400,
                "titlePadding": 12,
                "gridColor": GRID,
                "domain": False,
                "ticks": False,
                "labelPadding": 8,
            },
            "axisX": {"grid": False},
            "legend": {"labelColor": INK},
        },
        **changes,
    }


def numbers(frame: pd.DataFrame, *columns: str) -> list[float]:
    """The known numbers of some columns."""
    return [float(value) for name in columns for value in frame[name].dropna().tolist()]


def layer(frame: pd.DataFrame) -> alt.Chart:
    """A layer on a frame, whose rows are handed over as they are.

    Altair would look at every column of a frame once more for each layer on it: half of the time
    that a page takes. Missing values become null, times text.
    """
    plain = frame.astype(object).where(frame.notna(), None)
    for name in frame.columns:
        if pd.api.types.is_datetime64_any_dtype(frame[name]):
            # With an hour and no zone: the browser would take a bare date for midnight in London.
            plain[name] = frame[name].dt.strftime("%Y-%m-%dT00:00:00")
    rows: Any = {"values": plain.to_dict(orient="records")}
    return alt.Chart(rows)


def domain(values: Iterable[float], share: float) -> tuple[float, float]:
    """From the least to the greatest of `values`, `share` of their distance wider on both sides."""
    known = [float(value) for value in values]
    low, high = min(known), max(known)
    pad = (high - low) * share or abs(high) * share or 1.0
    return low - pad, high + pad


def legend(**changes: Any) -> alt.Legend:
    """A legend above the plot, in one line where there is room."""
    return alt.Legend(
        **{
            "title": None,
            "orient": "top",
            "direction": "horizontal",
            "symbolSize": 110,
            "labelFontSize": 13,
            "columnPadding": 22,
            "offset": 14,
            "labelLimit": 260,
            "columns": columns(3, 0),
        }
        | changes
    )


def arrows(frame: pd.DataFrame, signs: tuple[str, str], **mark: Any) -> list[alt.Chart]:
    """Arrows beside marks that stand for themselves or beyond (column `beyond`: -1 or 1).

    `signs` of down and up; `mark` holds `dx` and `dy` of one that points up. Drawn nowhere else.
    """
    drawn = []
    for way, sign in zip((-1, 1), signs, strict=True):
        here = frame[frame["beyond"] == way]
        if here.empty:
            continue
        place = {name: way * mark[name] for name in ("dx", "dy") if name in mark}
        drawn.append(
            layer(here).mark_text(
                text=sign, baseline="middle", fontSize=14, fontWeight=700, color=INK, **place
            )
        )
    return drawn


def columns(between: int, wide: int) -> alt.ExprRef:
    """Columns of a legend, 0 for one line: one on a narrow page, where a line would run out."""
    return alt.ExprRef(f"{NARROW} ? 1 : {_ROOM} < 960 ? {between} : {wide}")


def unless_narrow() -> alt.ExprRef:
    """The opacity of words that a narrow chart has no room for; the table twin has them."""
    return if_narrow(0, 1)


def if_narrow(narrow: float, wide: float) -> alt.ExprRef:
    """A number that depends on the room there is."""
    return alt.ExprRef(f"{NARROW} ? {narrow:g} : {wide:g}")
