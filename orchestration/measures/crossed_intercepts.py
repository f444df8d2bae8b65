"""The restricted likelihood of random intercepts, nested or crossed, without the rows.

Model: y = X beta + sum over groups of b_group[label] + e, b ~ N(0, theta2 sigma2), e ~ N(0,
sigma2). Bates D, Maechler M, Bolker B, Walker S (2015). Fitting linear mixed-effects models using
lme4. J Stat Softw 67(1), section 3.4: with A = [Z X y]'[Z X y] everything is a Cholesky factor of
[theta Z'Z theta + I, ...], and A is taken once. What is done about its size:

- a group whose labels never meet in A is a diagonal, and eliminated label by label; the next one
  may then be a diagonal too. Groups nested in each other go this way to the last, and so do
  clients, each with one therapist, whose therapists work at several sites;
- what meets (crossed groups) stays and is factored together: sparse where few of its labels meet,
  dense otherwise;
- the weight of a label of the first group depends on its number of rows alone: whatever it is
  linked to is summed up by that number once, and a criterion then touches no label of the largest
  group.

X is made orthonormal and y freed of it first, so that no digit is lost on a large mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from orchestration.measures.arrays import Floats, Ints
from orchestration.measures.elimination_order import elimination_order
from orchestration.measures.joint_factor import JointFactor
from orchestration.measures.summed_by_count import SummedByCount

_CHUNK = 2_000


@dataclass(frozen=True)
class Solution:
    """At one theta. Variances are over sigma2: multiply `spreads` and `fixed_spread` by it.

    `residual` is sigma2 in squared units of y; `effects` and `spreads` the conditional mean and
    variance of each label, one array a group; `fixed` and `fixed_spread` belong to X's columns.
    """

    criterion: float
    residual: float
    fixed: Floats
    fixed_spread: Floats
    effects: tuple[Floats, ...]
    spreads: tuple[Floats, ...]


@dataclass
class _Step:
    """One group's elimination: what it was linked to, its weights, its part of [X y]."""

    group: int
    weight: Floats
    links: sparse.csr_array
    cross: Floats


@dataclass
class _Reduced:
    """What is left after the eliminations."""

    steps: list[_Step]
    factor: JointFactor | None
    joint_theta: Floats
    joint_cross: Floats
    fixed: Floats
    log_determinant: float


class CrossedIntercepts:
    """Cross products of one data set; `criterion` and `solve` take theta, one entry per group."""

    def __init__(
        self, y: Floats, x: Floats, codes: Sequence[Ints], *, n_fixed_labels: int = 0
    ) -> None:
        """`y` and the rows of `x` (its columns independent), each group's codes from 0.

        `n_fixed_labels`: labels of a group whose theta the caller always holds so large that they
        are as good as fixed: each, but for the mean in `x`, takes a degree of freedom as one does.

        Raises MeasureUndefined when more than MOST_CROSSED labels meet crosswise.
        """
        n, n_fixed = x.shape
        self._freedom = n - n_fixed - max(n_fixed_labels - 1, 0)
        q, self._triangle = np.linalg.qr(x)
        self._level = q.T @ y
        rest = y - q @ self._level
        rest -= q @ (q.T @ rest)
        self._scale = float(np.sqrt(rest @ rest / self._freedom))
        right = np.column_stack([q, rest / self._scale])
        sizes = [int(code.max()) + 1 for code in codes]
        order, self._n_eliminated = elimination_order(codes, sizes)
        self._order = order
        self._sizes = [sizes[group] for group in order]
        start = np.concatenate([[0], np.cumsum(self._sizes)])
        columns = np.column_stack([codes[group] for group in order]) + start[:-1]
        pointer = np.arange(0, columns.size + 1, len(order))
        design = sparse.csr_array(
            (np.ones(columns.size), columns.ravel(), pointer), shape=(n, int(start[-1]))
        )
        self._gram = sparse.csr_array(design.T @ design)
        self._cross = np.asarray(design.T @ right)
        self._fixed = right.T @ right
        self._sums = SummedByCount.of(self._gram, self._cross, self._sizes[0])

    def criterion(self, theta: Floats) -> float:
        """Minus twice the restricted log likelihood, constants as lme4's REML criterion."""
        if self._sums is None:
            reduced = self._reduce(theta, 0, 0.0, (self._gram, self._cross, self._fixed))
        else:
            squared = float(theta[self._order[0]]) ** 2
            weight = squared / (1.0 + squared * self._sums.n_rows)
            reduced = self._reduce(
                theta,
                1,
                float(self._sums.n_labels @ np.log1p(squared * self._sums.n_rows)),
                (
                    self._sums.gram(weight),
                    self._cross[self._sizes[0] :] - np.tensordot(weight, self._sums.cross, 1),
                    self._fixed - np.tensordot(weight, self._sums.fixed, 1),
                ),
            )
        triangle, rest = _fixed_part(reduced.fixed)
        return self._height(reduced, triangle, rest)

    def _height(self, reduced: _Reduced, triangle: Floats, rest: float) -> float:
        residual = max(rest, 1e-300) * self._scale**2 / self._freedom
        return float(
            reduced.log_determinant
            + 2.0 * np.sum(np.log(np.diag(triangle)))
            + 2.0 * np.sum(np.log(np.abs(np.diag(self._triangle))))
            + self._freedom * (1.0 + np.log(2.0 * np.pi * residual))
        )

    def _reduce(
        self,
        theta: Floats,
        first: int,
        log_determinant: float,
        products: tuple[sparse.csr_array, Floats, Floats],
    ) -> _Reduced:
        """Eliminate from the group in place `first` on; `products` are of what is left by then."""
        gram, cross, fixed = products
        steps: list[_Step] = []
        for place in range(first, self._n_eliminated):
            size = self._sizes[place]
            squared = float(theta[self._order[place]]) ** 2
            spread = 1.0 + squared * gram.diagonal()[:size]
            weight = squared / spread
            log_determinant += float(np.sum(np.log(spread)))
            links, own = gram[:size, size:], cross[:size]
            weighted = sparse.csr_array(links.multiply(weight[:, None]))
            gram = sparse.csr_array(gram[size:, size:] - links.T @ weighted)
            cross = cross[size:] - weighted.T @ own
            fixed = fixed - own.T @ (weight[:, None] * own)
            steps.append(_Step(self._order[place], weight, links, own))
        joint = self._order[self._n_eliminated :]
        scale = np.repeat(theta[joint], self._sizes[self._n_eliminated :])
        factor = None
        if joint:
            factor = JointFactor(gram, scale)
            log_determinant += factor.log_determinant
            scaled = scale[:, None] * cross
            fixed = fixed - scaled.T @ factor.solve(scaled)
        return _Reduced(steps, factor, scale, cross, fixed, log_determinant)

    def solve(self, theta: Floats) -> Solution:
        """Everything at `theta`: coefficients, conditional means and variances (lme4's condVar)."""
        reduced = self._reduce(theta, 0, 0.0, (self._gram, self._cross, self._fixed))
        triangle, rest = _fixed_part(reduced.fixed)
        height = self._height(reduced, triangle, rest)
        move = linalg.cho_solve((triangle, True), reduced.fixed[:-1, -1])
        towards = np.concatenate([-move, [1.0]])
        effects, spreads = self._predict(reduced, towards)
        inverse = linalg.solve_triangular(self._triangle, np.eye(move.size))
        spread = inverse @ linalg.cho_solve((triangle, True), np.eye(move.size)) @ inverse.T
        fixed = linalg.solve_triangular(self._triangle, self._level + self._scale * move)
        return Solution(
            criterion=height,
            residual=rest * self._scale**2 / self._freedom,
            fixed=np.asarray(fixed),
            fixed_spread=np.asarray(spread),
            effects=tuple(self._scale * effects[group] for group in range(len(self._order))),
            spreads=tuple(spreads[group] for group in range(len(self._order))),
        )

    def _predict(
        self, reduced: _Reduced, towards: Floats
    ) -> tuple[dict[int, Floats], dict[int, Floats]]:
        """Back through the eliminations: means and variances of every group's labels.

        `known` is the inverse over what stands behind a step; only its entries between labels that
        an earlier step links are ever asked for, and those it has.
        """
        effects: dict[int, Floats] = {}
        spreads: dict[int, Floats] = {}
        behind = np.zeros(0)
        known: Floats | sparse.csr_array = np.zeros((0, 0))
        if reduced.factor is not None:
            scale = reduced.joint_theta
            behind = scale * reduced.factor.solve(scale * (reduced.joint_cross @ towards))
            known = reduced.factor.inverse()
            known *= scale
            known *= scale[:, None]
            ends = np.cumsum(self._sizes[self._n_eliminated :])[:-1]
            joint = self._order[self._n_eliminated :]
            effects |= dict(zip(joint, np.split(behind, ends), strict=True))
            spreads |= dict(zip(joint, np.split(np.diagonal(known), ends), strict=True))
        for step in reversed(reduced.steps):
            own = step.weight * (step.cross @ towards - step.links @ behind)
            spread = step.weight + step.weight**2 * _quadratic(step.links, known)
            effects[step.group], spreads[step.group] = own, spread
            behind = np.concatenate([own, behind])
            if step is not reduced.steps[0]:
                between = -sparse.csr_array(
                    sparse.csr_array(step.links @ sparse.csr_array(known)).multiply(
                        step.weight[:, None]
                    )
                )
                diagonal = sparse.csr_array(sparse.diags_array(spread))
                upper = sparse.hstack([diagonal, between])
                lower = sparse.hstack([sparse.csr_array(between.T), sparse.csr_array(known)])
                known = sparse.csr_array(sparse.vstack([upper, lower]))
        return effects, spreads


def _fixed_part(fixed: Floats) -> tuple[Floats, float]:
    """Cholesky factor of X's part, and the penalised residual sum of squares."""
    triangle = linalg.cholesky(fixed[:-1, :-1], lower=True)
    along = linalg.solve_triangular(triangle, fixed[:-1, -1], lower=True)
    return np.asarray(triangle), float(fixed[-1, -1] - along @ along)


def _quadratic(links: sparse.csr_array, known: Floats | sparse.csr_array) -> Floats:
    """Of every row of `links`: row known row', a few rows at a time."""
    found = np.zeros(links.shape[0])
    if not links.shape[1]:
        return found
    for start in range(0, found.size, _CHUNK):
        some = links[start : start + _CHUNK]
        through = some @ known
        product = sparse.csr_array(some.multiply(through))
        found[start : start + _CHUNK] = product @ np.ones(product.shape[1])
    return found
