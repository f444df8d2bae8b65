"""How often a block may be written anew: what is remembered for ever must grow slowly.

Every release in which something of a block was written is part of what the next ones are held
against, and each adds to the time of every later night: measured on a block of 16 cells, 0.015 s a
release, so that a site of which 11 clients change each night would cost 5 s more after a year, in
each of its blocks. Statements of old releases say something still (they share standing cells with
the new ones), so none can be dropped. But a cell need not be written the night it may be: one that
stands says nothing new, which is always safe, and the pause depends on release numbers alone, which
everyone knows.

So a block that was written often within a year of nights rests between two writings; without rest
it is a block of late deliveries and closing periods, as most are. A new cell (a period that closed)
is written at once, and with it whatever of its block may be, since that release counts anyway.
"""

import numpy as np
import pandas as pd

from orchestration.benchmarking.disclosure_relations import Layout
from orchestration.measures.arrays import Bools

WINDOW = 365
"""Releases looked back on: with one a night, a year."""
OFTEN = 24
"""Releases of these in which a block may be written without rest: a closing each month, and as many
corrections."""
PAUSE = 28
"""Releases a block written more often rests: four weeks, less than a month between two closings."""
MOST = OFTEN + WINDOW // PAUSE + 1
"""So in so many of a year's releases at most a block is written for cells that it had."""


def is_rested(
    now: pd.DataFrame, is_new: Bools, ledger: pd.DataFrame, layout: Layout, release_no: int
) -> Bools:
    """Whether cells of tonight may be written anew as far as their block's history goes.

    `is_new`: cells that were never written; `ledger` of all releases before.
    """
    block = list(layout.block)
    recent = ledger.loc[
        (ledger["release_no"] == ledger["written_release"])
        & (ledger["release_no"] > release_no - WINDOW),
        [*block, "release_no"],
    ].drop_duplicates()
    written = recent.groupby(block, dropna=False)["release_no"].agg(["size", "max"]).reset_index()
    found = now[block].merge(written, how="left", on=block)
    often = found["size"].fillna(0).to_numpy(dtype=np.float64) >= OFTEN
    recently = release_no - found["max"].to_numpy(dtype=np.float64) < PAUSE
    of_block = now.groupby(block, dropna=False).ngroup().to_numpy()
    closes = np.isin(of_block, of_block[is_new])
    return np.asarray(~(often & recently) | closes, dtype=np.bool_)
