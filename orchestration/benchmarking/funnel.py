"""Funnel limits around a network's target: how far a site's value may lie from it by chance.

Everything happens on an analysis scale on which the values are about normal with a known standard
error; a wrapper per kind of value (means, proportions) goes there and back.

The rules are Spiegelhalter 2005 (Stat Med 24:1185-1202, funnel plots; Qual Saf Health Care
14:347-351 with its appendix, over-dispersion): z against a target, z winsorised, the dispersion
ratio phi, and a between-unit variance tau2 of moments that widens the limits (additive
over-dispersion, after DerSimonian & Laird 1986, Control Clin Trials 7:177-188).

The target is the inverse-variance weighted mean of the values, which for proportions is replaced
by the pooled proportion sum(numerators)/sum(denominators) (Spiegelhalter's and FunnelPlotR's
choice). It is the centre around which the moment formula of tau2 is unbiased: with w = 1/s2 and
this centre, E[sum(w (y - target)2)] = (I - 1) + tau2 (sum w - sum w2 / sum w).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.object_]

Z_95 = 1.959964
Z_998 = 3.090232


@dataclass(frozen=True)
class Dispersion:
    """How much more the z-scores vary than chance allows.

    `phi`: mean squared winsorised z, 1 when chance explains all. `tau2`: between-unit variance in
    squared units of the analysis scale, never below 0.
    """

    phi: float
    tau2: float


@dataclass(frozen=True)
class Limits:
    """Funnel limits and what lies beyond them; one entry per unit, in the unit of the value."""

    lower95: Floats
    upper95: Floats
    lower998: Floats
    upper998: Floats
    flag: Flags


@dataclass(frozen=True)
class Funnel:
    """A finished funnel of I units.

    `target` is in the unit of the value, `z` = (y - target) / s on the analysis scale and before
    over-dispersion, `plain` the limits from s alone, `overdispersed` those from sqrt(s2 + tau2).
    """

    target: float
    z: Floats
    dispersion: Dispersion
    plain: Limits
    overdispersed: Limits


def pooled_mean(values: Floats, standard_errors: Floats) -> float:
    """Inverse-variance weighted mean of the units' values (the unit of the values)."""
    weights = standard_errors**-2.0
    return float(np.sum(weights * values) / np.sum(weights))


def winsorise(z: Floats, share: float) -> Floats:
    """Pull the lowest and the highest `share` of the z-scores in to the quantiles there.

    Quantiles of type 7 (Hyndman & Fan 1996, Am Stat 50:361), as R's default and FunnelPlotR.
    """
    lowest, highest = np.quantile(z, [share, 1.0 - share], method="linear")
    return np.clip(z, lowest, highest)


def additive_dispersion(z: Floats, standard_errors: Floats, winsorise_share: float) -> Dispersion:
    """Dispersion ratio and between-unit variance from z-scores and their standard errors.

    phi = sum(zw2)/I and tau2 = max(0, (I phi - (I - 1)) / (sum w - sum w2 / sum w)), w = 1/s2
    (Spiegelhalter 2005, QSHC appendix). One unit alone has no between-unit variance: tau2 is 0.

    Winsorising z-scores that are normal leaves about .68 of their variance, so phi is below 1
    when there is no over-dispersion at all; the rule is the literature's.
    """
    n_units = z.size
    phi = float(np.mean(winsorise(z, winsorise_share) ** 2))
    weights = standard_errors**-2.0
    spread = float(np.sum(weights) - np.sum(weights**2) / np.sum(weights))
    if n_units < 2 or spread <= 0.0:
        return Dispersion(phi, 0.0)
    return Dispersion(phi, max(0.0, (n_units * phi - (n_units - 1)) / spread))


def flag_beyond(value: Floats, limits: tuple[Floats, Floats, Floats, Floats]) -> Flags:
    """`within`, `above_95`, `below_95`, `above_998` or `below_998` for each value.

    `limits` are lower95, upper95, lower998, upper998; a value on a limit is within it.
    """
    lower95, upper95, lower998, upper998 = limits
    conditions = [value > upper998, value < lower998, value > upper95, value < lower95]
    words = ["above_998", "below_998", "above_95", "below_95"]
    return np.select(conditions, words, default="within").astype(np.object_)


def mean_funnel(means: Floats, standard_errors: Floats, winsorise_share: float) -> Funnel:
    """Funnel of I unit means with known standard errors; the analysis scale is the mean's own.

    Raises ValueError when there is no unit, or a standard error is not a positive number.
    """
    _require_units(means, standard_errors)
    target = pooled_mean(means, standard_errors)
    z = (means - target) / standard_errors
    dispersion = additive_dispersion(z, standard_errors, winsorise_share)
    widened = np.sqrt(standard_errors**2 + dispersion.tau2)
    return Funnel(
        target,
        z,
        dispersion,
        _mean_limits(means, target, standard_errors),
        _mean_limits(means, target, widened),
    )


def proportion_funnel(numerators: Floats, denominators: Floats, winsorise_share: float) -> Funnel:
    """Funnel of I proportions on the arcsine scale: y = asin(sqrt(p)), s = 1/(2 sqrt(n)).

    Limits are carried back by sin2 and stay in 0-1. tau2 is in squared radians. Agrees with
    FunnelPlotR 0.6 (data_type "PR").

    Raises ValueError when there is no unit, a denominator is not positive, or a numerator lies
    outside 0..denominator.
    """
    standard_errors = np.asarray(0.5 / np.sqrt(denominators), dtype=np.float64)
    _require_units(numerators, standard_errors)
    if bool(np.any((numerators < 0) | (numerators > denominators))):
        raise ValueError("every numerator must lie between 0 and its denominator")
    proportions = numerators / denominators
    pooled = float(np.sum(numerators) / np.sum(denominators))
    centre = float(np.arcsin(np.sqrt(pooled)))
    z = (np.arcsin(np.sqrt(proportions)) - centre) / standard_errors
    dispersion = additive_dispersion(z, standard_errors, winsorise_share)
    widened = np.sqrt(standard_errors**2 + dispersion.tau2)
    return Funnel(
        pooled,
        z,
        dispersion,
        _proportion_limits(proportions, centre, standard_errors),
        _proportion_limits(proportions, centre, widened),
    )


def _require_units(values: Floats, standard_errors: Floats) -> None:
    if values.size == 0 or values.shape != standard_errors.shape:
        raise ValueError("a funnel needs at least one unit and one standard error for each")
    usable = np.isfinite(values) & np.isfinite(standard_errors) & (standard_errors > 0)
    if not bool(np.all(usable)):
        raise ValueError("every unit needs a value and a positive standard error")


def _mean_limits(means: Floats, target: float, spread: Floats) -> Limits:
    bounds = tuple(
        target + sign * z * spread for z, sign in ((Z_95, -1), (Z_95, 1), (Z_998, -1), (Z_998, 1))
    )
    limits = (bounds[0], bounds[1], bounds[2], bounds[3])
    return Limits(*limits, flag=flag_beyond(means, limits))


def _proportion_limits(proportions: Floats, centre: float, spread: Floats) -> Limits:
    def back(angle: Floats) -> Floats:
        # Beyond 0 or a right angle sin2 turns round, and a limit of 0 or 1 would come back inside.
        return np.asarray(np.sin(np.clip(angle, 0.0, np.pi / 2)) ** 2, dtype=np.float64)

    limits = (
        back(centre - Z_95 * spread),
        back(centre + Z_95 * spread),
        back(centre - Z_998 * spread),
        back(centre + Z_998 * spread),
    )
    return Limits(*limits, flag=flag_beyond(proportions, limits))
