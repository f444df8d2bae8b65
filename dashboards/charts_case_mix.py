"""How good the model of the case mix is: its coefficients, and what it expects against what came.

PURE: rows in, chart out.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboards import part_labels
from dashboards.chart_style import ACCENT, INK, MUTED, PAPER, SIGNED, domain, layer, numbers, style
from dashboards.release import CalibrationTenth, Coefficient, Instrument


def coefficients_frame(coefficients: Sequence[Coefficient], instrument: Instrument) -> pd.DataFrame:
    """One row a coefficient of the model: name (words), estimate, lower95, upper95, interval.

    In scale points. Covariates that were left out have none and are in the table only.
    """
    # One digit more than a score: what one unit of a covariate goes along with is small.
    decimals = instrument.decimals + 1
    records: list[dict[str, Any]] = [
        {
            "name": part_labels.coefficient(item.covariate, item.category),
            "estimate": item.estimate,
            "lower95": item.lower95,
            "upper95": item.upper95,
            "interval": f"{part_labels.signed(item.lower95, decimals)} to "
            f"{part_labels.signed(item.upper95, decimals)}",
        }
        for item in coefficients
        if item.estimate is not None
    ]
    ends = ["estimate", "lower95", "upper95"]
    frame = pd.DataFrame(records, columns=["name", *ends, "interval"])
    return frame.astype(dict.fromkeys(ends, "float64"))


def coefficients_chart(frame: pd.DataFrame, instrument: Instrument) -> alt.LayerChart:
    """A point and its interval for each row of `coefficients_frame`. ValueError when empty."""
    if frame.empty:
        raise ValueError("a model without coefficients has no chart of them")
    ends = [0.0, *numbers(frame, "estimate", "lower95", "upper95")]
    scale = alt.Scale(domain=list(domain(ends, 0.06)), nice=False)
    y = alt.Y(
        "name:N",
        sort=frame["name"].tolist(),
        axis=alt.Axis(title=None, labelColor=INK, labelLimit=230, grid=True),
    )
    axis = alt.Axis(title="Points of the score", tickCount=6, labelExpr=SIGNED)
    number = f"+,.{instrument.decimals + 1}f"
    layers = [
        layer(pd.DataFrame({"zero": [0.0]}))
        .mark_rule(color=INK, strokeWidth=1.2, aria=False)
        .encode(x=alt.X("zero:Q", scale=scale)),
        layer(frame.dropna())
        .mark_rule(color=ACCENT, strokeWidth=2, aria=False)
        .encode(x=alt.X("lower95:Q", scale=scale, axis=axis), x2="upper95:Q", y=y),
        layer(frame)
        .mark_point(size=80, filled=True, fill=ACCENT, stroke=ACCENT, opacity=1)
        .encode(
            x=alt.X("estimate:Q", scale=scale, axis=axis),
            y=y,
            tooltip=[
                alt.Tooltip("name:N", title="What"),
                alt.Tooltip("estimate:Q", title="Estimate", format=number),
                alt.Tooltip("interval:N", title="95 % interval"),
            ],
        ),
    ]
    return alt.LayerChart(layer=layers, **style(height=34 * len(frame)))


def coefficients_description(frame: pd.DataFrame) -> str:
    """What a reader who cannot see the coefficients is told; the table holds every number."""
    return (
        f"Chart of {len(frame)} coefficients of the case-mix model with their 95 % intervals, in "
        "points of the score. The table below the chart gives the same numbers."
    )


def calibration_frame(tenths: Sequence[CalibrationTenth]) -> pd.DataFrame:
    """One row a tenth of the clients: tenth, expected and observed (scale points)."""
    records = [
        {"tenth": item.tenth, "expected": item.expected, "observed": item.observed}
        for item in sorted(tenths, key=lambda item: item.tenth)
    ]
    frame = pd.DataFrame(records, columns=["tenth", "expected", "observed"])
    return frame.astype({"expected": "float64", "observed": "float64"})


def calibration_chart(frame: pd.DataFrame, instrument: Instrument) -> alt.LayerChart:
    """Observed on expected, with the line on which both are the same. ValueError when empty."""
    if frame.empty:
        raise ValueError("a model without calibration has no chart of it")
    low, high = domain(numbers(frame, "expected", "observed"), 0.08)
    scale = alt.Scale(domain=[low, high], nice=False, zero=False)
    number = f",.{instrument.decimals}f"
    x_axis = alt.Axis(title="Expected from the case mix (points)", tickCount=6)
    y_axis = alt.Axis(title="Observed (points)", tickCount=6)
    same = pd.DataFrame({"expected": [low, high], "observed": [low, high]})
    layers = [
        layer(same)
        .mark_line(color=MUTED, strokeDash=[5, 3], aria=False)
        .encode(
            x=alt.X("expected:Q", scale=scale, axis=x_axis),
            y=alt.Y("observed:Q", scale=scale, axis=y_axis),
        ),
        layer(frame)
        .mark_point(size=90, filled=True, fill=PAPER, stroke=ACCENT, strokeWidth=2, opacity=1)
        .encode(
            x=alt.X("expected:Q", scale=scale, axis=x_axis),
            y=alt.Y("observed:Q", scale=scale, axis=y_axis),
            tooltip=[
                alt.Tooltip("tenth:Q", title="Tenth of the clients"),
                alt.Tooltip("expected:Q", title="Expected", format=number),
                alt.Tooltip("observed:Q", title="Observed", format=number),
            ],
        ),
    ]
    return alt.LayerChart(layer=layers, **style(height=280))


def calibration_description(frame: pd.DataFrame) -> str:
    """What a reader who cannot see the calibration is told; the table holds every number."""
    return (
        f"Chart of the observed against the expected mean of {len(frame)} tenths of the clients; "
        "on the dashed line both are the same. The table below the chart gives the same numbers."
    )
