"""What `alliance benchmark` says: one document, or a table, and its notes on the other stream."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.cli.analyst_file import say, say_figures
from orchestration.cli.console import say_table

if TYPE_CHECKING:
    from orchestration.analyst_benchmark import Benchmark, Rules

_MOST_NAMED = 20
"""Rows left out that are listed on standard error one by one; --json lists every one."""


def say_benchmark(file: Path, found: "Benchmark", rules: "Rules", as_json: bool) -> None:
    """The document or the table on standard output, notes and rows left out on standard error."""
    rows = unit_rows(found)
    left_out = found.units.left_out
    if as_json:
        say_figures(file, _document(found, rules, rows))
    else:
        dispersion = found.funnel.dispersion
        header = ["unit", "n", "value", "flag", "flag_od", "shrunken", "95 % of it"]
        say_table(
            f"{len(rows)} units, target {found.funnel.target:.6g}, phi {dispersion.phi:.4g}, "
            f"tau2 {dispersion.tau2:.4g} ({rules.trim} {rules.share:g}, {rules.overdispersion})",
            header,
            [[_table_cell(row, name) for name in header] for row in rows],
        )
    for row in left_out[:_MOST_NAMED]:
        unit = "" if row.unit is None else f", unit {row.unit}"
        say(file, f"left out: line {row.line}{unit}, column {row.column}: {row.reason}")
    if len(left_out) > _MOST_NAMED:
        say(file, f"... and {len(left_out) - _MOST_NAMED} more; --json lists them")
    if left_out:
        say(file, f"{len(left_out)} rows left out; {len(rows)} units compared")
    for note in found.notes:
        say(file, note)


def unit_rows(found: "Benchmark") -> list[dict[str, Any]]:
    """One entry a unit, in the alphabet's order: a list by value would be a league table."""
    units, funnel, shrunken = found.units, found.funnel, found.shrunken
    limits: dict[str, Any] = {
        f"{name}{suffix}": getattr(part, name).tolist()
        for suffix, part in (("", funnel.plain), ("_od", funnel.overdispersed))
        for name in ("lower95", "upper95", "lower998", "upper998")
    }
    columns: dict[str, list[Any]] = {
        "unit": list(units.names),
        "n": [int(n) if float(n).is_integer() else n for n in units.n.tolist()],
        "value": units.scaled.raw.tolist(),
        "z": funnel.z.tolist(),
        **limits,
    }
    none = [None] * len(units.names)
    columns["flag"] = funnel.plain.flag.tolist() if found.has_flags else none
    columns["flag_od"] = funnel.overdispersed.flag.tolist() if found.has_flags else none
    columns["shrunken"] = none if shrunken is None else shrunken.values.tolist()
    columns["shrunken_lower95"] = none if shrunken is None else shrunken.lower95.tolist()
    columns["shrunken_upper95"] = none if shrunken is None else shrunken.upper95.tolist()
    columns["reliability"] = none if shrunken is None else shrunken.reliability.tolist()
    columns["standard_error"] = units.scaled.standard_errors.tolist()
    rows = [
        dict(zip(columns, (_finite(cell) for cell in row), strict=True))
        for row in zip(*columns.values(), strict=True)
    ]
    return sorted(rows, key=lambda row: str(row["unit"]))


def _document(found: "Benchmark", rules: "Rules", rows: list[dict[str, Any]]) -> dict[str, Any]:
    dispersion, shrunken, components = (
        found.funnel.dispersion,
        found.shrunken,
        found.units.components,
    )
    return {
        "target": found.funnel.target,
        "phi": dispersion.phi,
        "tau2": dispersion.tau2,
        "n_units": len(rows),
        "n_excluded": len(found.units.left_out),
        "units": rows,
        "scale": found.units.scale,
        "trim": rules.trim,
        "trim_share": rules.share,
        "overdispersion": rules.overdispersion,
        "shrinkage": None
        if shrunken is None
        else {
            "method": "full Bayes, priors uniform on the target and on tau2",
            "target": shrunken.target,
            "tau2": shrunken.tau2,
        },
        "variance": None
        if components is None
        else {
            "therapist": components.variance_therapist,
            "client": components.variance_client,
            "n_therapists": components.n_therapists,
        },
        "excluded": [
            {"line": row.line, "unit": row.unit, "column": row.column, "reason": row.reason}
            for row in found.units.left_out
        ],
        "notes": list(found.notes),
    }


def _finite(cell: Any) -> Any:
    """JSON has no infinity and no not-a-number."""
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _table_cell(row: dict[str, Any], name: str) -> Any:
    if name == "95 % of it":
        ends = row["shrunken_lower95"], row["shrunken_upper95"]
        return None if None in ends else f"{ends[0]:.4g} to {ends[1]:.4g}"
    cell = row[name]
    return float(f"{cell:.4g}") if isinstance(cell, float) else cell
