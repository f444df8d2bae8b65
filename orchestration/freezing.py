"""Freezes the network's norms into a file that no night rewrites."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import yaml

from expectations.frozen_reference import MINIMUM_FORMS, FrozenReference, Norm
from expectations.model import Thresholds
from expectations.registry import Registry
from orchestration.benchmarking.cells import DOMINANT_THERAPIST_SHARE
from orchestration.durable import write_whole
from orchestration.state import has_loaded_since, last_build
from orchestration.warehouse import read_sql

_COUNTS_TO = 5
_IDENTITY = ("instrument_code", "version", "language", "informant", "stage")
_COUNTS = ("n_forms", "n_clients", "n_therapists", "n_top_therapist")
_PERCENTILES = ("p10", "p25", "median", "p75", "p90")


class FreezeRefused(Exception):
    """Nothing was frozen: why, and what to do."""


def frozen_reference(
    con: duckdb.DuckDBPyConnection, registry: Registry, frozen_on: date, release_id: str | None
) -> FrozenReference:
    """The norms of what the warehouse holds, percentiles by R's type 7, scale points.

    Raises FreezeRefused when the marts are not of these declarations and deliveries, and when no
    cell is large enough.
    """
    build = last_build(con)
    if build is None or build[1] != registry.digest or has_loaded_since(con, build[0]):
        raise FreezeRefused(
            "declarations or deliveries are newer than the last night's scores; run "
            "`alliance nightly`, then freeze"
        )
    names = [*_IDENTITY, *_COUNTS, "percentiles", "mean", "sd", "data_through_on"]
    found = con.execute(read_sql("frozen_norms.sql")).fetchall()
    cells = [dict(zip(names, row, strict=True)) for row in found]
    shown = [cell for cell in cells if _may_be_shown(cell, registry.group.thresholds)]
    if not shown:
        raise FreezeRefused(
            f"no questionnaire has {MINIMUM_FORMS} usable forms of enough clients and therapists "
            "yet; freeze when there are more"
        )
    return FrozenReference(
        frozen_on=frozen_on,
        data_through_on=shown[0]["data_through_on"],
        registry_version=registry.digest,
        release_id=release_id,
        norms=tuple(map(_norm, shown)),
    ).sealed()


def _may_be_shown(cell: Mapping[str, Any], thresholds: Thresholds) -> bool:
    """What holds of a site's cell in a release, and enough forms for a lowest tenth."""
    return bool(
        cell["n_forms"] >= MINIMUM_FORMS
        and cell["n_clients"] >= thresholds.minimum_clients
        and cell["n_therapists"] >= thresholds.minimum_therapists
        and cell["n_top_therapist"] <= DOMINANT_THERAPIST_SHARE * cell["n_forms"]
    )


def _norm(cell: Mapping[str, Any]) -> Norm:
    # A line's hundredths may be one form's alone; a tenth is no mark of anybody.
    tenths = [round(value, 1) for value in cell["percentiles"]]
    return Norm(
        **{name: cell[name] for name in _IDENTITY},
        n_forms=_rounded_down(cell["n_forms"]),
        n_clients=_rounded_down(cell["n_clients"]),
        **dict(zip(_PERCENTILES, tenths, strict=True)),
        mean=round(cell["mean"], 1),
        sd=round(cell["sd"], 1),
    )


def _rounded_down(count: int) -> int:
    # To the nearest five 98 people would pass for the 100 that a band needs.
    return count - count % _COUNTS_TO


def write_reference_file(folder: Path, reference: FrozenReference) -> Path:
    """Write it as the file of its day. Raises FreezeRefused when that day has one."""
    path = folder / f"{reference.frozen_on}.yml"
    if path.exists():
        raise FreezeRefused(
            f"a reference was frozen on {reference.frozen_on} already, and a frozen one is never "
            "rewritten; freeze another day"
        )
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(
        reference.model_dump(), sort_keys=False, default_flow_style=None, width=1000
    )
    write_whole(path, f"# Made by `alliance reference freeze`. Never changed afterwards.\n{text}")
    path.chmod(0o444)
    return path
