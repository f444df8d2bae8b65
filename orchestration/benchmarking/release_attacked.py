"""The attacker on a finished release: what its cells give away, with all that went out before.

The file is held against the ledger first. The attacker then takes what the file says, not what it
was meant to say, so that a cell shown by mistake is found by what can be worked out of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.benchmarking.disclosure import Finding, attack_release
from orchestration.benchmarking.disclosure_cells import SHOWN, Rules
from orchestration.benchmarking.protected_sites import CELL, LAYOUT, last_rows

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
    found = list(_beside_the_ledger(published, ledger, release_no))
    told = _as_published(ledger, published, release_no)
    if not every_block:
        block = list(LAYOUT.block)
        new = ledger.loc[ledger["release_no"] == release_no, block].drop_duplicates()
        told = told.merge(new, on=block)
        changes = changes.merge(new, on=block)
    if not told.empty:
        found += [_leak(each) for each in attack_release(told, changes, rules, LAYOUT)]
    return list(dict.fromkeys(found))


def _leak(finding: Finding) -> Leak:
    n = len(CELL)
    by = dict.fromkeys(tuple(cell[:n]) for cell in finding.by)
    return Leak(finding.what, tuple(finding.cell[:n]), tuple(by))


def _beside_the_ledger(
    published: pd.DataFrame, ledger: pd.DataFrame, release_no: int
) -> Iterator[Leak]:
    """Cells that the ledger does not know, and cells that should stand as they were and do not."""
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
        yield Leak("a cell that disclosure control has not seen", cell)
    standing = ~unknown & (both["written_release"] != release_no).to_numpy()
    for cell in _cells(both[standing & _differs(both)]):
        yield Leak("a cell that should stand as an earlier release had it", cell)


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
