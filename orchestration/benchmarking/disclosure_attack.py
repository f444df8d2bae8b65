"""The attacker: what can be worked out from everything that is shown.

By linear programming over the counts and sums that agree with what is published (Fischetti &
Salazar 2001, Management Science 47:1008-1026). A need that no such numbers meet is a leak, and the
rows with a multiplier above 0 prove it: as long as the items behind them stay shown, it leaks. How
much hiding one of them would loosen the proof follows from its multiplier, too.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array

from orchestration.benchmarking.disclosure_programs import Part, Program
from orchestration.benchmarking.disclosure_solver import (
    TOLERANCE,
    Solver,
    extreme,
    whole_solution,
)
from orchestration.benchmarking.disclosure_system import Places, System
from orchestration.measures.arrays import Bools, Floats

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
    needs = np.flatnonzero(wanted)
    found: list[Proof] = []
    if needs.size:
        for part in Program(system, hidden).parts(needs):
            found += _Attack(part, in_whole_numbers).leaks()
    found.sort(key=lambda proof: proof[0])
    if not found:
        return Leaks(np.zeros(0, dtype=np.intp), csr_array((0, system.n_items)))
    needs_found, items, shares = zip(*found, strict=True)
    starts = np.concatenate([[0], np.cumsum([part.size for part in items])])
    proofs = csr_array(
        (np.concatenate(shares), np.concatenate(items), starts), shape=(len(found), system.n_items)
    )
    return Leaks(np.array(needs_found, dtype=np.intp), proofs)


@dataclass
class _Attack:
    """On one part: in the setting in which he is told more first, as what he then finds possible is
    so in the other, too."""

    part: Part
    in_whole_numbers: bool
    open: Bools = field(init=False)
    told: Bools = field(init=False)
    found: list[Proof] = field(init=False, default_factory=list)

    def leaks(self) -> list[Proof]:
        """Each need that is not met, with the items that prove it."""
        part = self.part
        self.open = np.ones(part.needs.size, dtype=np.bool_)
        self.told = part.system.needs.is_told[part.needs]
        rising = part.wanted.times(np.ones(part.columns.size)) > 0
        solver = Solver(part)
        for is_told in (True, False):
            if not (self.open & (self.told == is_told)).any():
                continue
            solver.tell(is_told=is_told)
            # All up, then all down: what they do not meet is asked for one by one.
            for side in (rising, ~rising):
                together = np.flatnonzero(self.open & (self.told == is_told) & side)
                if together.size > 1:
                    self._close(solver.push(together.tolist()).values, is_told=is_told)
            for number in np.flatnonzero(self.told == is_told).tolist():
                if self.open[number]:
                    self._look(solver, number, is_told=is_told)
        return self.found

    def _look(self, solver: Solver, number: int, *, is_told: bool) -> None:
        """Settle one need, and others that the same numbers meet."""
        part = self.part
        values = solver.reach(number)
        if values is not None:
            self._close(values, is_told=is_told)
            if not self.open[number]:
                return
        solved = solver.push([number])
        lacking = float((part.value - part.wanted.times(solved.values))[number])
        self.open[number] = False
        if lacking > TOLERANCE:
            self.found.append(self._proof(number, solved.gains / lacking))
            return
        self._close(solved.values, is_told=is_told)
        if self.in_whole_numbers and not part.is_whole(solved.values, TOLERANCE):
            ends = slice(part.wanted.starts[number], part.wanted.starts[number + 1])
            coefficients = np.zeros(part.columns.size)
            coefficients[part.wanted.column[ends]] = part.wanted.value[ends]
            least = float(part.value[number]) - TOLERANCE
            values = whole_solution(part, coefficients, least, np.inf, is_told=is_told)
            if values is None:
                self.found.append(self._proof(number, np.ones(part.rows.size)))
            else:
                self._close(values, is_told=is_told)

    def _close(self, values: Floats, *, is_told: bool) -> None:
        """Needs met at these values; what is possible for one who is told more is so for others."""
        if self.in_whole_numbers and not self.part.is_whole(values, TOLERANCE):
            return
        met = self.part.wanted.times(values) >= self.part.value - TOLERANCE
        self.open &= ~(met if is_told else met & ~self.told)

    def _proof(self, number: int, shares: Floats) -> Proof:
        items = self.part.items
        used = (shares > 0) & (items >= 0)
        own, place = np.unique(items[used], return_inverse=True)
        summed = np.zeros(own.size)
        np.add.at(summed, place, np.minimum(shares[used], 1.0))
        return int(self.part.needs[number]), own, np.minimum(summed, 1.0)


@dataclass(frozen=True)
class Limits:
    """What can be said of unknowns; NaN where there is no end."""

    lower: Floats
    upper: Floats


def limits(system: System, hidden: Bools, unknowns: Places, *, is_told: bool = False) -> Limits:
    """Least and greatest value of each of these unknowns, counts being whole numbers."""
    program = Program(system, hidden, unknowns)
    ends = np.full((2, unknowns.size), np.nan)
    for at, unknown in enumerate(unknowns.tolist()):
        part = program.around(unknown)
        for side, sign in enumerate((1.0, -1.0)):
            coefficients = np.where(part.columns == unknown, sign, 0.0)
            end = extreme(part, coefficients, is_told=is_told)
            if end is not None:
                ends[side, at] = sign * np.rint(end) if system.is_whole[unknown] else sign * end
    return Limits(ends[0], ends[1])


def is_possible(
    system: System, hidden: Bools, unknown: int, value: float, *, is_told: bool = False
) -> bool:
    """Whether whole counts agree with what is shown and give `unknown` this very value."""
    part = Program(system, hidden, np.array([unknown])).around(unknown)
    coefficients = np.where(part.columns == unknown, 1.0, 0.0)
    return whole_solution(part, coefficients, value, value, is_told=is_told) is not None
