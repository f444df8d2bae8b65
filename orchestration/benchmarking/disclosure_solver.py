"""One part as a linear program that stays in the solver: each question starts where the last ended.

HiGHS through its own binding: a release asks some hundred thousand questions of small programs, and
to build the program for each takes a hundred times as long as to answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import highspy
import numpy as np

from orchestration.benchmarking.disclosure_programs import Entries, Part
from orchestration.benchmarking.disclosure_system import Places
from orchestration.measures.arrays import Bools, Floats

TOLERANCE = 1e-6
MULTIPLIER = 1e-9
_PRIMAL_OR_DUAL = 1
"""The simplex method that the last basis suits."""
_ENDED = (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kUnbounded)
_FEASIBLE = int(highspy.SolutionStatus.kSolutionStatusFeasible)
_WHOLE, _ANY = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous


class KnowledgeContradictory(ValueError):
    """No numbers at all agree with what is said to be published."""


@dataclass(frozen=True)
class Bounded:
    """Rows and columns with their ends: what a solver is given."""

    matrix: Entries
    row_lower: Floats
    row_upper: Floats
    lower: Floats
    upper: Floats

    def loaded(self, cost: Floats, is_whole: Bools | None = None, **options: Any) -> Any:
        """A silent solver that holds this, to be minimised."""
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = self.lower.size, self.row_lower.size
        program.col_cost_ = cost
        program.col_lower_, program.col_upper_ = self.lower, self.upper
        program.row_lower_, program.row_upper_ = self.row_lower, self.row_upper
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_ = self.matrix.starts.astype(np.int32)
        program.a_matrix_.index_ = self.matrix.column.astype(np.int32)
        program.a_matrix_.value_ = self.matrix.value
        if is_whole is not None:
            program.integrality_ = [_WHOLE if whole else _ANY for whole in is_whole.tolist()]
        solver: Any = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("threads", 1)
        for name, value in options.items():
            solver.setOptionValue(name, value)
        solver.passModel(program)
        return solver


@dataclass(frozen=True)
class Solved:
    """Values of the part's unknowns, and of each row how much further the need would reach if it
    were not known (0: no further; infinite: no telling)."""

    values: Floats
    gains: Floats


@dataclass
class Solver:
    """A part in the solver, in one of the two settings at a time."""

    part: Part
    n_solved: int = 0
    _solver: Any = field(init=False)
    _is_told: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        self._set_ends()
        bounded = Bounded(
            _below(self.part.matrix, self._extra),
            np.concatenate([self.part.row_lower, np.full(self._many.size, -np.inf)]),
            np.concatenate([self.part.row_upper, np.full(self._many.size, np.inf)]),
            self._lower,
            self._upper,
        )
        self._solver = bounded.loaded(
            np.zeros(self._lower.size), presolve="off", simplex_strategy=_PRIMAL_OR_DUAL
        )

    @property
    def _many(self) -> Places:
        """Needs about several unknowns: each has a row of its own, to end the search where the need
        is met. Needs about one unknown end at the unknown's own bound."""
        return np.flatnonzero(np.diff(self.part.wanted.starts) != 1)

    @property
    def _extra(self) -> Entries:
        wanted, many = self.part.wanted, self._many
        lengths = np.diff(wanted.starts)
        kept = np.repeat(lengths != 1, lengths)
        starts = np.concatenate([[0], np.cumsum(lengths[many])])
        return Entries(starts, wanted.column[kept], wanted.value[kept])

    def _set_ends(self) -> None:
        self._lower = self.part.lower(is_told=self._is_told)
        self._upper = self.part.upper(is_told=self._is_told)

    def tell(self, *, is_told: bool) -> None:
        """Go over to one of the two settings."""
        if is_told == self._is_told:
            return
        self._is_told = is_told
        self._set_ends()
        every = np.arange(self._lower.size, dtype=np.int32)
        self._solver.changeColsBounds(every.size, every, self._lower, self._upper)

    def reach(self, number: int) -> Floats | None:
        """Values that meet one need, near the last ones; None where none were found.

        Only an end is moved, so that the dual simplex method needs a few steps where `push` needs
        many; but what stands in the way it does not say.
        """
        solver, wanted, value = self._solver, self.part.wanted, float(self.part.value[number])
        start = wanted.starts[number]
        row = column = -1
        if wanted.starts[number + 1] == start + 1:
            column, end = int(wanted.column[start]), value / float(wanted.value[start])
            low, high = float(self._lower[column]), float(self._upper[column])
            is_up = wanted.value[start] > 0
            if (end > high) if is_up else (end < low):
                return None
            solver.changeColBounds(
                column, max(low, end) if is_up else low, high if is_up else min(high, end)
            )
        else:
            row = self.part.rows.size + int(np.searchsorted(self._many, number))
            solver.changeRowBounds(row, value, np.inf)
        solver.run()
        found = None
        if solver.getModelStatus() == highspy.HighsModelStatus.kOptimal:
            found = np.asarray(solver.getSolution().col_value, dtype=np.float64)
        if column >= 0:
            solver.changeColBounds(column, low, high)
        else:
            solver.changeRowBounds(row, -np.inf, np.inf)
        return found

    def push(self, numbers: Sequence[int]) -> Solved:
        """Bring these needs (places in the part's) as near to their values as their sum allows.

        Raises KnowledgeContradictory where no values at all are allowed.
        """
        solver, wanted, value = self._solver, self.part.wanted, self.part.value
        cost: dict[int, float] = {}
        low: dict[int, float] = {}
        high: dict[int, float] = {}
        ended: list[int] = []
        for number in numbers:
            ends = slice(wanted.starts[number], wanted.starts[number + 1])
            columns, factors = wanted.column[ends].tolist(), wanted.value[ends].tolist()
            for column, factor in zip(columns, factors, strict=True):
                cost[column] = cost.get(column, 0.0) - factor
            if len(columns) == 1:
                end = float(value[number]) / factors[0]
                side = high if factors[0] > 0 else low
                side[columns[0]] = end
            else:
                row = self.part.rows.size + int(np.searchsorted(self._many, number))
                solver.changeRowBounds(row, -np.inf, float(value[number]))
                ended.append(row)
        self._end(low, high)
        for column, factor in cost.items():
            solver.changeColCost(column, factor)
        solver.run()
        self.n_solved += 1
        solved = self._solved()
        for column in cost:
            solver.changeColCost(column, 0.0)
        for column in low | high:
            solver.changeColBounds(column, float(self._lower[column]), float(self._upper[column]))
        for row in ended:
            solver.changeRowBounds(row, -np.inf, np.inf)
        return solved

    def _end(self, low: dict[int, float], high: dict[int, float]) -> None:
        """End the search where needs are met, wherever the unknowns may go as far."""
        for column in low | high:
            least, most = float(self._lower[column]), float(self._upper[column])
            least_here = max(least, min(low.get(column, least), most))
            most_here = min(most, max(high.get(column, most), least_here))
            self._solver.changeColBounds(column, least_here, most_here)

    def _solved(self) -> Solved:
        if self._solver.getModelStatus() not in _ENDED:
            # What was kept from the last question may be at fault: once more from the start.
            self._solver.clearSolver()
            self._solver.run()
            status = self._solver.getModelStatus()
            if status not in _ENDED:
                raise KnowledgeContradictory(
                    "no counts agree with what is published"
                    if status == highspy.HighsModelStatus.kInfeasible
                    else f"the attack could not be run: {status.name}"
                )
        found = self._solver.getSolution()
        dual = np.asarray(found.row_dual, dtype=np.float64)[: self.part.rows.size]
        return Solved(np.asarray(found.col_value, dtype=np.float64), self._gains(dual))

    def _gains(self, dual: Floats) -> Floats:
        """Multipliers of the rows' upper and lower ends, times what the ends would move by.

        A row about one unknown leaves it the range that is known anyway; any other leaves no end.
        """
        gains = np.zeros(dual.size)
        matrix = self.part.matrix
        for row in np.flatnonzero(np.abs(dual) > MULTIPLIER).tolist():
            start = matrix.starts[row]
            move = np.inf
            if matrix.starts[row + 1] == start + 1 and matrix.value[start] == 1.0:
                column = matrix.column[start]
                move = (
                    self._upper[column] - self.part.row_upper[row]
                    if dual[row] < 0
                    else self.part.row_lower[row] - self._lower[column]
                )
            gains[row] = abs(dual[row]) * max(move, 0.0)
        return gains


def whole_solution(
    part: Part, coefficients: Floats, least: float, most: float, *, is_told: bool
) -> Floats | None:
    """Unknowns, counts whole, with `least <= coefficients @ x <= most`; None when none are.

    That there are none is believed only when it is found twice, the second time on the program as
    it stands: simplified first, programs with solutions have been called infeasible.
    """
    at = np.flatnonzero(coefficients)
    asked = Entries(np.array([0, at.size]), at, coefficients[at])
    bounded = Bounded(
        _below(part.matrix, asked),
        np.append(part.row_lower, least),
        np.append(part.row_upper, most),
        part.lower(is_told=is_told),
        part.upper(is_told=is_told),
    )
    for presolve in ("on", "off"):
        solver = bounded.loaded(
            np.zeros(part.columns.size), part.system.is_whole[part.columns], presolve=presolve
        )
        solver.run()
        if solver.getModelStatus() == highspy.HighsModelStatus.kOptimal:
            return np.asarray(solver.getSolution().col_value, dtype=np.float64)
    return None


def extreme(part: Part, coefficients: Floats, *, is_told: bool) -> float | None:
    """Least value of `coefficients @ x`, counts whole; None when it has no end.

    Raises KnowledgeContradictory.
    """
    bounded = Bounded(
        part.matrix,
        part.row_lower,
        part.row_upper,
        part.lower(is_told=is_told),
        part.upper(is_told=is_told),
    )
    for presolve in ("on", "off"):
        solver = bounded.loaded(
            coefficients,
            part.system.is_whole[part.columns],
            presolve=presolve,
            mip_rel_gap=0.0,
        )
        solver.run()
        if solver.getModelStatus() == highspy.HighsModelStatus.kOptimal:
            return float(solver.getInfo().objective_function_value)
    if solver.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
        raise KnowledgeContradictory("no counts agree with what is published")
    return None


def least_whole(
    bounded: Bounded, cost: Floats, *, max_nodes: int, near: float
) -> tuple[Floats | None, float]:
    """Whole numbers of least cost, or within a share of it (`near`), and a bound below all costs;
    None where `max_nodes` of the search tree were not enough."""
    every = np.ones(cost.size, dtype=np.bool_)
    solver = bounded.loaded(cost, every, mip_max_nodes=max_nodes, mip_rel_gap=near)
    solver.run()
    info = solver.getInfo()
    if info.primal_solution_status != _FEASIBLE:
        return None, 0.0
    found = np.asarray(solver.getSolution().col_value, dtype=np.float64)
    return found, float(info.mip_dual_bound)


def _below(above: Entries, below: Entries) -> Entries:
    return Entries(
        np.concatenate([above.starts, above.starts[-1] + below.starts[1:]]),
        np.concatenate([above.column, below.column]),
        np.concatenate([above.value, below.value]),
    )
