"""Linear and whole-number programs over a part of a system that no row ties to the rest.

Independent parts are solved in one call: their objectives add up, so each gets its own optimum, and
thousands of small programs cost no more than one large one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, eye_array, vstack

from orchestration.benchmarking.disclosure_system import ALWAYS, Places, System, blocks, tied_parts
from orchestration.measures.arrays import Bools, Floats

TOLERANCE = 1e-6
MULTIPLIER = 1e-9
_INFEASIBLE = 2
_MOST_UNKNOWNS = 3_000
"""Of one call; beyond it the simplex method slows down faster than calls get fewer."""


class KnowledgeContradictory(ValueError):
    """No numbers at all agree with what is said to be published."""


@dataclass(frozen=True)
class Program:
    """What is known while some items are hidden, in one of the two settings."""

    system: System
    hidden: Bools
    is_told: bool

    @cached_property
    def active(self) -> Places:
        """Rows that are known."""
        item = self.system.rows.item
        shown = np.append(~self.hidden, True)  # ALWAYS is the last place
        assert ALWAYS == -1
        return np.flatnonzero(shown[item])

    @cached_property
    def lower(self) -> Floats:
        """Lower ends of the unknowns."""
        system = self.system
        return np.maximum(system.lower, system.told_lower) if self.is_told else system.lower

    @cached_property
    def upper(self) -> Floats:
        """Upper ends of the unknowns."""
        system = self.system
        return np.minimum(system.upper, system.told_upper) if self.is_told else system.upper

    @cached_property
    def matrix(self) -> csr_array:
        """Coefficients of the known rows."""
        return csr_array(self.system.rows.matrix[self.active])

    @cached_property
    def parts(self) -> Places:
        """The independent part of each unknown; one that is known exactly ties nothing."""
        loose = csr_array(self.matrix[:, np.flatnonzero(~self.fixed)])
        wanted = csr_array(self.system.needs.matrix[:, np.flatnonzero(~self.fixed)])
        _, labels = tied_parts(csr_array(vstack([loose, wanted])))
        parts = np.full(self.system.n_unknowns, -1, dtype=np.intp)
        parts[~self.fixed] = labels
        return parts

    @cached_property
    def fixed(self) -> Bools:
        """Unknowns of which a single known row says the exact value."""
        rows = self.system.rows
        single = np.flatnonzero(np.diff(self.matrix.indptr) == 1)
        exact = single[rows.lower[self.active[single]] == rows.upper[self.active[single]]]
        found = self.lower == self.upper
        found[self.matrix.indices[self.matrix.indptr[exact]]] = True
        return np.asarray(found, dtype=np.bool_)

    @cached_property
    def part_of_need(self) -> Places:
        """The part that each need is about; -1 where all of it is known exactly."""
        needs = self.system.needs.matrix
        parts = np.full(needs.shape[0], -1, dtype=np.intp)
        row = np.repeat(np.arange(needs.shape[0]), np.diff(needs.indptr))
        np.maximum.at(parts, row, self.parts[needs.indices])
        return parts

    @cached_property
    def _part_rows(self) -> Places:
        """The part of each known row; -1 where it is about nothing unknown."""
        parts = np.full(self.active.size, -1, dtype=np.intp)
        row = np.repeat(np.arange(self.active.size), np.diff(self.matrix.indptr))
        np.maximum.at(parts, row, self.parts[self.matrix.indices])
        return parts

    def chunks(self, needs: Places) -> Iterator[tuple["Chunk", Places]]:
        """The parts these needs are about, some at a time, each time with its needs."""
        of_need = self.part_of_need[needs]
        wanted = np.unique(of_need[of_need >= 0])
        sizes = np.bincount(self.parts[self.parts >= 0], minlength=1)[wanted]
        group = np.cumsum(sizes) // _MOST_UNKNOWNS
        for number in np.unique(group):
            chosen = wanted[group == number]
            yield self._chunk(chosen), needs[np.isin(of_need, chosen)]
        alone = needs[of_need < 0]
        if alone.size:
            yield self._chunk(np.array([-1])), alone

    def around(self, unknown: int) -> "Chunk":
        """The part one unknown lies in; all of what is said of it where it is known exactly."""
        if self.parts[unknown] >= 0:
            return self._chunk(self.parts[[unknown]])
        rows = np.flatnonzero(np.diff(self.matrix.indptr) == 1)
        return Chunk(
            self,
            np.array([unknown]),
            rows[self.matrix.indices[self.matrix.indptr[rows]] == unknown],
        )

    def _chunk(self, parts: Places) -> "Chunk":
        rows = np.flatnonzero(np.isin(self._part_rows, parts))
        inside = np.flatnonzero(np.isin(self.parts, parts))
        columns = np.union1d(inside, np.unique(self.matrix[rows].indices))
        # Rows that say the values of the exactly known ones among them.
        known = np.zeros(self.system.n_unknowns, dtype=np.bool_)
        known[columns] = True
        single = np.diff(self.matrix.indptr) == 1
        first = self.matrix.indices[self.matrix.indptr[:-1][single]]
        also = np.flatnonzero(single)[known[first]]
        return Chunk(self, columns, np.union1d(rows, also))


@dataclass(frozen=True)
class Solved:
    """Values of the chunk's unknowns, what each need reached, and how much further it would reach
    if a row were not known (0: no further; infinite: no telling)."""

    values: Floats
    reached: Floats
    gains: Floats


@dataclass(frozen=True)
class Chunk:
    """Some independent parts: their unknowns and known rows."""

    program: Program
    columns: Places
    rows: Places

    @cached_property
    def _matrix(self) -> csr_array:
        return csr_array(self.program.matrix[self.rows][:, self.columns])

    @property
    def _row_lower(self) -> Floats:
        return self.program.system.rows.lower[self.program.active[self.rows]]

    @property
    def _row_upper(self) -> Floats:
        return self.program.system.rows.upper[self.program.active[self.rows]]

    @property
    def items(self) -> Places:
        """The item each row is known through."""
        return self.program.system.rows.item[self.program.active[self.rows]]

    def needs(self, needs: Places) -> csr_array:
        """The needs' coefficients over the chunk's unknowns."""
        return csr_array(self.program.system.needs.matrix[needs][:, self.columns])

    def push(self, needs: Places) -> Solved:
        """Bring all these needs as near to their values as their sum allows.

        With one need a part that is the nearest that can be. Raises KnowledgeContradictory.
        """
        n, n_needs = self.columns.size, needs.size
        lower, upper = self._row_lower, self._row_upper
        equal = np.flatnonzero(lower == upper)
        below = np.flatnonzero((upper < np.inf) & (lower != upper))
        above = np.flatnonzero((lower > -np.inf) & (lower != upper))
        pad = csr_array((below.size + above.size, n_needs))
        known = vstack([self._matrix[below], -self._matrix[above]])
        wanted = blocks([[known, pad], [-self.needs(needs), eye_array(n_needs)]])
        exact = blocks([[self._matrix[equal], csr_array((equal.size, n_needs))]])
        value = self.program.system.needs.value[needs]
        program = self.program
        solve: Any = linprog  # its types know no sparse matrix
        found = solve(
            np.concatenate([np.zeros(n), -np.ones(n_needs)]),
            A_ub=wanted,
            b_ub=np.concatenate([upper[below], -lower[above], np.zeros(n_needs)]),
            A_eq=exact if equal.size else None,
            b_eq=lower[equal] if equal.size else None,
            bounds=np.column_stack(
                [
                    np.concatenate([program.lower[self.columns], np.full(n_needs, -np.inf)]),
                    np.concatenate([program.upper[self.columns], value]),
                ]
            ),
            method="highs",
        )
        if found.x is None:
            raise KnowledgeContradictory(
                "no counts agree with what is published"
                if found.status == _INFEASIBLE
                else f"the attack could not be run: {found.message}"
            )
        n_below = below.size
        pulling, pushing = np.zeros(self.rows.size), np.zeros(self.rows.size)
        pulling[below] = -found.ineqlin.marginals[:n_below]
        pushing[above] = -found.ineqlin.marginals[n_below : n_below + above.size]
        if equal.size:
            pulling[equal] = np.maximum(-found.eqlin.marginals, 0.0)
            pushing[equal] = np.maximum(found.eqlin.marginals, 0.0)
        return Solved(found.x[:n], found.x[n:], self._gains(pulling, pushing))

    def _gains(self, pulling: Floats, pushing: Floats) -> Floats:
        """Multipliers of the rows' upper and lower ends, times what the ends would move by.

        A row about one unknown leaves it the range that is known anyway; any other leaves no end.
        """
        single = np.diff(self._matrix.indptr) == 1
        first = np.where(single, self._matrix.indptr[:-1], 0)
        at = self.columns[self._matrix.indices[first]]
        plain = single & (self._matrix.data[first] == 1.0)
        ends = np.where(plain & (self._row_upper < np.inf), self._row_upper, -np.inf)
        up = self.program.upper[at] - ends
        ends = np.where(plain & (self._row_lower > -np.inf), self._row_lower, np.inf)
        down = ends - self.program.lower[at]
        gains = np.zeros(self.rows.size)
        for multiplier, move in ((pulling, up), (pushing, down)):
            used = multiplier > MULTIPLIER
            gains[used] += multiplier[used] * np.maximum(move[used], 0.0)
        return gains

    def is_whole(self, values: Floats) -> Bools:
        """Parts' unknowns, one by one: whole where they must be."""
        wanted = self.program.system.is_whole[self.columns]
        return np.asarray(~wanted | (np.abs(values - np.rint(values)) < TOLERANCE), dtype=np.bool_)

    def whole_solution(self, coefficients: Floats, least: float, most: float) -> Floats | None:
        """Unknowns, counts whole, with `least <= coefficients @ x <= most`; None when none are."""
        program = self.program
        found = milp(
            np.zeros(self.columns.size),
            integrality=program.system.is_whole[self.columns].astype(np.int64),
            bounds=Bounds(program.lower[self.columns], program.upper[self.columns]),
            constraints=[
                LinearConstraint(self._matrix, self._row_lower, self._row_upper),
                LinearConstraint(csr_array(coefficients[np.newaxis, :]), least, most),
            ],
        )
        return None if found.x is None else np.asarray(found.x, dtype=np.float64)

    def extreme(self, coefficients: Floats) -> float | None:
        """Least value of `coefficients @ x`, counts whole; None when it has no end."""
        program = self.program
        found = milp(
            coefficients,
            integrality=program.system.is_whole[self.columns].astype(np.int64),
            bounds=Bounds(program.lower[self.columns], program.upper[self.columns]),
            constraints=[LinearConstraint(self._matrix, self._row_lower, self._row_upper)],
        )
        if found.x is None:
            if found.status == _INFEASIBLE:
                raise KnowledgeContradictory("no counts agree with what is published")
            return None
        return float(found.fun)
