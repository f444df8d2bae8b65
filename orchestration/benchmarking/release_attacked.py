"""The attacker on a finished release: what its cells give away, with all that went out before.

The file is held against the ledger first. The attacker then takes what the file says, not what it
was meant to say, so that a cell shown by mistake is found by what can be worked out of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.benchmarking.disclosure import Finding, attack_release
from orchestration.benchmarking.disclosure_cells import SHOWN, Rules, is_primary
from orchestration.benchmarking.disclosure_solver import KnowledgeContradictory
from orchestration.benchmarking.protected_sites import CELL, LAYOUT, last_rows, without_blocks

Cell = tuple[object, ...]
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Leak:
    """Something that must not go out: `what` in words, the cell by CELL, and the cells that it
    follows from."""

    what: str
    cell: Cell
    by: tuple[Cell, ...] = ()


def leaks(
    published: pd.DataFrame,
    ledger: pd.DataFrame,
    changes: pd.DataFrame,
    rules: Rules,
    release_no: int,
    *,
    every_block: bool,
) -> list[Leak]:
    """All that stands against a release whose site_benchmarks are `published`: CELL,
    `is_suppressed` and SHOWN, means above the scale's lowest point.

    `ledger` and `changes` hold the release's own rows too, under `release_no`. Blocks without any
    were attacked when they were written, and are looked at again for `every_block` only.
    """
    found = list(_beside_the_ledger(published, ledger))
    told = _as_published(ledger, published, release_no)
    block = list(LAYOUT.block)
    if not every_block:
        new = ledger.loc[ledger["release_no"] == release_no, block].drop_duplicates()
        told, changes = told.merge(new, on=block), changes.merge(new, on=block)
    small = told[_is_shown_small(told, rules)]
    found += [Leak("a cell is shown that is too small", cell) for cell in _cells(small)]
    # What is wrong already need not be worked out, and may contradict what the attacker is told.
    told = without_blocks(told, small[block].drop_duplicates())
    if not told.empty:
        found += _attacked(told, changes, rules)
    return list(dict.fromkeys(found))


def _attacked(told: pd.DataFrame, changes: pd.DataFrame, rules: Rules) -> list[Leak]:
    """What can be worked out; of blocks whose numbers contradict each other, that they do."""
    try:
        return [
            _leak(each)
            for each in attack_release(told, changes, rules, LAYOUT, is_told_of_changes=False)
        ]
    except KnowledgeContradictory:
        blocks = [cells for _, cells in told.groupby(list(LAYOUT.block))]
        if len(blocks) == 1:
            (cell,) = _cells(told.iloc[:1])
            return [Leak("what is shown of a site cannot be true together", cell)]
        return [leak for cells in blocks for leak in _attacked(cells, changes, rules)]


def _is_shown_small(told: pd.DataFrame, rules: Rules) -> np.ndarray:
    written = (told["release_no"] == told["written_release"]).to_numpy()
    shown = ~told["is_suppressed"].to_numpy(dtype=np.bool_)
    return np.asarray(written & shown & is_primary(told, rules), dtype=np.bool_)


def _leak(finding: Finding) -> Leak:
    n = len(CELL)
    by = dict.fromkeys(tuple(cell[:n]) for cell in finding.by)
    return Leak(finding.what, tuple(finding.cell[:n]), tuple(by))


def _beside_the_ledger(published: pd.DataFrame, ledger: pd.DataFrame) -> Iterator[Leak]:
    """Cells that the ledger does not know, and cells that read otherwise than it says."""
    last = last_rows(ledger)
    both = published.merge(
        last[last["is_offered"].to_numpy(dtype=np.bool_)],
        how="left",
        on=list(CELL),
        suffixes=("", "_meant"),
        indicator="side",
    )
    unknown = (both["side"] == "left_only").to_numpy()
    for cell in _cells(both[unknown]):
        yield Leak("disclosure control has not seen a cell", cell)
    for cell in _cells(both[~unknown & _differs(both)]):
        yield Leak("a cell reads otherwise than disclosure control decided", cell)


def _differs(both: pd.DataFrame) -> np.ndarray:
    differs = (both["is_suppressed"] != both["is_suppressed_meant"]).to_numpy(dtype=np.bool_)
    for name in SHOWN:
        one, other = (
            both[each].to_numpy(dtype=np.float64, na_value=np.nan)
            for each in (name, f"{name}_meant")
        )
        same = np.isclose(one, other, rtol=0, atol=_TOLERANCE, equal_nan=True)
        differs = differs | ~same
    return np.asarray(differs, dtype=np.bool_)


def _as_published(ledger: pd.DataFrame, published: pd.DataFrame, release_no: int) -> pd.DataFrame:
    """The ledger with what the file says in place of what was meant to be written tonight."""
    said = ledger[[*CELL, "release_no", "written_release"]].merge(
        published, how="left", on=list(CELL)
    )
    anew = (said["release_no"] == release_no) & (said["written_release"] == release_no)
    is_said = (anew & said["is_suppressed"].notna()).to_numpy(dtype=np.bool_)
    columns = {
        name: np.where(is_said, said[name], ledger[name]) for name in (*SHOWN, "is_suppressed")
    }
    types = dict.fromkeys(SHOWN, "float64") | {"is_suppressed": "bool"}
    return ledger.assign(**columns).astype(types)


def _cells(rows: pd.DataFrame) -> Iterator[Cell]:
    yield from rows[list(CELL)].itertuples(index=False, name=None)
