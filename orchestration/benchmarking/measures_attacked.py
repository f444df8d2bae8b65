"""The attacker on the tables of measures: what their cells give away together.

Measures have more cells than linear programs over all of them could answer in a night, so they are
shown by rules that leave the joint question nothing to find (release/measures_protected.sql):
counts in classes whose ends are multiples of the most that a hidden count may be, means coded at
their ends, nothing hidden of a kind of strata, a family of shares or a kind of periods but enough
people together. Here that is tried out, site by site and family by family, on what goes out.

Left out are kinds of strata of a period of which nothing is shown: all that is said of them is
their total, which is a shown cell like any other. A sample of blocks is attacked with them. Which
of their cells are small nobody is told, nor of a kind of periods of which nothing is shown: a
reader learns it of hidden cells from the shown ones beside them, and here there are none. (Were he
told that all but one are large, or all are small, the number of clients in all would bound one of
them, whatever is shown of measures.)
"""

import numpy as np
import pandas as pd

from orchestration.benchmarking.disclosure_attack import attack
from orchestration.benchmarking.disclosure_solver import KnowledgeContradictory
from orchestration.benchmarking.disclosure_system import Places
from orchestration.benchmarking.measures_known import Believed, is_beside_shown, known_of


def leaking_cells(
    cells: pd.DataFrame,
    believed: Believed,
    *,
    n_blocks: int | None = None,
    n_whole: int | None = 0,
    seed: int = 0,
) -> list[int]:
    """Places in `cells` (CELLS) of those of which a hidden count or a client's score follows.

    `n_blocks` are drawn by `seed` (None: all), half of them of metrics whose periods add up, where
    there is most to find. `n_whole` of them (None: all) are attacked with the kinds of which
    nothing is shown. Where no true numbers at all agree with what is shown nobody knows what
    follows from it: then all that is hidden beside it is found.
    """
    found: list[int] = []
    block_no = cells["block_no"].to_numpy()
    order = np.argsort(block_no, kind="stable").astype(np.intp)
    starts = np.flatnonzero(np.diff(block_no[order])) + 1
    is_shown = cells["is_shown"].to_numpy(dtype=np.bool_)
    attacked = [
        places
        for places in np.split(order, starts)
        if 0 < np.count_nonzero(is_shown[places]) < places.size
    ]
    is_once = cells["is_once"].to_numpy(dtype=np.bool_)
    drawn = _drawn([bool(is_once[places[0]]) for places in attacked], n_blocks, seed)
    whole = set(drawn[:n_whole])
    for number in drawn:
        places = attacked[number]
        block = cells.iloc[places].reset_index(drop=True)
        kept = places
        if number not in whole:
            is_asked = is_beside_shown(block) | (block["kind_no"].to_numpy() == 0)
            block, kept = block[is_asked].reset_index(drop=True), places[is_asked]
        found += kept[np.unique(_leaks(block, believed))].tolist()
    return sorted(found)


def _drawn(is_once: list[bool], n_blocks: int | None, seed: int) -> list[int]:
    """Places of blocks in the order they are drawn."""
    order: list[int] = np.random.default_rng(seed).permutation(len(is_once)).tolist()
    if n_blocks is None or n_blocks >= len(order):
        return order
    adding = [number for number in order if is_once[number]][: n_blocks // 2]
    others = [number for number in order if not is_once[number]][: n_blocks - len(adding)]
    return sorted([*adding, *others], key=order.index)


def _leaks(block: pd.DataFrame, believed: Believed) -> Places:
    """Places in the block. What other tables say may be of another night, and is then left out."""
    shown = block["is_shown"].to_numpy(dtype=np.bool_)
    if shown.all() or not shown.any():
        return np.zeros(0, dtype=np.intp)
    try:
        system = known_of(block, believed)
        leaks = attack(system, ~shown, in_whole_numbers=False)
    except KnowledgeContradictory:
        if not block["known_least"].notna().any():
            return np.flatnonzero(~shown)
        return _leaks(block.assign(known_least=np.nan, known_most=np.nan), believed)
    return system.needs.item[leaks.needs]
