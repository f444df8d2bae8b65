"""Covariates with gaps and with measurement error: what is expected of each client instead.

Within sites the covariates have one covariance and every site its own mean. Given both, the
expectation of what is missing, and of what lies behind a noisy score, is linear in what is known
(best linear prediction; regression calibration: Carroll, Ruppert, Stefanski & Crainiceanu 2006,
Measurement Error in Nonlinear Models, ch. 4), and a linear model fitted on the expectations has the
coefficients that it would have on the truth (Little 1992, J Am Stat Assoc 87:1227, on conditional
means that leave the outcome out). A site's mean of the expectations is the mean of what it shows,
corrected for who is missing.

What else was tried fails where it matters (tests/studies/case_mix.py; bias left, of the raw one):
the network's mean in a gap leaves about as much of the confounding as is missing (18 % of it with
20 % missing), a category "missing" hardly less; leaving noise alone leaves 1 - reliability.
Random imputations would need a seed and some twenty fits, for the same coefficients.

Gaps may depend on the other covariates and on the site. Where they depend on the missing value
itself, or on the alliance, nothing here sees it: the share missing stands beside the site.

The covariance is found by EM (Dempster, Laird & Rubin 1977, J R Stat Soc B 39:1; Schafer 1997,
Analysis of Incomplete Multivariate Data, 5.3) over sums by site and pattern of gaps, so that a step
touches no client.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.benchmarking.variance import Codes, Floats
from orchestration.measures.arrays import Bools

_MOST_STEPS = 500
_TOLERANCE = 1e-7


@dataclass(frozen=True)
class WithinSites:
    """`covariance` of the columns within sites as they are observed, error included."""

    covariance: Floats
    error_variance: Floats

    @property
    def reliability(self) -> Floats:
        """Of each column among clients of one site who are alike in the other columns, 0 to 1."""
        inverse = np.linalg.pinv(self.covariance, hermitian=True)
        own = np.diag(inverse)
        alone = np.where(own > 0, 1 / np.where(own > 0, own, 1), np.nan)
        return np.asarray(np.clip(1 - self.error_variance / alone, 0.0, 1.0), dtype=np.float64)


@dataclass(frozen=True)
class Expected:
    """Clients by columns, without gaps; `site_means` is sites by columns."""

    values: Floats
    site_means: Floats


@dataclass(frozen=True)
class _Pattern:
    """Clients with the same gaps: `has` of columns; sums by site; squares about the site's mean."""

    has: Bools
    rows: NDArray[np.intp]
    n: Floats
    means: Floats
    squares: Floats


def estimate_within(
    matrix: Floats, site: Codes, n_sites: int, error_variance: Floats
) -> WithinSites:
    """Covariance within sites of clients by columns, NaN where missing."""
    patterns = _patterns(matrix, site, n_sites)
    start = _available_variances(patterns, n_sites, matrix.shape[1])
    covariance = np.diag(start)
    means = _start_means(patterns, n_sites)
    is_whole = all(pattern.has.all() for pattern in patterns)
    scale = np.sqrt(np.outer(start, start))
    freedom = max(matrix.shape[0] - n_sites, 1)
    for _ in range(1 if is_whole else _MOST_STEPS):
        before = covariance, means
        lines = _lines(patterns, covariance)
        means = _site_means(patterns, lines, means)
        covariance = _squares(patterns, lines, covariance, means) / freedom
        moved = np.abs(covariance - before[0]) / np.where(scale > 0, scale, 1)
        if moved.max(initial=0.0) < _TOLERANCE:
            break
    return WithinSites(covariance, error_variance)


def expected_of(
    within: WithinSites, matrix: Floats, site: Codes, n_sites: int, *, is_error_removed: bool
) -> Expected:
    """What is expected of each client, given the covariance within sites.

    With `is_error_removed` what lies behind the scores, for coefficients; else the scores
    themselves, gaps filled, for a client's own adjusted value. The sites' means are the same.
    """
    patterns = _patterns(matrix, site, n_sites)
    means = _start_means(patterns, n_sites)
    spread = np.sqrt(np.diag(within.covariance))
    lines = _lines(patterns, within.covariance)
    for _ in range(_MOST_STEPS):
        before, means = means, _site_means(patterns, lines, means)
        if bool(np.all(np.abs(means - before) <= _TOLERANCE * spread)):
            break
    towards = within.covariance
    if is_error_removed:
        towards = towards - np.diag(within.error_variance)
    values = np.empty_like(matrix)
    for pattern in patterns:
        rows, has = pattern.rows, pattern.has
        if has.all() and not (is_error_removed and within.error_variance.any()):
            values[rows] = matrix[rows]
            continue
        centre = means[site[rows]]
        away = matrix[np.ix_(rows, np.flatnonzero(has))] - centre[:, has]
        known = np.linalg.pinv(within.covariance[np.ix_(has, has)], hermitian=True)
        values[rows] = centre + away @ (known @ towards[has])
    return Expected(values, means)


def _patterns(matrix: Floats, site: Codes, n_sites: int) -> list[_Pattern]:
    has = np.isfinite(matrix)
    place = np.zeros(len(matrix), dtype=np.int64)
    if not has.all():
        for column in has.T:
            place = np.unique(2 * place + column, return_inverse=True)[1]
    _, first = np.unique(place, return_index=True)
    found = []
    for number, row in enumerate(first):
        rows = np.flatnonzero(place == number)
        of_row, at = has[row], site[rows]
        n = np.bincount(at, minlength=n_sites).astype(np.float64)
        known = matrix[rows][:, of_row]
        sums = [np.bincount(at, weights=column, minlength=n_sites) for column in known.T]
        means = (np.array(sums).reshape(len(sums), n_sites) / np.maximum(n, 1)).T
        away = known - means[at]
        found.append(_Pattern(of_row, rows, n, means, away.T @ away))
    return found


def _available_variances(patterns: list[_Pattern], n_sites: int, n_columns: int) -> Floats:
    squares, n = np.zeros(n_columns), np.zeros(n_columns)
    for pattern in patterns:
        squares[pattern.has] += np.diag(pattern.squares)
        n[pattern.has] += pattern.n.sum()
    return squares / np.maximum(n - n_sites, 1)


def _start_means(patterns: list[_Pattern], n_sites: int) -> Floats:
    """Means of what is known, the network's where a site knows nothing."""
    n_columns = patterns[0].has.size if patterns else 0
    sums, n = np.zeros((n_sites, n_columns)), np.zeros((n_sites, n_columns))
    for pattern in patterns:
        sums[:, pattern.has] += pattern.n[:, None] * pattern.means
        n[:, pattern.has] += pattern.n[:, None]
    network = sums.sum(axis=0) / np.maximum(n.sum(axis=0), 1)
    return np.where(n > 0, sums / np.maximum(n, 1), network)


def _lines(patterns: list[_Pattern], covariance: Floats) -> list[Floats]:
    """For each pattern, all columns from those it has: known by all, given the covariance."""
    return [
        np.linalg.pinv(covariance[np.ix_(each.has, each.has)], hermitian=True)
        @ covariance[each.has]
        for each in patterns
    ]


def _filled_means(pattern: _Pattern, line: Floats, means: Floats) -> Floats:
    """Sites by columns: the pattern's means, gaps filled."""
    has = pattern.has
    filled = means + (pattern.means - means[:, has]) @ line
    filled[:, has] = pattern.means
    return filled


def _site_means(patterns: list[_Pattern], lines: list[Floats], means: Floats) -> Floats:
    sums = np.zeros_like(means)
    for pattern, line in zip(patterns, lines, strict=True):
        sums += pattern.n[:, None] * _filled_means(pattern, line, means)
    n = sum((pattern.n for pattern in patterns), start=np.zeros(len(means)))[:, None]
    return np.where(n > 0, sums / np.maximum(n, 1), means)


def _squares(
    patterns: list[_Pattern], lines: list[Floats], covariance: Floats, means: Floats
) -> Floats:
    """Squares and products about the sites' means: filled ones, and what filling leaves open."""
    total = np.zeros_like(covariance)
    for pattern, line in zip(patterns, lines, strict=True):
        has = pattern.has
        onto = line.copy()
        onto[:, has] = np.eye(int(has.sum()))
        away = _filled_means(pattern, line, means) - means
        total += onto.T @ pattern.squares @ onto + away.T @ (pattern.n[:, None] * away)
        open_ = covariance - covariance[:, has] @ line
        open_[has], open_[:, has] = 0.0, 0.0
        total += pattern.n.sum() * open_
    return np.asarray((total + total.T) / 2, dtype=np.float64)
