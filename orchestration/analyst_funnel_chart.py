"""A benchmark of an analyst's units as a funnel plot: limits against precision, a point a unit.

The horizontal axis is what s follows from, so that every limit is one smooth line: clients (after
the design effect), expected count, or 1/s2 for means, whose s differs at equal n.
"""

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from orchestration.benchmarking.funnel import bounds, poisson_limits
from orchestration.benchmarking.scales import Floats

if TYPE_CHECKING:
    from orchestration.analyst_benchmark import Benchmark

FORMATS = (".svg", ".png")
_MOST_LABELS = 20
_AXES = {
    "proportion": "Clients (after clustering, where therapists are given)",
    "mean": "Precision of the mean (1 / standard error squared)",
    "ratio": "Expected",
}
_VALUES = {"proportion": "Proportion", "mean": "Mean", "ratio": "Observed / expected"}
_FLAGS = ["within", "beyond 95 %", "beyond 99.8 %", "no flag"]
_COLOURS = ["#5b6770", "#c77700", "#1f5fa8", "#5b6770"]


def funnel_chart(found: "Benchmark") -> alt.LayerChart | alt.FacetChart:
    """Points by their flag with over-dispersion, limits with it solid and without it dashed."""
    kind, scaled = found.units.kind, found.units.scaled
    factor = 1.0 if found.units.scale in ("log", "identity") else 0.25
    points = pd.DataFrame(
        {
            "unit": found.units.names,
            "precision": factor / scaled.standard_errors**2,
            "value": scaled.raw,
            "flag": [
                _flag(flag) if found.has_flags else "no flag"
                for flag in found.funnel.overdispersed.flag
            ],
        }
    )
    x = alt.X("precision:Q", title=_AXES[kind], scale=alt.Scale(zero=False, nice=True))
    shown = [name for name in _FLAGS if name in set(points["flag"])]
    colours = alt.Scale(domain=shown, range=[_COLOURS[_FLAGS.index(name)] for name in shown])
    shapes = {"within": "circle", "beyond 95 %": "triangle-up", "beyond 99.8 %": "diamond"}
    dots = alt.Chart(points).encode(
        x, alt.Y("value:Q", title=_VALUES[kind], scale=alt.Scale(zero=False))
    )
    beyond = points[points["flag"] == "beyond 99.8 %"]
    layers = [
        _lines(found, factor),
        alt.Chart(pd.DataFrame({"target": [found.funnel.target]}))
        .mark_rule(color="#1d2126")
        .encode(alt.Y("target:Q")),
        dots.mark_point(filled=True, size=45, opacity=0.9).encode(
            alt.Color("flag:N", title="Unit", scale=colours),
            alt.Shape(
                "flag:N",
                title="Unit",
                scale=alt.Scale(domain=shown, range=[shapes.get(name, "circle") for name in shown]),
            ),
        ),
    ]
    if 0 < len(beyond) <= _MOST_LABELS:
        labels = dots.mark_text(align="left", dx=7, fontSize=10).encode(text="unit:N")
        layers.append(labels.properties(data=beyond))
    dispersion = found.funnel.dispersion
    return alt.layer(*layers).properties(
        width=760,
        height=460,
        background="white",
        title=alt.TitleParams(
            f"{len(points)} units around {found.funnel.target:.4g}",
            subtitle=f"phi {dispersion.phi:.3g}, tau² {dispersion.tau2:.3g}; "
            f"{dispersion.kind} over-dispersion",
            anchor="start",
        ),
    )


def _flag(flag: str) -> str:
    return "within" if flag == "within" else f"beyond {'99.8' if '998' in flag else '95'} %"


def _lines(found: "Benchmark", factor: float) -> alt.Chart:
    """The limits over the precisions there are; those below the lowest value shown are cut."""
    scaled, errors = found.units.scaled, found.units.scaled.standard_errors
    precision = np.geomspace(*(factor / errors.max() ** 2, factor / errors.min() ** 2), 200)
    spread = np.sqrt(factor / precision)
    plain: tuple[Floats, ...] = bounds(scaled, spread)
    if found.units.kind == "ratio":
        exact = poisson_limits(np.ones_like(precision), precision)
        plain = (exact.lower95, exact.upper95, exact.lower998, exact.upper998)
    wide = plain
    if found.funnel.dispersion.widens:
        wide = bounds(scaled, found.funnel.dispersion.spread(spread))
    names = ("95 %", "95 %", "99.8 %", "99.8 %")
    parts = [
        pd.DataFrame(
            {
                "precision": precision,
                "value": values,
                "limit": name,
                "over-dispersion": kind,
                "line": f"{kind}{place}",
            }
        )
        for kind, limits in (("with", wide), ("without", plain))
        for place, (name, values) in enumerate(zip(names, limits, strict=True))
    ]
    lines = pd.concat(parts, ignore_index=True)
    # A lone small unit may have limits far from every value; they would flatten the rest.
    room = 1.5 * max(float(np.ptp(scaled.raw)), 1e-12)
    low, high = float(scaled.raw.min()) - room, float(scaled.raw.max()) + room
    lines = lines[(lines["value"] >= low) & (lines["value"] <= high)]
    chart: alt.Chart = (
        alt.Chart(lines)
        .mark_line(strokeWidth=1.3, color="#1d2126")
        .encode(
            alt.X("precision:Q"),
            alt.Y("value:Q"),
            alt.Detail("line:N"),
            alt.StrokeDash(
                "over-dispersion:N",
                title="Over-dispersion",
                scale=alt.Scale(domain=["with", "without"], range=[[1, 0], [4, 3]]),
            ),
            alt.Opacity(
                "limit:N",
                title="Limit",
                scale=alt.Scale(domain=["95 %", "99.8 %"], range=[0.45, 0.9]),
            ),
        )
    )
    return chart
