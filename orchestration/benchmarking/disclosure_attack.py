"""The attacker: what can be worked out from everything that is shown.

By linear programming over the counts and sums that agree with what is published (Fischetti &
Salazar 2001, Management Science 47:1008-1026). A need that no such numbers meet is a leak, and the
rows with a multiplier above 0 prove it: as long as the items behind them stay shown, it leaks. How
much hiding one of them would loosen the proof follows from its multiplier, too.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from orchestration.benchmarking.disclosure_programs import TOLERANCE, Chunk, Program
from orchestration.benchmarking.disclosure_system import Places, System
from orchestration.measures.arrays import Bools, Floats

_STRIDES = (1, 2, 4)
"""Every need is pushed at once, then every second, then every fourth of those still open."""

Proof = tuple[int, Places, Floats]
"""A need, the shown items that prove that it is not met, and the share of the proof each holds."""


@dataclass(frozen=True)
class Leaks:
    """Needs that are not met, and for each the shown items that prove it (`proofs`: by items).

    An entry is above 0 and at most 1: the need stays unmet at least until hidden items' entries
    add up to 1.
    """

    needs: Places
    proofs: csr_array

    def proof(self, number: int) -> Places:
        """Items that give away `needs[number]`."""
        ends = slice(self.proofs.indptr[number], self.proofs.indptr[number + 1])
        return np.asarray(self.proofs.indices[ends], dtype=np.intp)


def attack(
    system: System, hidden: Bools, only: Bools | None = None, *, in_whole_numbers: bool = True
) -> Leaks:
    """Every need that what is shown makes impossible.

    `only` marks the needs to look at; default all. `in_whole_numbers` looks, where only fractions
    meet a need, whether whole counts do: slow in large parts, and next to never so where counts are
    rounded. Raises KnowledgeContradictory when nothing
    agrees with what is shown: then the published numbers are wrong.
    """
    wanted = np.ones(system.needs.value.size, dtype=np.bool_) if only is None else only
    found: list[Proof] = []
    for is_told in (False, True):
        needs = np.flatnonzero(wanted & (system.needs.is_told == is_told))
        if needs.size:
            found += _Setting(Program(system, hidden, is_told), in_whole_numbers).leaks(needs)
    found.sort(key=lambda proof: proof[0])
    if not found:
        return Leaks(np.zeros(0, dtype=np.intp), csr_array((0, system.n_items)))
    needs_found, items, shares = zip(*found, strict=True)
    starts = np.concatenate([[0], np.cumsum([part.size for part in items])])
    proofs = csr_array(
        (np.concatenate(shares), np.concatenate(items), starts), shape=(len(found), system.n_items)
    )
    return Leaks(np.array(needs_found, dtype=np.intp), proofs)


@dataclass(frozen=True)
class _Setting:
    program: Program
    in_whole_numbers: bool

    def leaks(self, needs: Places) -> list[Proof]:
        """Each need that is not met, with the items that prove it."""
        left = [self._after_common_pushes(*chunk) for chunk in self.program.chunks(needs)]
        open_needs = np.concatenate(left) if left else needs[:0]
        found: list[Proof] = []
        while open_needs.size:
            # One a part, so that each gets the best that can be; parts done with are left out.
            part = self.program.part_of_need[open_needs]
            _, first = np.unique(part, return_index=True)
            tried = open_needs[first if (part >= 0).all() else slice(1)]
            open_needs = open_needs[~np.isin(open_needs, tried)]
            for chunk, of_chunk in self.program.chunks(tried):
                proofs, open_needs = self._one_a_part(chunk, of_chunk, open_needs)
                found += proofs
        return found

    def _one_a_part(
        self, chunk: Chunk, tried: Places, open_needs: Places
    ) -> tuple[list[Proof], Places]:
        """Proofs of those of the tried needs that are not met; and what stays open of the rest."""
        solved = chunk.push(tried)
        short = self.program.system.needs.value[tried] - solved.reached
        found = [
            self._proof(chunk, need, solved.gains / lacking)
            for need, lacking in zip(tried.tolist(), short.tolist(), strict=True)
            if lacking > TOLERANCE
        ]
        reached = tried[short <= TOLERANCE]
        unsettled = reached[~self._met(chunk, reached, solved.values)]
        own = np.isin(self.program.part_of_need[open_needs], self.program.part_of_need[tried])
        beside = open_needs[own]
        beside = beside[~self._met(chunk, beside, solved.values)]
        for need in unsettled.tolist():
            proof, met_too = self._in_whole_numbers(need, beside)
            found += proof
            beside = beside[~np.isin(beside, met_too)]
        return found, np.concatenate([open_needs[~own], beside])

    def _after_common_pushes(self, chunk: Chunk, needs: Places) -> Places:
        """Needs still open after pushing many at once, then fewer and fewer.

        All up and all down apart, and neighbours apart: most of these are in no one's way.
        """
        rising = np.asarray(self.program.system.needs.matrix[needs].sum(axis=1)).ravel() > 0
        found = []
        for left in (needs[rising], needs[~rising]):
            for stride in _STRIDES:
                for start in range(stride if left.size > stride else 0):
                    together = left[start::stride]
                    if together.size:
                        left = left[~self._met(chunk, left, chunk.push(together).values)]
            found.append(left)
        return np.concatenate(found)

    def _met(self, chunk: Chunk, needs: Places, values: Floats) -> Bools:
        """Needs met at these values, in parts where all counts are whole."""
        system = self.program.system
        reached = chunk.needs(needs) @ values >= system.needs.value[needs] - TOLERANCE
        if not self.in_whole_numbers:
            return np.asarray(reached, dtype=np.bool_)
        broken = np.unique(self.program.parts[chunk.columns[~chunk.is_whole(values)]])
        return np.asarray(
            reached & ~np.isin(self.program.part_of_need[needs], broken), dtype=np.bool_
        )

    def _proof(self, chunk: Chunk, need: int, shares: Floats) -> Proof:
        """The items of the chunk's rows that bear on the need's part, with their shares."""
        program = self.program
        part = program.part_of_need[need]
        matrix = program.matrix[chunk.rows][:, chunk.columns]
        inside = program.parts[chunk.columns] == part
        # Unknowns of the part, and those known exactly that stand in a row with them.
        beside = np.zeros(chunk.columns.size, dtype=np.bool_)
        touching = np.diff(csr_array(matrix[:, np.flatnonzero(inside)]).indptr) > 0
        beside[csr_array(matrix[np.flatnonzero(touching)]).indices] = True
        bearing = np.diff(csr_array(matrix[:, np.flatnonzero(inside | beside)]).indptr) > 0
        used = bearing & (shares > 0) & (chunk.items >= 0)
        items, place = np.unique(chunk.items[used], return_inverse=True)
        summed = np.zeros(items.size)
        np.add.at(summed, place, np.minimum(shares[used], 1.0))
        return need, items, np.minimum(summed, 1.0)

    def _in_whole_numbers(self, need: int, others: Places) -> tuple[list[Proof], Places]:
        """A need that fractions meet: a proof where whole counts do not, else others met too."""
        part = self.program.part_of_need[need]
        (own, _), *_ = self.program.chunks(np.array([need]))
        coefficients = own.needs(np.array([need])).toarray()[0]
        value = float(self.program.system.needs.value[need])
        values = own.whole_solution(coefficients, value - TOLERANCE, np.inf)
        if values is None:
            return [self._proof(own, need, np.ones(own.rows.size))], others[:0]
        beside = others[self.program.part_of_need[others] == part]
        return [], beside[self._met(own, beside, values)]


@dataclass(frozen=True)
class Limits:
    """What can be said of unknowns; NaN where there is no end."""

    lower: Floats
    upper: Floats


def limits(system: System, hidden: Bools, unknowns: Places, *, is_told: bool = False) -> Limits:
    """Least and greatest value of each of these unknowns, counts being whole numbers."""
    program = Program(system, hidden, is_told)
    ends = np.full((2, unknowns.size), np.nan)
    for at, unknown in enumerate(unknowns.tolist()):
        chunk = program.around(unknown)
        for side, sign in enumerate((1.0, -1.0)):
            coefficients = np.where(chunk.columns == unknown, sign, 0.0)
            end = chunk.extreme(coefficients)
            if end is not None:
                ends[side, at] = sign * np.rint(end) if system.is_whole[unknown] else sign * end
    return Limits(ends[0], ends[1])


def is_possible(
    system: System, hidden: Bools, unknown: int, value: float, *, is_told: bool = False
) -> bool:
    """Whether whole counts agree with what is shown and give `unknown` this very value."""
    chunk = Program(system, hidden, is_told).around(unknown)
    coefficients = np.where(chunk.columns == unknown, 1.0, 0.0)
    return chunk.whole_solution(coefficients, value, value) is not None
