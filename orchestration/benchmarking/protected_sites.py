"""Disclosure control of the cells of site_benchmarks, night after night.

A block is one site's cells of one questionnaire, language, informant, way of collecting and metric:
its stages and periods add up, nothing beyond it does. A block in which nothing changed since the
last release stands as it is and is not looked at again.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.benchmarking.cells import CELL_COLUMNS
from orchestration.benchmarking.disclosure import STATE, protect
from orchestration.benchmarking.disclosure_cells import Rules, bounds, least_error
from orchestration.benchmarking.disclosure_relations import Layout
from orchestration.benchmarking.shown_cells import ShownCells
from orchestration.measures.arrays import Bools, Floats

LAYOUT = Layout(block=CELL_COLUMNS[:-2])
CELL: tuple[str, ...] = LAYOUT.cell
SCALE = ("instrument_code", "version")
NOT_RECORDED = ""
"""Stands for a name that is null: cells are found again by their names."""


@dataclass(frozen=True)
class Tonight:
    """`judged`: tonight's cells of blocks in which something changed; `ledger`: all that is known
    of those blocks. `standing`: the last row of every cell of the other blocks."""

    judged: pd.DataFrame
    ledger: pd.DataFrame
    standing: pd.DataFrame


@dataclass(frozen=True)
class ProtectedSites:
    """`cells`: all that the release has, CELL and STATE. `ledger`: the rows to add to it."""

    cells: pd.DataFrame
    ledger: pd.DataFrame


@dataclass(frozen=True)
class SuppressionReport:
    """What hiding cost. `information_lost_share`: of the sum of log(1 + clients) of all cells, what
    is hidden for other cells' sake alone."""

    n_cells: int
    n_hidden: int
    n_kept: int
    information_lost_share: float

    @classmethod
    def of(
        cls, hidden: Bools, primary: Bools, kept: Bools, n_clients: Floats
    ) -> "SuppressionReport":
        """Of cells that are hidden, would be by the primary rule, or stand as they were."""
        weight = np.log1p(n_clients)
        total = float(weight.sum())
        lost = float(weight[hidden & ~primary].sum())
        n_cells, n_hidden, n_kept = hidden.size, int(hidden.sum()), int(kept.sum())
        return cls(n_cells, n_hidden, n_kept, lost / total if total > 0 else 0.0)


def tonight(candidates: pd.DataFrame, ledger: pd.DataFrame) -> Tonight:
    """Tonight's cells, parted by whether their block has news.

    `candidates` as disclosure.protect takes them; `ledger` of all releases under tonight's rules.
    """
    last = last_rows(ledger)
    both = candidates[[*CELL, "content"]].merge(
        last[[*CELL, "content", "is_offered", "n_clients"]],
        how="outer",
        on=list(CELL),
        suffixes=("", "_before"),
        indicator="side",
    )
    was_offered = both["is_offered"].eq(True).to_numpy(dtype=np.bool_)
    was_empty = both["n_clients"].eq(0).to_numpy(dtype=np.bool_)
    is_gone = (both["side"] == "right_only").to_numpy()
    is_same = (both["content"] == both["content_before"]).to_numpy(dtype=np.bool_)
    # One that was gone before, or not offered any more, is no news when it still is.
    is_news = np.where(is_gone, was_offered & ~was_empty, ~is_same | ~was_offered)
    block = list(LAYOUT.block)
    with_news = both.loc[is_news, block].drop_duplicates()
    return Tonight(
        judged=candidates.merge(with_news, on=block),
        ledger=ledger.merge(with_news, on=block),
        standing=without_blocks(last[last["is_offered"].to_numpy(dtype=np.bool_)], with_news),
    )


def to_be_counted(found: Tonight) -> pd.DataFrame:
    """CELL and `against`: the releases that the clients of cells with other contents than were last
    written are to be held against, every one in which the cell was written."""
    last = last_rows(found.ledger)[[*CELL, "written_content"]]
    now = last.merge(found.judged[[*CELL, "content"]], how="left", on=list(CELL))
    differs = (now["content"] != now["written_content"]).to_numpy(dtype=np.bool_)
    events = found.ledger[found.ledger["release_no"] == found.ledger["written_release"]]
    asked = now.loc[differs, list(CELL)].merge(events[[*CELL, "release_no"]], on=list(CELL))
    return asked.rename(columns={"release_no": "against"}).drop_duplicates(ignore_index=True)


def protected_sites(
    found: Tonight, changes: pd.DataFrame, rules: Rules, release_no: int
) -> ProtectedSites:
    """What goes out of every cell, and what the ledger learns; `changes` of all `to_be_counted`."""
    columns = [*CELL, *STATE]
    if found.judged.empty and found.ledger.empty:
        return ProtectedSites(found.standing[columns], found.ledger[columns])
    made = protect(found.judged, found.ledger, changes, rules, LAYOUT, release_no)
    cells = made.cells if found.standing.empty else pd.concat([made.cells, found.standing[columns]])
    return ProtectedSites(cells.reset_index(drop=True), made.ledger)


def shown_cells(
    cells: pd.DataFrame,
    scales: pd.DataFrame,
    errors: pd.DataFrame,
    networks: pd.DataFrame,
    rules: Rules,
    release_no: int,
) -> ShownCells:
    """Cells as benchmarks take them. `scales`: SCALE and the `minimum` of the total; `errors` and
    `networks` of earlier releases, see ShownCells."""
    n = len(cells)
    minimum = cells[list(SCALE)].merge(scales, how="left", on=list(SCALE))["minimum"]
    suppressed = cells["is_suppressed"].to_numpy(dtype=np.bool_)
    fresh = cells["written_release"].to_numpy() == release_no
    means = cells["shown_mean"].to_numpy(dtype=np.float64) + minimum.to_numpy(dtype=np.float64)
    stands_for = bounds(cells, rules).reset_index(drop=True)
    frame = recorded(cells[list(CELL)]).assign(
        is_suppressed=suppressed,
        is_fresh=fresh,
        is_kept=is_kept(cells, release_no),
        n_clients=cells["shown_n_clients"],
        n_therapists=cells["shown_n_therapists"],
        n_forms=cells["shown_n_forms"],
        # Sums of decimals, as they are meant.
        mean_of_client_means=np.round(means, 9) if n else means,
        ceiling_share=cells["shown_share"],
        mean_bound=stands_for["mean_bound"],
        share_bound=stands_for["share_bound"],
        least_error=least_error(cells, rules),
    )
    return ShownCells(frame, is_coarse=True, errors=recorded(errors), networks=recorded(networks))


def is_kept(cells: pd.DataFrame, release_no: int) -> np.ndarray:
    """Shown cells that stand as they were written though their clients are others now, too few."""
    shown = ~cells["is_suppressed"].to_numpy(dtype=np.bool_)
    earlier = cells["written_release"].to_numpy() != release_no
    other = (cells["content"] != cells["written_content"]).to_numpy(dtype=np.bool_)
    return np.asarray(shown & earlier & other, dtype=np.bool_)


def suppression_report(cells: pd.DataFrame, release_no: int) -> SuppressionReport:
    """What protection cost these cells."""
    return SuppressionReport.of(
        cells["is_suppressed"].to_numpy(dtype=np.bool_),
        cells["is_primary"].to_numpy(dtype=np.bool_),
        is_kept(cells, release_no),
        cells["n_clients"].to_numpy(dtype=np.float64),
    )


def recorded(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with null names in place of NOT_RECORDED."""
    names = [name for name in CELL if name in frame.columns]
    cleaned = {name: frame[name].where(frame[name] != NOT_RECORDED, None) for name in names}
    return frame.assign(**cleaned).reset_index(drop=True)


def last_rows(ledger: pd.DataFrame) -> pd.DataFrame:
    """The newest row of every cell."""
    ordered = ledger.sort_values("release_no", kind="stable")
    return ordered.drop_duplicates(list(CELL), keep="last", ignore_index=True)


def without_blocks(rows: pd.DataFrame, blocks: pd.DataFrame) -> pd.DataFrame:
    """Rows of no such block."""
    marked = rows.merge(blocks.assign(is_listed=True), how="left", on=list(LAYOUT.block))
    kept = rows[~marked["is_listed"].eq(True).to_numpy(dtype=np.bool_)]
    return kept.reset_index(drop=True)
