"""Funnel limits around a network's target: how far a site's value may lie from it by chance.

Everything happens on an analysis scale on which the values are about normal with a known standard
error (`scales`); a wrapper per kind of value (means, proportions, ratios) goes there and back.

The rules are Spiegelhalter 2005 (Stat Med 24:1185-1202, funnel plots; Qual Saf Health Care
14:347-351, over-dispersion) and agree with FunnelPlotR 0.6, save for these:

- sqrt(O/E): limits are carried back by squaring. FunnelPlotR holds O/E itself against
  1 ± z sqrt(s2 + tau2), which is half as wide as it says.
- expected counts are taken as they come. FunnelPlotR rounds them to two decimals first on the log
  scale (its SHMI_rounding), as NHS Digital publishes them.
- phi is given whatever the limits; FunnelPlotR gives 0 where it draws none with over-dispersion.
- multiplicative over-dispersion, and means, FunnelPlotR does not have.

The target of means is the inverse-variance weighted mean, which for proportions is replaced by the
pooled proportion sum(numerators)/sum(denominators) (Spiegelhalter's and FunnelPlotR's choice) and
for ratios by 1. The first is the centre around which the moment formula of tau2 is unbiased: with
w = 1/s2, E[sum(w (y - target)2)] = (I - 1) + tau2 (sum w - sum w2 / sum w).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from orchestration.benchmarking.dispersion import Dispersion, Overdispersion, Trim, dispersion
from orchestration.benchmarking.scales import (
    Floats,
    RatioScale,
    Scaled,
    scaled_means,
    scaled_proportions,
    scaled_ratios,
)

Flags = NDArray[np.object_]

Z_95 = 1.959964
Z_998 = 3.090232


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
    over-dispersion, `plain` the limits from s alone, `overdispersed` those from the wider spread;
    they are the plain ones where there is no over-dispersion.
    """

    target: float
    z: Floats
    dispersion: Dispersion
    plain: Limits
    overdispersed: Limits


def flag_beyond(value: Floats, limits: tuple[Floats, Floats, Floats, Floats]) -> Flags:
    """`within`, `above_95`, `below_95`, `above_998` or `below_998` for each value.

    `limits` are lower95, upper95, lower998, upper998; a value on a limit is within it.
    """
    lower95, upper95, lower998, upper998 = limits
    conditions = [value > upper998, value < lower998, value > upper95, value < lower95]
    words = ["above_998", "below_998", "above_95", "below_95"]
    return np.select(conditions, words, default="within").astype(np.object_)


def mean_funnel(
    means: Floats,
    standard_errors: Floats,
    trim_share: float,
    *,
    trim: Trim = "winsorise",
    overdispersion: Overdispersion = "additive",
) -> Funnel:
    """Funnel of I unit means with known standard errors; the analysis scale is the mean's own.

    Raises ValueError when there is no unit, or a standard error is not a positive number.
    """
    return funnel(scaled_means(means, standard_errors), trim_share, trim, overdispersion)


def proportion_funnel(
    numerators: Floats,
    denominators: Floats,
    trim_share: float,
    *,
    design_effects: Floats | None = None,
    trim: Trim = "winsorise",
    overdispersion: Overdispersion = "additive",
) -> Funnel:
    """Funnel of I proportions on the arcsine scale: y = asin(sqrt(p)), s = 1/(2 sqrt(n)).

    Limits are carried back by sin2 and stay in 0-1. tau2 is in squared radians. Agrees with
    FunnelPlotR 0.6 (data_type "PR"). `design_effects` multiply s2 where clients cluster.

    Raises ValueError when there is no unit, a denominator is not positive, or a numerator lies
    outside 0..denominator.
    """
    scaled = scaled_proportions(numerators, denominators, design_effects)
    return funnel(scaled, trim_share, trim, overdispersion)


def ratio_funnel(
    observed: Floats,
    expected: Floats,
    trim_share: float,
    *,
    scale: RatioScale = "log",
    trim: Trim = "truncate",
    overdispersion: Overdispersion = "additive",
) -> Funnel:
    """Funnel of I ratios O/E around 1: `log` with truncation is SHMI, `sqrt` winsorised is CQC.

    Limits without over-dispersion are exact Poisson (`poisson_limits`). Agrees with FunnelPlotR
    0.6 (data_type "SR"), but see the module.

    Raises ValueError when there is no unit, an expected count is not positive, an observed one is
    negative, or a logarithm of 0 is not truncated away.
    """
    scaled = scaled_ratios(observed, expected, scale)
    return funnel(scaled, trim_share, trim, overdispersion, poisson_limits(scaled.raw, expected))


def funnel(
    scaled: Scaled,
    trim_share: float,
    trim: Trim,
    overdispersion: Overdispersion,
    plain: Limits | None = None,
) -> Funnel:
    """The shared core: z, dispersion and limits of units on their analysis scale.

    `plain` replaces the normal limits from s alone where exact ones are known.
    """
    z = (scaled.values - scaled.centre) / scaled.standard_errors
    found = dispersion(z, scaled.standard_errors, trim_share, trim, overdispersion)
    plain = plain or _limits(scaled, scaled.standard_errors)
    wide = _limits(scaled, found.spread(scaled.standard_errors)) if found.widens else plain
    return Funnel(scaled.target, z, found, plain, wide)


def poisson_limits(ratios: Floats, expected: Floats) -> Limits:
    """Exact Poisson limits of O/E around 1, from chi-square quantiles.

    chi2(a/2; 2E)/(2E) and chi2(1 - a/2; 2E + 2)/(2E), a = .05 and .002, as FunnelPlotR 0.6: the
    exact interval of a count (Garwood 1936, Biometrika 28:437), taken at the expected one.
    """

    def lower(tail: float) -> Floats:
        return np.asarray(gammaincinv(expected, tail) / expected, dtype=np.float64)

    def upper(tail: float) -> Floats:
        return np.asarray(gammaincinv(expected + 1.0, 1.0 - tail) / expected, dtype=np.float64)

    limits = (lower(0.025), upper(0.025), lower(0.001), upper(0.001))
    return Limits(*limits, flag=flag_beyond(ratios, limits))


def bounds(scaled: Scaled, spread: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """lower95, upper95, lower998, upper998 for any spread on the analysis scale, carried back."""
    lower95, upper95, lower998, upper998 = (
        scaled.back(scaled.centre + sign * z * spread)
        for z, sign in ((Z_95, -1), (Z_95, 1), (Z_998, -1), (Z_998, 1))
    )
    return lower95, upper95, lower998, upper998


def _limits(scaled: Scaled, spread: Floats) -> Limits:
    limits = bounds(scaled, spread)
    return Limits(*limits, flag=flag_beyond(scaled.raw, limits))
