"""What a site's own value would be without its noise: pulled towards the network, with an interval.

Model on the analysis scale (`scales`): y_i = theta + u_i + e_i, u_i ~ N(0, tau2) between sites,
e_i ~ N(0, s_i2) known (for means clustered in therapists: `variance.clustered_standard_error`, so
that sites, therapists and clients are the three levels). The shrunken value is the posterior mean
of theta + u_i; given tau2 it weighs y_i with lambda_i = tau2/(tau2 + s_i2).

Full Bayes, prior uniform on theta and on tau2 >= 0 (Morris & Tang 2011, Stat Sci 26:271-287; the
posterior is proper from four sites on). tau2 is integrated out numerically, theta and u_i exactly,
so the intervals carry the uncertainty of tau2 and of the target. tau2 is not the funnel's: that one
is of moments, winsorised, and meant for limits.

Chosen by simulation (tests/studies/shrinkage.py, `make studies`; 200 networks each). How many % of
the sites that were not planted do 95 % intervals cover? Networks of 14 sites and 3,000 clients (or
600, or site variance 3 % instead of 1 %), and of 145 sites and 31,000 clients; "default" has two
sites planted at ±.5 SD:

                              14       14     14, 600    14       145      145
                              default  none   default    3 %      default  none
    plug-in REML              95.9     70.9   92.5       86.6     95.8     93.6
    REML, Kenward-Roger, t    97.9     96.0   98.8       95.8     96.4     94.5
    REML, Morris 1983         96.2     88.6   96.3       90.9     96.0     94.1
    Bayes, uniform on tau     96.1     93.0   96.8       93.1     96.0     94.2
    Bayes, uniform on tau2    96.1     95.6   96.9       94.5     96.1     94.6

The last alone stays between 94 and 97 everywhere. Its price is an error of the shrunken values that
is at most 5 % larger (root mean square .131 against .125 SD with 600 clients; alike with 3,000).
Where no site differs from another it covers 99 %: not even the best method knows that. A planted
site lies outside the model (5 tau from the others): it is pulled in too far, and its interval
covers 84 % (14 sites) or 18 % (145); that is what the funnel's flag is for.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtr

from orchestration.benchmarking.scales import Floats, Scaled

Prior = Literal["tau2", "tau"]
"""What the prior of the spread between sites is uniform on."""

MINIMUM_UNITS = 4
"""With three units the posterior of tau2 has no finite area: any spread would be believed."""

_Z_95 = 1.959964
_NODES = 64
"""Of tau in the first look, equally spaced in its logarithm; the trapezoid rule is then exact for
our purposes, because the integrand falls to nothing on both sides."""
_ENOUGH_NODES = 16
_NEGLIGIBLE = -16.0
"""Log weight against the highest, below which a node is left out: e-16 is a ten-millionth."""
_BLOCK = 4096


@dataclass(frozen=True)
class Shrunken:
    """One entry per unit, NaN for a unit whose value has no bound (log of an observed 0).

    `values`, `lower95`, `upper95` and `target` (the posterior mean of theta) in the unit of the
    value; `tau2` is the posterior median of the between-unit variance on the analysis scale;
    `reliability` the posterior mean of lambda_i: which share of the variance of such a unit's
    value is true difference between units.
    """

    values: Floats
    lower95: Floats
    upper95: Floats
    reliability: Floats
    target: float
    tau2: float


def shrink(scaled: Scaled) -> Shrunken:
    """Shrunken values of I units in the unit of the value (`shrink_values` carried back).

    The intervals are quantiles and stay right on the way back. Raises ValueError for fewer than
    MINIMUM_UNITS units with a finite value.
    """
    finite = np.isfinite(scaled.values)
    found = shrink_values(scaled.values[finite], scaled.standard_errors[finite])

    def placed(part: Floats) -> Floats:
        whole = np.full(finite.size, np.nan)
        whole[finite] = part
        return whole

    return Shrunken(
        placed(scaled.back(found.values)),
        placed(scaled.back(found.lower95)),
        placed(scaled.back(found.upper95)),
        placed(found.reliability),
        float(scaled.back(np.array([found.target]))[0]),
        found.tau2,
    )


def shrink_values(values: Floats, standard_errors: Floats, prior: Prior = "tau2") -> Shrunken:
    """Shrunken values of I units with known standard errors, on the scale they come on.

    The other prior is there for the study, and for holding this against what others publish.
    Raises ValueError for fewer than MINIMUM_UNITS units.
    """
    if values.size < MINIMUM_UNITS:
        raise ValueError(f"shrinkage needs at least {MINIMUM_UNITS} units")
    tau, weight = _posterior_of_tau(values, standard_errors, prior)
    theta = _theta(values, standard_errors, tau)
    parts = [
        _given_tau(values[at : at + _BLOCK], standard_errors[at : at + _BLOCK], tau, weight, theta)
        for at in range(0, values.size, _BLOCK)
    ]
    mean, lower, upper, reliability = (np.concatenate(part) for part in zip(*parts, strict=True))
    log_median = np.interp(0.5, np.cumsum(weight) - weight / 2.0, np.log(tau))
    return Shrunken(
        mean, lower, upper, reliability, float(weight @ theta[0]), float(np.exp(2.0 * log_median))
    )


def _theta(values: Floats, standard_errors: Floats, tau: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the target for each tau."""
    weights = 1.0 / (standard_errors**2 + tau[:, None] ** 2)
    totals = weights.sum(axis=1)
    return weights @ values / totals, 1.0 / totals


def _posterior_of_tau(
    values: Floats, standard_errors: Floats, prior: Prior
) -> tuple[Floats, Floats]:
    """Nodes of tau and their posterior weights, which sum to 1.

    With theta integrated out, log p(y | tau) = (sum log w - log sum w - sum w (y - theta)2)/2,
    w = 1/(s2 + tau2): the restricted likelihood. In log tau a prior uniform on tau2 is tau2, one
    uniform on tau is tau.
    """
    spread = max(float(np.ptp(values)), float(standard_errors.max()))
    low = float(np.log(1e-5 * standard_errors.min()))
    high = float(np.log(1e4 * spread))

    exponent = 2.0 if prior == "tau2" else 1.0
    while True:
        log_tau = np.linspace(low, high, _NODES)
        weights = 1.0 / (standard_errors**2 + np.exp(2.0 * log_tau)[:, None])
        totals = weights.sum(axis=1)
        distances = values - (weights @ values / totals)[:, None]
        likelihood = np.log(weights).sum(axis=1) - np.log(totals)
        likelihood -= np.sum(weights * distances**2, axis=1)
        heights = likelihood / 2.0 + exponent * log_tau
        heights -= heights.max()
        kept = np.flatnonzero(heights > _NEGLIGIBLE)
        step = log_tau[1] - log_tau[0]
        # Many units know tau so well that the first look holds a few nodes only: look closer.
        if kept.size >= _ENOUGH_NODES or step < 1e-9:
            weight = np.exp(heights[kept])
            return np.exp(log_tau[kept]), weight / weight.sum()
        low, high = float(log_tau[kept[0]] - step), float(log_tau[kept[-1]] + step)


def _given_tau(
    values: Floats,
    standard_errors: Floats,
    tau: Floats,
    weight: Floats,
    theta: tuple[Floats, Floats],
) -> tuple[Floats, Floats, Floats, Floats]:
    """Posterior mean, 2.5 % and 97.5 % quantiles and mean lambda: a mixture of normals over tau."""
    theta_mean, theta_variance = theta[0][:, None], theta[1][:, None]
    own = standard_errors**2
    share = tau[:, None] ** 2 / (tau[:, None] ** 2 + own)
    mean = share * values + (1.0 - share) * theta_mean
    deviation = np.sqrt(share * own + (1.0 - share) ** 2 * theta_variance)
    centre = weight @ mean
    total = np.sqrt(weight @ (deviation**2 + (mean - centre) ** 2))
    lower, upper = (
        _quantile(tail, centre + sign * _Z_95 * total, mean, deviation, weight)
        for tail, sign in ((0.025, -1.0), (0.975, 1.0))
    )
    return centre, lower, upper, weight @ share


def _quantile(
    tail: float, start: Floats, mean: Floats, deviation: Floats, weight: Floats
) -> Floats:
    """Where the mixture's distribution function is `tail`: Newton's steps kept inside a bracket."""
    low = (mean - 9.0 * deviation).min(axis=0)
    high = (mean + 9.0 * deviation).max(axis=0)
    found, smallest = start, deviation.min(axis=0)
    for _ in range(60):
        distance = (found - mean) / deviation
        excess = weight @ ndtr(distance) - tail
        density = weight @ (np.exp(-0.5 * distance**2) / deviation) / np.sqrt(2.0 * np.pi)
        low, high = np.where(excess < 0.0, found, low), np.where(excess < 0.0, high, found)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = found - excess / density
        following = np.where((step > low) & (step < high), step, (low + high) / 2.0)
        moved = np.abs(following - found)
        found = following
        if bool(np.all(moved <= 1e-7 * smallest)):
            break
    return found
