"""`alliance disclose`: what to hide of an analyst's own table of counts."""

from typing import Annotated, Any

import typer

from orchestration.cli.analyst_file import FileArgument, refusing, say, say_figures
from orchestration.cli.console import JsonOption, say_table

NO_MARGIN = (
    "no margin was found: each count is hidden for itself alone, and a total known elsewhere may "
    "give it away; --total names the mark of a margin"
)


def disclose(
    file: FileArgument,
    count: Annotated[
        str | None, typer.Option(help="Column of the counts; default the one column of numbers.")
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(help="Columns that name a cell, with commas between; default all others."),
    ] = None,
    total: Annotated[
        str | None,
        typer.Option(help="What marks a margin in those columns; default total, all or sum."),
    ] = None,
    minimum: Annotated[int, typer.Option(help="Smallest count to show; zeros stay.", min=2)] = 11,
    base: Annotated[
        int,
        typer.Option("--round", help="Publish counts rounded to this; 1: as they are.", min=1),
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Small counts hidden, and as little more as keeps them from being worked out.

    One row per cell, margins among them; or, without --count and --by, rows by columns with a
    column of totals. Every count from 1 to below the minimum is hidden, and with it what would
    give it away; the bounds are what an attacker can still work out of each.

    Example: alliance disclose clients.csv --count n --by site,age_band --total all --round 5
    """
    from orchestration.analyst_csv import read_analyst_csv
    from orchestration.benchmarking.disclosure_rounding import CountRounding
    from orchestration.benchmarking.disclosure_table import protect_table
    from orchestration.cli.counted_cells import counted_cells

    with refusing(file):
        table = counted_cells(read_analyst_csv(file), count, by or (), total)
        found = protect_table(
            table.marked,
            table.counts,
            total=table.mark,
            rounding=CountRounding(base, minimum),
            lines=table.lines,
        )
    shown = [
        None if hidden else int(n) for hidden, n in zip(found.hidden, found.shown, strict=True)
    ]
    ends = zip(found.lower.tolist(), found.upper.tolist(), strict=True)
    cells: list[dict[str, Any]] = [
        {
            **{name: words[at] for name, words in table.keys.items()},
            table.count: shown[at],
            "hidden": bool(found.hidden[at]),
            "lower": _whole(lower),
            "upper": _whole(upper),
        }
        for at, (lower, upper) in enumerate(ends)
    ]
    n_hidden, n_small = int(found.hidden.sum()), int(found.is_small.sum())
    document = {
        "minimum": minimum,
        "round": base,
        "n_cells": len(cells),
        "n_small": n_small,
        "n_hidden": n_hidden,
        "information_lost": found.loss,
        "information_lost_at_least": found.least_loss,
        "cells": cells,
    }
    if not table.has_margin:
        say(file, NO_MARGIN)
    if as_json:
        say_figures(file, document)
        return
    header = [*table.keys, table.count, "lower", "upper"]
    rows = [
        [
            *(cell[name] for name in table.keys),
            "hidden" if cell["hidden"] else cell[table.count],
            cell["lower"],
            cell["upper"],
        ]
        for cell in cells
    ]
    title = f"{n_hidden} of {len(cells)} cells hidden: {n_small} below {minimum}, "
    say_table(title + f"{n_hidden - n_small} to protect them", header, rows)


def _whole(end: float) -> int | None:
    """A bound as a whole number; None where there is none."""
    return None if end != end else int(end)
