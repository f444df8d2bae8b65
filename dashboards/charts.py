"""Charts of the pages. PURE: frame in, Altair chart out; every number comes from the release.

The funnel's x axis is precision, 1 / standard error, and not the number of clients: with clients
clustered in therapists a site's limits do not follow from its number of clients, but they do follow
from its standard error. So the sites' own limits, joined in that order, are the funnel exactly,
and nothing is computed twice (Spiegelhalter 2005, Stat Med 24:1185). The axis is labelled
with the margin of error, which a reader knows.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboards import bounds, labels
from dashboards.chart_style import (
    ABOVE,
    BAND_95,
    BAND_998,
    BELOW,
    EDGE,
    INK,
    MUTED,
    PAPER,
    arrows,
    domain,
    layer,
    legend,
    style,
    unless_narrow,
)
from dashboards.charts_reference import reference_frame, reference_lines, within_reach
from dashboards.placement import Frame, Mark, place_labels
from dashboards.release import Instrument, ReferenceBand, SiteResult

_HEIGHT, _ASSUMED_WIDTH = 430, 820
_ARROW = 15
"""Pixels from a mark to the arrow that says where its true mean may lie."""

_STATES: tuple[tuple[str, str, str, str], ...] = (
    # Each state has a shape of its own, so that nothing hangs on colour.
    ("above_998", "triangle-up", ABOVE, ABOVE),
    ("above_95", "triangle-up", PAPER, ABOVE),
    ("within", "circle", MUTED, MUTED),
    ("below_95", "triangle-down", PAPER, BELOW),
    ("below_998", "triangle-down", BELOW, BELOW),
    ("none", "diamond", PAPER, MUTED),
)

_NUMBERS = (
    "raw",
    "standard_error",
    "target",
    "lower95",
    "upper95",
    "lower998",
    "upper998",
)


def funnel_frame(rows: Sequence[SiteResult], instrument: Instrument) -> pd.DataFrame:
    """One row a site that can be placed: shown, with a mean and a standard error above 0.

    Columns: site, practice, n_clients, n_therapists, n_forms, raw, standard_error, target, the four
    limits (scale points, as in the release), precision (1 / standard_error), mean (words), beyond
    (where the true mean may lie of a coded one: 1 above, -1 below; else 0), state, flag (words) and
    interval (words). Ordered by precision.
    """
    records: list[dict[str, Any]] = []
    for row in rows:
        if row.is_suppressed or row.raw is None or not row.standard_error:
            continue
        margin, decimals = row.margin or 0.0, instrument.decimals
        records.append(
            {
                "site": row.site_label,
                "practice": row.practice_name,
                "n_clients": row.n_clients,
                "n_therapists": row.n_therapists,
                "n_forms": row.n_forms,
                **{name: getattr(row, name) for name in _NUMBERS},
                "precision": 1 / row.standard_error,
                "mean": bounds.worded(labels.number(row.raw, decimals), row.raw_bound),
                "beyond": bounds.direction(row.raw_bound),
                "state": row.flag or "none",
                "flag": labels.flag(row.flag),
                "interval": f"{labels.number(row.raw - margin, decimals)} to "
                f"{labels.number(row.raw + margin, decimals)}",
            }
        )
    names = ["site", "practice", "n_clients", "n_therapists", "n_forms", *_NUMBERS]
    made = ["precision", "mean", "beyond", "state", "flag", "interval"]
    frame = pd.DataFrame(records, columns=[*names, *made])
    return frame.astype(dict.fromkeys(_NUMBERS, "float64")).sort_values(
        ["precision", "site"], ignore_index=True
    )


def _margin_ticks(low: float, high: float) -> list[float]:
    """Precisions at which the margin of error is a round number, a few of them."""
    for step in (0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0):
        margins = [step * index for index in range(1, 200)]
        ticks = [1.959964 / margin for margin in margins if low <= 1.959964 / margin <= high]
        if len(ticks) <= 5:
            return ticks
    return []


def _tooltip(decimals: int) -> list[alt.Tooltip]:
    number = f",.{decimals}f"
    return [
        alt.Tooltip("site:N", title="Site"),
        alt.Tooltip("practice:N", title="Practice"),
        alt.Tooltip("n_clients:Q", title="Clients", format=","),
        alt.Tooltip("n_therapists:Q", title="Therapists", format=","),
        alt.Tooltip("mean:N", title="Mean score"),
        alt.Tooltip("interval:N", title="95 % interval of the mean"),
        alt.Tooltip("lower95:Q", title="Expected range from", format=number),
        alt.Tooltip("upper95:Q", title="Expected range to", format=number),
        alt.Tooltip("flag:N", title="Reading"),
    ]


def _bands(limits: pd.DataFrame, x: alt.X, y: alt.Scale) -> list[alt.Chart | alt.LayerChart]:
    """The two ranges as bands with thin edges, and the group's mean."""
    base = layer(limits)
    layers: list[alt.Chart | alt.LayerChart] = []
    for lower, upper, fill, dash in (
        ("lower998", "upper998", BAND_998, [4, 3]),
        ("lower95", "upper95", BAND_95, [1, 0]),
    ):
        layers.append(
            base.mark_area(color=fill, interpolate="monotone", aria=False).encode(
                x=x, y=alt.Y(f"{lower}:Q", scale=y), y2=f"{upper}:Q"
            )
        )
        for edge in (lower, upper):
            layers.append(
                base.mark_line(
                    color=EDGE,
                    strokeWidth=1,
                    strokeDash=dash,
                    interpolate="monotone",
                    aria=False,
                ).encode(x=x, y=alt.Y(f"{edge}:Q", scale=y))
            )
    return layers


def _to_the_edge(limits: pd.DataFrame, x_low: float, x_high: float) -> pd.DataFrame:
    """The sites' limits, the surest site's carried on to the right edge, where the names stand.

    A site on its own has no neighbour to be joined with: its limits go from edge to edge.
    """
    last = limits.iloc[[-1]].assign(precision=x_high)
    first = limits.iloc[[0]].assign(precision=x_low) if limits["precision"].nunique() == 1 else None
    return pd.concat([first, limits, last], ignore_index=True)


def _band_names(limits: pd.DataFrame, y: alt.Scale, decimals: int) -> list[alt.Chart]:
    """Names of the lines at the plot's right edge, so that no legend has to be looked up."""
    end = limits.iloc[[-1]]
    target = labels.number(end["target"].tolist()[0], decimals)
    named = (
        ("upper998", "99.8 % limit"),
        ("upper95", "95 % limit"),
        ("target", f"Group mean {target}"),
        ("lower95", "95 % limit"),
        ("lower998", "99.8 % limit"),
    )
    return [
        layer(end)
        .mark_text(
            text=text,
            align="left",
            baseline="middle",
            dx=6,
            color=INK if column == "target" else MUTED,
            fontWeight=600 if column == "target" else 400,
            fontSize=12,
        )
        .encode(x=alt.value("width"), y=alt.Y(f"{column}:Q", scale=y))
        for column, text in named
    ]


def _site_names(frame: pd.DataFrame, x: alt.X, y: alt.Scale, area: Frame) -> list[alt.Chart]:
    """Each site's name beside its mark wherever it fits; flagged sites are placed first."""
    marks = [
        Mark(site, across, up, chosen or state not in ("within", "none"), beyond)
        for site, across, up, chosen, state, beyond in zip(
            frame["site"].tolist(),
            frame["precision"].tolist(),
            frame["raw"].tolist(),
            frame["is_chosen"].tolist(),
            frame["state"].tolist(),
            frame["beyond"].tolist(),
            strict=True,
        )
    ]
    spots = place_labels(marks, area)
    layers = []
    for spot in sorted(set(spots.values())):
        here = frame[[spots.get(str(site)) == spot for site in frame["site"]]]
        layers.append(
            layer(here)
            .mark_text(
                align=spot.align,
                baseline="middle",
                dx=spot.dx,
                dy=spot.dy,
                fontSize=12,
                color=INK,
                opacity=unless_narrow(),
            )
            .encode(
                x=x,
                y=alt.Y("raw:Q", scale=y),
                text="site:N",
            )
        )
    return layers


def _marks(frame: pd.DataFrame, x: alt.X, y: alt.Y, decimals: int) -> list[alt.Chart]:
    present = [state for state in _STATES if state[0] in set(frame["state"])]
    words = [labels.flag(None if state[0] == "none" else state[0]) for state in present]

    def scale(column: int) -> alt.Scale:
        return alt.Scale(domain=words, range=[state[column] for state in present])

    key = legend()
    ring = (
        layer(frame[frame["is_chosen"]])
        .mark_point(shape="circle", size=440, filled=False, color=INK, strokeWidth=1.6, aria=False)
        .encode(x=x, y=y)
    )
    sites = (
        layer(frame)
        .mark_point(size=130, strokeWidth=2, opacity=1, filled=True)
        .encode(
            x=x,
            y=y,
            shape=alt.Shape("flag:N", scale=scale(1), legend=key),
            fill=alt.Fill("flag:N", scale=scale(2), legend=key),
            stroke=alt.Stroke("flag:N", scale=scale(3), legend=key),
            tooltip=_tooltip(decimals),
        )
    )
    return [ring, sites]


def funnel(
    frame: pd.DataFrame,
    instrument: Instrument,
    chosen_site: str | None = None,
    references: Sequence[ReferenceBand] = (),
) -> alt.LayerChart:
    """Funnel of `funnel_frame`: a mark a site against its own limits, joined by precision.

    `chosen_site` is ringed. `references` are lines behind the marks, where near enough. Sites
    without limits have marks but no band. ValueError when the frame is empty: there is nothing to
    draw, and the caller says so in words.
    """
    if frame.empty:
        raise ValueError("a funnel needs at least one site with a mean and a standard error")
    frame = frame.assign(is_chosen=frame["site"] == chosen_site)
    limits = frame.dropna(subset=["target", "lower95", "upper95", "lower998", "upper998"])
    x_low, x_high = domain(frame["precision"].tolist(), 0.05)
    heights = [*frame["raw"].tolist(), *limits["lower998"].tolist(), *limits["upper998"].tolist()]
    near = within_reach(reference_frame(references, instrument), *domain(heights, 0.07))
    y_low, y_high = domain([*heights, *near["centre"].tolist()], 0.07)
    ticks = _margin_ticks(x_low, x_high)
    scale = alt.Scale(domain=[y_low, y_high], nice=False, zero=False)
    x = alt.X(
        "precision:Q",
        scale=alt.Scale(domain=[x_low, x_high], nice=False, zero=False),
        axis=alt.Axis(
            title=[
                "Margin of error of the site's mean, in points",
                "(surer means to the right →)",
            ],
            values=ticks,
            labelExpr="'± ' + format(1.959964 / datum.value, '.2~f')",
        ),
    )
    y = alt.Y(
        "raw:Q",
        scale=scale,
        axis=alt.Axis(title="Mean score of the site's clients (points)", tickCount=6),
    )
    layers: list[alt.Chart | alt.LayerChart] = []
    if not limits.empty:
        limits = _to_the_edge(limits, x_low, x_high)
        layers += _bands(limits, x, scale)
        layers.append(
            layer(limits)
            .mark_line(color=INK, strokeWidth=1.4, aria=False)
            .encode(x=x, y=alt.Y("target:Q", scale=scale))
        )
        layers += _band_names(limits, scale, instrument.decimals)
    layers += reference_lines(near, scale)
    lines = (*limits["target"].unique().tolist(), *near["centre"].tolist())
    area = Frame((x_low, x_high), (y_low, y_high), _ASSUMED_WIDTH, _HEIGHT, lines)
    layers += _site_names(frame, x, scale, area)
    layers += _marks(frame, x, y, instrument.decimals)
    layers += [each.encode(x=x, y=y) for each in arrows(frame, ("↓", "↑"), dy=-_ARROW)]
    return alt.LayerChart(layer=layers, **style(height=_HEIGHT))


def funnel_description(frame: pd.DataFrame, instrument: Instrument) -> str:
    """What a reader who cannot see the funnel is told; the table below it holds every number."""
    outside = frame[~frame["state"].isin(["within", "none"])]
    names = "; ".join(f"{row.site}: {str(row.flag).lower()}" for row in outside.itertuples())
    coded = frame[frame["beyond"] != 0]
    beyond = "; ".join(f"{row.site}: {row.mean}" for row in coded.itertuples())
    ends = f"Near an end of the scale: {beyond}. " if beyond else ""
    return (
        f"Funnel chart of the mean {instrument.name} score of {len(frame)} sites. "
        f"Outside the expected range: {names or 'no site'}. {ends}"
        "The table below the chart gives the same numbers."
    )
