"""Complementary suppression: hide as little more as leaves the attacker without a leak.

Each proof of a leak is a set of shown items of which some must be hidden. The least loss
that meets all proofs so far is a small set-covering program; the attacker then looks for further
proofs, until there is none: the cutting planes of Fischetti & Salazar 2001, Management Science
47:1008-1026, with their bridge inequalities. The answer is the best there is, or within a hundredth
of it. Where it takes too long, items are hidden proof by proof and stay hidden: safe all the same,
and `least_loss` says how far from the best it can be at most.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array, vstack

from orchestration.benchmarking.disclosure_attack import attack
from orchestration.benchmarking.disclosure_programs import Entries
from orchestration.benchmarking.disclosure_solver import Bounded, least_whole
from orchestration.benchmarking.disclosure_system import (
    ALWAYS,
    Places,
    RowSet,
    System,
    blocks,
    tied_parts,
)
from orchestration.measures.arrays import Bools, Floats

ROUNDS = 30
"""Of looking for the best; after them a part still leaking is protected proof by proof."""
_NODES = 500
"""Of the search tree of one covering program: a limit in seconds would give other results
elsewhere."""
_NEAR = 0.01
"""A choice this close to the best is good enough to go on with: proving the rest takes minutes."""
_GAP = 1e-6
_SLACK = 1e-7


@dataclass(frozen=True)
class Suppression:
    """What is hidden, and what that costs.

    `loss` is the weight of what was hidden for other items' sake; `least_loss` is below that of any
    safe choice. `exposed` are needs that nothing still to be decided can meet: what was published
    before gives them away, with the items of `exposing`.
    """

    hidden: Bools
    loss: float
    least_loss: float
    n_rounds: int
    exposed: Places
    exposing: tuple[Places, ...]


@dataclass
class _Search:
    system: System
    hidden: Bools
    gap: Floats
    """How far a part's choice may be from its best, at the part's first item."""
    bridges: csr_array
    proofs: list[csr_array] = field(default_factory=list)
    exposed: list[int] = field(default_factory=list)
    exposing: list[Places] = field(default_factory=list)
    least_loss: float = 0.0

    @property
    def free(self) -> Bools:
        """Items that may still be hidden for others' sake."""
        return ~self.system.must_hide & ~self.system.is_standing


def suppress(system: System, rounds: int = ROUNDS, *, in_whole_numbers: bool = True) -> Suppression:
    """Items to hide so that every need is met, those of `must_hide` among them.

    `in_whole_numbers` as in attack. Raises KnowledgeContradictory when the published numbers
    contradict each other.
    """
    search = _Search(system, system.must_hide.copy(), np.zeros(system.n_items), _bridges(system))
    _, _, part_of_item, part_of_need = coarse_parts(system)
    only = np.ones(part_of_need.size, dtype=np.bool_)
    n_rounds = 0
    while only.any():
        n_rounds += 1
        new, unmet = _new_proofs(search, only, in_whole_numbers)
        before = search.hidden.copy()
        if new.shape[0]:
            search.proofs.append(new)
            if n_rounds > 2 * rounds:
                search.hidden[new.indices] = True
            elif n_rounds > rounds:
                _hide_cheapest(search, new)
            else:
                _cover(search, new)
        # What was met stays met while more is hidden; where something is shown again, all is open.
        again = np.isin(part_of_need, part_of_item[before & ~search.hidden])
        only = again
        only[unmet] = True
        only[search.exposed] = False
    complementary = search.hidden & ~system.must_hide
    return Suppression(
        search.hidden,
        float(system.weight[complementary].sum()),
        search.least_loss,
        n_rounds,
        np.array(search.exposed, dtype=np.intp),
        tuple(search.exposing),
    )


def coarse_parts(system: System) -> tuple[Places, Places, Places, Places]:
    """Parts that stay apart whatever is hidden: one number for each unknown, row, item and need."""
    rows, needs = system.rows, system.needs
    n, m = rows.matrix.shape[0], needs.matrix.shape[0]
    known = np.flatnonzero(rows.item >= 0)
    by_item = csr_array((np.ones(known.size), (known, rows.item[known])), shape=(n, system.n_items))
    corner = abs(vstack([rows.matrix, needs.matrix]))
    protected = np.flatnonzero(needs.item >= 0)
    by_need = csr_array(
        (np.ones(protected.size), (protected, needs.item[protected])), shape=(m, system.n_items)
    )
    of_row, of_column = tied_parts(blocks([[corner, vstack([by_item, by_need])]]))
    cut = system.n_unknowns
    return of_column[:cut], of_row[:n], of_column[cut:], of_row[n:]


def _new_proofs(search: _Search, only: Bools, in_whole_numbers: bool) -> tuple[csr_array, Places]:
    """Proofs of what leaks now, over the items that may be hidden, and the needs that are not met.

    Needs that nothing can meet are noted as exposed."""
    leaks = attack(search.system, search.hidden, only, in_whole_numbers=in_whole_numbers)
    free = csr_array(leaks.proofs.multiply(search.free[np.newaxis, :].astype(np.float64)))
    free.eliminate_zeros()
    free.sort_indices()
    strength = np.asarray(free.sum(axis=1)).ravel()
    lost = np.flatnonzero(strength < 1.0 - _GAP)
    search.exposed += leaks.needs[lost].tolist()
    search.exposing += [leaks.proof(int(number)) for number in lost]
    # Different needs often have the same proof.
    seen: dict[bytes, int] = {}
    for number in np.flatnonzero(strength >= 1.0 - _GAP).tolist():
        ends = slice(free.indptr[number], free.indptr[number + 1])
        key = free.indices[ends].tobytes() + np.round(free.data[ends], 6).tobytes()
        seen.setdefault(key, number)
    return csr_array(free[np.array(list(seen.values()), dtype=np.intp)]), leaks.needs


def _bridges(system: System) -> csr_array:
    """An item that is all that is hidden of an exact sum is not hidden: others >= itself.

    One row an item of a sum: items' coefficients, at least 0 when 1 stands for hidden. Only sums of
    which every part has a known exact value while it is shown say that.
    """
    rows = system.rows
    single = (np.diff(rows.matrix.indptr) == 1) & (rows.item >= 0) & (rows.lower == rows.upper)
    item_of = np.full(system.n_unknowns, ALWAYS, dtype=np.intp)
    item_of[rows.matrix.indices[rows.matrix.indptr[:-1][single]]] = rows.item[single]
    known = system.lower == system.upper
    sums = np.flatnonzero(
        (rows.item == ALWAYS) & (rows.lower == rows.upper) & (np.diff(rows.matrix.indptr) > 1)
    )
    found = RowSet()
    for row in sums.tolist():
        parts = rows.matrix.indices[rows.matrix.indptr[row] : rows.matrix.indptr[row + 1]]
        items = item_of[parts[~known[parts]]]
        if (items >= 0).all() and np.unique(items).size == items.size:
            n = items.size
            each, other = np.repeat(np.arange(n), n), np.tile(items, n)
            sign = np.where(other == items[each], -1.0, 1.0)
            found.add([(each, other, sign)], np.zeros(n), np.full(n, np.inf))
    return found.matrix(system.n_items)


def _cover(search: _Search, new: csr_array) -> None:
    """Choose anew, in every part that a new proof belongs to, what to hide at least loss."""
    proofs = vstack([*search.proofs, search.bridges]).tocsr()
    least = np.zeros(proofs.shape[0])
    least[: proofs.shape[0] - search.bridges.shape[0]] = 1.0
    of_row, of_item = tied_parts(csr_array(proofs))
    for part in np.unique(of_item[new.indices]).tolist():
        items = np.flatnonzero(of_item == part)
        rows = np.flatnonzero(of_row == part)
        chosen, bound = _least_cover(search, items, csr_array(proofs[rows][:, items]), least[rows])
        search.hidden[items] = chosen
        complementary = items[chosen & search.free[items]]
        search.gap[items] = 0.0
        search.gap[items[0]] = float(search.system.weight[complementary].sum()) - bound
    complementary = np.flatnonzero(search.hidden & search.free)
    loss = float(search.system.weight[complementary].sum())
    search.least_loss = loss - float(search.gap.sum())


def _least_cover(
    search: _Search, items: Places, proofs: csr_array, least: Floats
) -> tuple[Bools, float]:
    """Items of least weight that answer all proofs; and a bound that no such choice is below."""
    system = search.system
    must, may = system.must_hide[items], ~system.is_standing[items]
    weight = np.where(must, 0.0, system.weight[items])
    bounded = Bounded(
        Entries(proofs.indptr.astype(np.intp), proofs.indices.astype(np.intp), proofs.data),
        least - _SLACK,
        np.full(least.size, np.inf),
        must.astype(np.float64),
        (must | may).astype(np.float64),
    )
    chosen, bound = least_whole(bounded, weight, max_nodes=_NODES, near=_NEAR)
    if chosen is None:  # none found in time: all of them together are one
        return np.asarray(must | may), 0.0
    return np.asarray(chosen > 0.5, dtype=np.bool_), bound


def _hide_cheapest(search: _Search, new: csr_array) -> None:
    """Hide the cheapest items that answer each new proof, for good."""
    weight = search.system.weight
    for number in range(new.shape[0]):
        ends = slice(new.indptr[number], new.indptr[number + 1])
        items, shares = new.indices[ends], new.data[ends]
        order = np.argsort(weight[items] / shares, kind="stable")
        answered = shares @ search.hidden[items].astype(np.float64)
        for at in order.tolist():
            if answered >= 1.0 - _GAP:
                break
            if not search.hidden[items[at]]:
                search.hidden[items[at]] = True
                answered += shares[at]
