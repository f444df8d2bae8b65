"""Reads a chart's Vega-Lite: which rows a layer draws, and which layers there are."""

from collections.abc import Callable
from typing import Any

import altair as alt

Spec = dict[str, Any]


def spec_of(chart: alt.LayerChart) -> Spec:
    """What is handed to the browser, checked against Vega-Lite's schema."""
    spec: Spec = chart.to_dict()
    return spec


def rows_of(spec: Spec, layer: Spec) -> list[Spec]:
    """The rows that a layer draws."""
    rows: list[Spec] = spec["datasets"][layer["data"]["name"]]
    return rows


def layers(spec: Spec, kind: str, where: Callable[[Spec], bool] = lambda _: True) -> list[Spec]:
    """Layers of one kind of mark, in the order they are drawn in."""
    return [layer for layer in spec["layer"] if layer["mark"]["type"] == kind and where(layer)]


def field(layer: Spec, channel: str) -> Any:
    """The column that a channel of a layer shows; None where it shows none."""
    return layer["encoding"].get(channel, {}).get("field")


def loads_nothing(spec: Spec) -> bool:
    """Whether a chart is drawn as SVG from what it brings along."""
    is_svg = spec["usermeta"]["embedOptions"] == {"renderer": "svg", "actions": False}
    return is_svg and "url" not in str(spec.get("datasets"))
