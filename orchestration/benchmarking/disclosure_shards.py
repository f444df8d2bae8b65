"""Suppression and attack block by block, over several processes.

What no row, need or item ties together stays apart whatever is hidden. Blocks are dealt out in
shards of equal size and in one order, so that the number of processes changes no result.
"""

from collections.abc import Callable, Iterator, MutableSet
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from multiprocessing import get_context
from typing import TypeVar

import numpy as np
from scipy.sparse import csr_array, vstack

from orchestration.benchmarking.disclosure_attack import Leaks, attack
from orchestration.benchmarking.disclosure_suppression import Suppression, coarse_parts, suppress
from orchestration.benchmarking.disclosure_system import ALWAYS, Needs, Places, Rows, System
from orchestration.measures.arrays import Bools

_UNKNOWNS = 4_000
"""Of a shard, about: some tenths of a second to some seconds of work."""
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Shard:
    """Some blocks of a system, and where their items and needs stand in it."""

    system: System
    items: Places
    needs: Places


@dataclass(frozen=True)
class Shards:
    """A system in the order of its blocks."""

    system: System
    unknown: Places
    row: Places
    item: Places
    need: Places
    ends: tuple[Places, Places, Places, Places]
    """Where each block's unknowns, rows, items and needs begin, and where the last ones end."""

    @classmethod
    def of(cls, system: System) -> "Shards":
        """Of a system in any order."""
        parts = coarse_parts(system)
        n_parts = 1 + max((int(part.max(initial=-1)) for part in parts), default=-1)
        unknown, row, item, need = (np.argsort(part, kind="stable") for part in parts)
        ends = [np.searchsorted(np.sort(part), np.arange(n_parts + 1)) for part in parts]
        rows, needs = system.rows, system.needs
        new_item = np.append(np.argsort(item), ALWAYS)  # ALWAYS, -1, is the last place
        ordered = System(
            lower=system.lower[unknown],
            upper=system.upper[unknown],
            told_lower=system.told_lower[unknown],
            told_upper=system.told_upper[unknown],
            is_whole=system.is_whole[unknown],
            rows=Rows(
                csr_array(rows.matrix[row][:, unknown]),
                rows.lower[row],
                rows.upper[row],
                new_item[rows.item[row]],
            ),
            needs=Needs(
                csr_array(needs.matrix[need][:, unknown]),
                needs.value[need],
                new_item[needs.item[need]],
                needs.is_told[need],
            ),
            weight=system.weight[item],
            must_hide=system.must_hide[item],
            is_standing=system.is_standing[item],
        )
        return cls(ordered, unknown, row, item, need, (ends[0], ends[1], ends[2], ends[3]))

    def between(self, first: int, last: int) -> Shard:
        """The blocks from `first` to below `last`."""
        columns, rows, items, needs = (slice(end[first], end[last]) for end in self.ends)
        system = self.system
        item = system.rows.item[rows]
        own = System(
            lower=system.lower[columns],
            upper=system.upper[columns],
            told_lower=system.told_lower[columns],
            told_upper=system.told_upper[columns],
            is_whole=system.is_whole[columns],
            rows=Rows(
                _block(system.rows.matrix, rows, columns),
                system.rows.lower[rows],
                system.rows.upper[rows],
                np.where(item == ALWAYS, ALWAYS, item - items.start),
            ),
            needs=Needs(
                _block(system.needs.matrix, needs, columns),
                system.needs.value[needs],
                np.where(
                    system.needs.item[needs] == ALWAYS,
                    ALWAYS,
                    system.needs.item[needs] - items.start,
                ),
                system.needs.is_told[needs],
            ),
            weight=system.weight[items],
            must_hide=system.must_hide[items],
            is_standing=system.is_standing[items],
        )
        return Shard(own, self.item[items], self.need[needs])

    def each(self, chosen: Places) -> Iterator[Shard]:
        """These blocks (in order), some that stand side by side at a time."""
        sizes = np.diff(self.ends[0])[chosen]
        group = np.cumsum(sizes) // _UNKNOWNS
        cut = np.flatnonzero((np.diff(chosen) != 1) | (np.diff(group) != 0)) + 1
        for run in np.split(chosen, cut):
            if run.size:
                yield self.between(int(run[0]), int(run[-1]) + 1)


def suppress_all(system: System, *, in_whole_numbers: bool, n_processes: int) -> Suppression:
    """As suppress, which see. Blocks of which nothing is left to decide stay as they are."""
    hidden = system.must_hide.copy()
    loss = least = 0.0
    n_rounds = 0
    exposed: list[Places] = []
    exposing: list[Places] = []
    shards = Shards.of(system)
    is_open = (~shards.system.is_standing).astype(np.intp)
    n_open = np.diff(np.concatenate([[0], np.cumsum(is_open)])[shards.ends[2]])
    work = partial(_suppressed, in_whole_numbers=in_whole_numbers)
    chosen = list(shards.each(np.flatnonzero(n_open)))
    for shard, found in zip(chosen, _mapped(work, chosen, n_processes), strict=True):
        hidden[shard.items] = found.hidden
        loss, least = loss + found.loss, least + found.least_loss
        n_rounds = max(n_rounds, found.n_rounds)
        exposed.append(shard.needs[found.exposed])
        exposing += [shard.items[items] for items in found.exposing]
    return Suppression(
        hidden,
        loss,
        least,
        n_rounds,
        np.concatenate(exposed) if exposed else np.zeros(0, dtype=np.intp),
        tuple(exposing),
    )


def attack_all(
    system: System,
    hidden: Bools,
    *,
    in_whole_numbers: bool,
    n_processes: int,
    held: MutableSet[str] | None = None,
) -> Leaks:
    """As attack, which see. Blocks whose digest is in `held` held before: they are not attacked
    again. The digests of those that hold are added."""
    shards = Shards.of(system)
    every = np.flatnonzero(np.diff(shards.ends[3]))
    digests: dict[int, str] = {}
    if held is not None:
        for block in every.tolist():
            digests[block] = _digest(shards.between(block, block + 1), hidden, in_whole_numbers)
        every = every[[digests[block] not in held for block in every.tolist()]]
    chosen = list(shards.each(every))
    jobs = [(shard.system, hidden[shard.items]) for shard in chosen]
    work = partial(_attacked, in_whole_numbers=in_whole_numbers)
    needs: list[Places] = []
    proofs: list[csr_array] = []
    for shard, found in zip(chosen, _mapped(work, jobs, n_processes), strict=True):
        if found.needs.size:
            needs.append(shard.needs[found.needs])
            entry = found.proofs
            proofs.append(
                csr_array(
                    (entry.data, shard.items[entry.indices], entry.indptr),
                    shape=(found.needs.size, system.n_items),
                )
            )
    leaking = np.concatenate(needs) if needs else np.zeros(0, dtype=np.intp)
    if held is not None:
        place = np.argsort(shards.need)[leaking]
        leaky = set((np.searchsorted(shards.ends[3], place, side="right") - 1).tolist())
        held |= {digests[block] for block in every.tolist() if block not in leaky}
    if not proofs:
        return Leaks(leaking, csr_array((0, system.n_items)))
    order = np.argsort(leaking, kind="stable")
    return Leaks(leaking[order], csr_array(csr_array(vstack(proofs))[order]))


def _suppressed(shard: Shard, *, in_whole_numbers: bool) -> Suppression:
    return suppress(shard.system, in_whole_numbers=in_whole_numbers)


def _attacked(job: tuple[System, Bools], *, in_whole_numbers: bool) -> Leaks:
    return attack(*job, in_whole_numbers=in_whole_numbers)


_Job = TypeVar("_Job")


def _mapped(
    work: Callable[[_Job], _Result], jobs: list[_Job], n_processes: int
) -> Iterator[_Result]:
    """Results in the jobs' order. Processes of their own start anew: nothing of this one, whose
    threads may hold locks, is in them."""
    if n_processes == 1 or len(jobs) < 2:
        yield from map(work, jobs)
        return
    with ProcessPoolExecutor(n_processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, jobs)


def _digest(shard: Shard, hidden: Bools, in_whole_numbers: bool) -> str:
    """Equal where the attack would be the same, number by number."""
    system = shard.system
    rows, needs = system.rows, system.needs
    found = blake2b(digest_size=16)
    for array in (
        system.lower,
        system.upper,
        system.told_lower,
        system.told_upper,
        system.is_whole,
        *(rows.matrix.indptr, rows.matrix.indices, rows.matrix.data),
        *(rows.lower, rows.upper, rows.item),
        *(needs.matrix.indptr, needs.matrix.indices, needs.matrix.data),
        *(needs.value, needs.is_told),
        hidden[shard.items],
        np.array([in_whole_numbers]),
    ):
        found.update(str(array.size).encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _block(matrix: csr_array, rows: slice, columns: slice) -> csr_array:
    """A block of a matrix that has nothing beside its blocks."""
    starts = matrix.indptr[rows.start : rows.stop + 1]
    entries = slice(starts[0], starts[-1])
    return csr_array(
        (
            matrix.data[entries],
            matrix.indices[entries] - columns.start,
            starts - starts[0],
        ),
        shape=(rows.stop - rows.start, columns.stop - columns.start),
    )
