"""How many clients a rule for marked drops flags where nothing happened.

A series of noisy forms has falls in it, the more the longer it is, so an observed share of clients
with a marked drop says nothing by itself. It is shown beside the share that the same series would
show if every client stayed at one level and the forms only scattered around it. There is no
standard rule (Lipner et al. 2022), and this is what tells the rules apart.

The rules are those of dbt_project/models/intermediate/int_drops_marked.sql, whose settings
`DropRules` repeats. Fixed: one point of an item mean from 1 to 7, rescaled. SD: Gumz et al. 2012.
Chart: individual values and moving ranges, 2.66 = 3 / 1.128 (Shewhart), the tested form left out.

Levels are normal, cut off at both ends of the scale and rounded to its steps. The level of a client
is what makes the *cut* form's mean the observed one, and one latent SD for all makes the pooled SD
within clients the observed one: with the observed figures put in directly, series near the ceiling
would scatter less than they do.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from orchestration.measures.arrays import Bools, Floats, Ints, MeasureUndefined

RULES = ("fixed", "sd1", "sd2", "chart")
_ROUNDING = 1e-9
_CELLS = 2_000_000
"""Forms simulated at a time: memory stays below a hundred megabytes."""
_FURTHEST = 8.0
"""SDs outside the scale beyond which a level makes no difference: every form lies at the end."""
_TABLE = 4_001
"""Levels in the table that means are read off: what lies between two of them is a straight line."""


@dataclass(frozen=True)
class DropRules:
    """Settings of the rules, named and defaulted as the variables of dbt_project.yml.

    Points are those of an item mean from 1 to 7; `_forms` are the fewest a series needs.
    `reliable_change` is in scale points, None where the instrument declares none.
    """

    points: float = 1.0
    fixed_forms: int = 3
    sd1_factor: float = 1.0
    sd2_factor: float = 2.0
    sd_forms: int = 5
    ranges: float = 2.66
    chart_forms: int = 8
    reliable_change: float | None = None


@dataclass(frozen=True)
class ExpectedDrops:
    """One rule: the share of eligible series with any marked drop, from noise alone.

    `share` is 0 to 1, None where no series is long enough; `n_eligible` counts the series given
    that are. `standard_error` is the simulation's own. `judged_share`: how many of the eligible the
    rule can be held against, less than 1 for the chart, which says nothing of forms that are all
    alike (`no_variation` in int_events_measured).
    """

    rule: str
    n_eligible: int
    share: float | None
    standard_error: float | None
    judged_share: float | None = None

    @property
    def share_of_judged(self) -> float | None:
        """`share` of those series alone, as marts.rpt_site_metrics counts what was observed."""
        if self.share is None or not self.judged_share:
            return None
        return self.share / self.judged_share


def expected_drops(
    n_forms: Ints,
    client_mean: Floats,
    *,
    within_sd: float,
    minimum: float,
    maximum: float,
    step: float,
    seed: int,
    network_sd: float | None = None,
    rules: DropRules | None = None,
    n_repeats: int = 20,
) -> tuple[ExpectedDrops, ...]:
    """Shares of series that would show a marked drop if clients never changed, one a rule.

    `n_forms` and `client_mean` have one entry a series, `within_sd` is the pooled SD within series;
    all but counts are scale points of the total, higher is better (turn round a scale where lower
    is better). `step` is the distance between neighbouring totals. `network_sd` is what the SD rule
    holds a client's own SD against; without it, the within-client SD. Every series is simulated
    `n_repeats` times; the same seed gives the same figures.

    Raises MeasureUndefined where the scale has no width, a step is not above 0, an SD is not
    finite and at least 0, or the arrays do not fit each other.
    """
    _require(n_forms, client_mean, within_sd, minimum, maximum, step)
    rules = rules or DropRules()
    level, latent_sd = fitted_levels(n_forms, client_mean, within_sd, minimum, maximum)
    held_against = within_sd if network_sd is None else network_sd
    width = maximum - minimum
    rng = np.random.default_rng(seed)
    n_flagged = dict.fromkeys(RULES, 0)
    fewest = _fewest(rules)
    # The fixed rule needs no variation, nor does an SD that is the network's.
    n_varied = 0
    for length in np.unique(n_forms).tolist():
        levels = np.repeat(level[n_forms == length], n_repeats)
        for first in range(0, len(levels), max(1, _CELLS // max(length, 1))):
            some = levels[first : first + max(1, _CELLS // max(length, 1))]
            latent = some[:, np.newaxis] + latent_sd * rng.standard_normal((len(some), length))
            forms = minimum + np.round((latent - minimum) / step) * step
            flagged = flagged_series(np.clip(forms, minimum, maximum), width, held_against, rules)
            for rule, found in flagged.items():
                n_flagged[rule] += int(found.sum())
            varies = np.ptp(np.clip(forms, minimum, maximum), axis=1) > _ROUNDING
            n_varied += int(varies.sum()) if length >= fewest["chart"] else 0
    return tuple(
        _estimate(
            rule,
            int((n_forms >= fewest[rule]).sum()),
            n_flagged[rule],
            n_varied if rule == "chart" else None,
            n_repeats,
        )
        for rule in RULES
    )


def flagged_series(
    forms: Floats, width: float, network_sd: float, rules: DropRules
) -> dict[str, Bools]:
    """Which series (rows of `forms`, complete and of one length) a rule flags, by rule.

    `width` is maximum - minimum. A rule whose minimum the series are below flags none.
    """
    n_series, length = forms.shape
    falls = forms[:, :-1] - forms[:, 1:]
    fewest = _fewest(rules)
    flagged = {rule: np.zeros(n_series, dtype=bool) for rule in RULES}
    if length >= max(fewest["fixed"], 2):
        above = -np.inf if rules.reliable_change is None else rules.reliable_change
        is_drop = (falls >= rules.points * width / 6 - _ROUNDING) & (falls > above + _ROUNDING)
        flagged["fixed"] = np.asarray(is_drop.any(axis=1))
    if length >= max(rules.sd_forms, 2):
        own_sd: Floats = np.asarray(np.std(forms, axis=1, ddof=1, keepdims=True))
        stricter = np.maximum(own_sd, network_sd)
        for rule, factor in (("sd1", rules.sd1_factor), ("sd2", rules.sd2_factor)):
            reaches = (falls >= factor * stricter - _ROUNDING) & (stricter > _ROUNDING)
            flagged[rule] = np.asarray(reaches.any(axis=1))
    if length >= max(rules.chart_forms, 3):
        flagged["chart"] = _below_chart(forms, rules.ranges)
    return flagged


def _below_chart(forms: Floats, ranges: float) -> Bools:
    """Any form below mean - ranges x mean moving range of the others."""
    length = forms.shape[1]
    mean = (forms.sum(axis=1, keepdims=True) - forms) / (length - 1)
    moved = np.abs(np.diff(forms, axis=1))
    left_out = np.zeros_like(forms)
    left_out[:, 1:] += moved
    left_out[:, :-1] += moved
    # Without a form its two neighbours are neighbours.
    left_out[:, 1:-1] -= np.abs(forms[:, 2:] - forms[:, :-2])
    moving_range = (moved.sum(axis=1, keepdims=True) - left_out) / (length - 2)
    is_below = (moving_range > _ROUNDING) & (mean - forms > ranges * moving_range + _ROUNDING)
    return np.asarray(is_below.any(axis=1))


def fitted_levels(
    n_forms: Ints, client_mean: Floats, within_sd: float, minimum: float, maximum: float
) -> tuple[Floats, float]:
    """The latent level of every series and the latent SD they share, scale points.

    A normal variable cut off at both ends then has each series' mean, and the variances within,
    weighted by n - 1, come to within_sd squared. Solved by halving intervals. Where no latent SD is
    enough (every series at an end of the scale) the widest that was tried stays.
    """
    if within_sd == 0 or len(n_forms) == 0:
        return np.clip(client_mean, minimum, maximum), 0.0
    weight = np.maximum(n_forms - 1, 0).astype(np.float64)
    if weight.sum() == 0:
        weight = np.ones_like(weight)
    low, high = within_sd / 2, 8 * within_sd
    for _ in range(40):
        sd = (low + high) / 2
        level = _levels(client_mean, sd, minimum, maximum)
        variance = np.average(_cut_moments(level, sd, minimum, maximum)[1], weights=weight)
        low, high = (sd, high) if variance < within_sd**2 else (low, sd)
    sd = (low + high) / 2
    return _levels(client_mean, sd, minimum, maximum), sd


def _levels(client_mean: Floats, sd: float, minimum: float, maximum: float) -> Floats:
    """Read off a table of levels and the means they give: the mean rises with the level."""
    reach = _FURTHEST * sd
    table = np.linspace(minimum - reach, maximum + reach, _TABLE)
    return np.asarray(np.interp(client_mean, _cut_moments(table, sd, minimum, maximum)[0], table))


def _cut_moments(level: Floats, sd: float, minimum: float, maximum: float) -> tuple[Floats, Floats]:
    """Mean and variance of normal values cut off at both ends (a doubly censored normal)."""
    a, b = (minimum - level) / sd, (maximum - level) / sd
    below, above = ndtr(a), ndtr(-b)
    inside = 1 - below - above
    at_a, at_b = np.exp(-(a**2) / 2) / np.sqrt(2 * np.pi), np.exp(-(b**2) / 2) / np.sqrt(2 * np.pi)
    first = level * inside + sd * (at_a - at_b)
    second = (
        (level**2 + sd**2) * inside + 2 * level * sd * (at_a - at_b) + sd**2 * (a * at_a - b * at_b)
    )
    mean = first + minimum * below + maximum * above
    square = second + minimum**2 * below + maximum**2 * above
    return mean, np.maximum(square - mean**2, 0.0)


def _fewest(rules: DropRules) -> dict[str, int]:
    return {
        "fixed": rules.fixed_forms,
        "sd1": rules.sd_forms,
        "sd2": rules.sd_forms,
        "chart": rules.chart_forms,
    }


def _estimate(
    rule: str, n_eligible: int, n_flagged: int, n_varied: int | None, n_repeats: int
) -> ExpectedDrops:
    if n_eligible == 0:
        return ExpectedDrops(rule, 0, None, None)
    n = n_eligible * n_repeats
    share = n_flagged / n
    error = float(np.sqrt(share * (1 - share) / n))
    return ExpectedDrops(rule, n_eligible, share, error, 1.0 if n_varied is None else n_varied / n)


def _require(
    n_forms: Ints,
    client_mean: Floats,
    within_sd: float,
    minimum: float,
    maximum: float,
    step: float,
) -> None:
    if n_forms.shape != client_mean.shape or n_forms.ndim != 1:
        raise MeasureUndefined("forms and means need one entry a series each")
    if not maximum > minimum or not step > 0:
        raise MeasureUndefined("the scale needs a width and a step above 0")
    if not np.isfinite(within_sd) or within_sd < 0:
        raise MeasureUndefined("the SD within clients must be at least 0")
    if np.any(client_mean < minimum - step) or np.any(client_mean > maximum + step):
        raise MeasureUndefined("a client's mean lies outside the scale")
