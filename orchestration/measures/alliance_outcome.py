"""How early alliance and the change that follows go together: a correlation a site, then pooled.

Change before the alliance form may have made the alliance, so only what comes after counts: the
outcome at the form is held constant, and the last outcome is what is left to explain.

Per site: partial correlation of alliance and last outcome given the outcome at the form, which is
the correlation with residualised change. Fisher RA (1924). The distribution of the partial
correlation coefficient. Metron 3:329-332: with one covariate z = atanh r has the variance
1 / (n - 4).

Pooling: inverse variance. Q: Cochran WG (1954). The combination of estimates from different
experiments. Biometrics 10:101-129. Random effects: DerSimonian R, Laird N (1986). Meta-analysis in
clinical trials. Control Clin Trials 7:177-188. I2: Higgins JPT, Thompson SG (2002). Quantifying
heterogeneity in a meta-analysis. Stat Med 21:1539-1558.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from orchestration.measures.arrays import Better, Floats, MeasureUndefined, Reason

FEWEST_EPISODES = 30
"""Episodes a site needs: with 30, a true correlation of .28 is found anywhere from -.09 to .58."""
FEWEST_SITES = 2
REFERENCE_ADULTS = 0.278
"""Alliance and outcome in adults' psychotherapy (Fluckiger et al. 2018, Psychotherapy 55:316)."""
REFERENCE_YOUTH = 0.19
"""The same in young people's (Karver et al. 2018, Psychotherapy 55:341)."""

_NORMAL_95 = 1.959963984540054


@dataclass(frozen=True)
class SiteCorrelation:
    """`correlation`, -1 to 1, above 0 where a better alliance goes with more improvement after it.

    `z` is its Fisher transform with the standard error `z_standard_error`; the 95 % interval is
    that of the correlation. All None with a `reason`.
    """

    n: int
    correlation: float | None
    z: float | None
    z_standard_error: float | None
    lower95: float | None
    upper95: float | None
    reason: str | None


@dataclass(frozen=True)
class Pooled:
    """A pooled correlation with its 95 % interval; `z` and `z_standard_error` on Fisher's scale."""

    correlation: float
    lower95: float
    upper95: float
    z: float
    z_standard_error: float


@dataclass(frozen=True)
class PooledCorrelation:
    """`fixed`: one correlation for all sites. `random`: the mean of sites that differ.

    `q` is Cochran's with `n_sites` - 1 degrees of freedom and its `p`; `i2` the share (0-1) of the
    variation between sites that is more than chance; `tau2` the variance between sites of z. None
    with a Reason.
    """

    fixed: Pooled | None
    random: Pooled | None
    q: float | None
    p: float | None
    i2: float | None
    tau2: float | None
    n_sites: int
    n: int
    reasons: tuple[Reason, ...]


def site_correlation(
    alliance: Floats,
    outcome_at_form: Floats,
    outcome_last: Floats,
    *,
    better: Better,
    fewest_episodes: int = FEWEST_EPISODES,
) -> SiteCorrelation:
    """Of one site's episodes, one entry each; those with one of the three missing (NaN) are out.

    `alliance`: the early alliance, higher is better. `outcome_at_form`: the last outcome on or
    before the day of its last form. `outcome_last`: the last one after it. `better`: which outcome
    is. Units do not matter. r = (r_ay - r_ab r_by) / sqrt((1 - r_ab^2)(1 - r_by^2)).

    Raises MeasureUndefined for arrays of different length.
    """
    if not alliance.shape == outcome_at_form.shape == outcome_last.shape or alliance.ndim != 1:
        raise MeasureUndefined("one alliance and two outcomes per episode are needed")
    columns = np.column_stack([alliance, outcome_at_form, outcome_last])
    complete = columns[~np.isnan(columns).any(axis=1)]
    n = complete.shape[0]
    # Fisher's z has no variance below five, whatever a group has set.
    if n < max(fewest_episodes, 5):
        return _without(n, f"needs {max(fewest_episodes, 5)} episodes, found {n}")
    if (np.ptp(complete, axis=0) == 0).any():
        return _without(n, "the alliance or an outcome is the same in all episodes")
    related = np.asarray(np.corrcoef(complete, rowvar=False)).tolist()
    ab, ay, by = related[0][1], related[0][2], related[1][2]
    unexplained = (1 - ab**2) * (1 - by**2)
    if unexplained < 1e-12:
        return _without(n, "the outcome at the form leaves nothing to explain")
    partial = float(np.clip((ay - ab * by) / np.sqrt(unexplained), -1, 1))
    if better == "lower":
        partial = -partial
    if abs(partial) > 1 - 1e-12:
        return _without(n, "alliance and change are in one line: no standard error")
    z, error = float(np.arctanh(partial)), float(1 / np.sqrt(n - 4))
    return SiteCorrelation(n, partial, z, error, *_interval(z, error), None)


def pooled_correlation(sites: Sequence[SiteCorrelation]) -> PooledCorrelation:
    """Sites with a correlation pooled on Fisher's scale; those without one count in `reasons`.

    w = 1 / se^2; fixed = sum(w z) / sum(w). Q = sum(w (z - fixed)^2); I2 = max(0, (Q - df) / Q);
    tau2 = max(0, (Q - df) / (sum(w) - sum(w^2) / sum(w))); random = the same mean with weights
    1 / (se^2 + tau2), its interval Wald's.
    """
    reasons = [
        Reason("site", site.reason, place)
        for place, site in enumerate(sites)
        if site.reason is not None
    ]
    found = [
        (site.z, site.z_standard_error, site.n)
        for site in sites
        if site.z is not None and site.z_standard_error is not None
    ]
    n = sum(size for _, _, size in found)
    if len(found) < FEWEST_SITES:
        text = f"needs {FEWEST_SITES} sites with a correlation, found {len(found)}"
        reasons.append(Reason("pooled", text))
        return PooledCorrelation(None, None, None, None, None, None, len(found), n, tuple(reasons))
    z = np.array([each for each, _, _ in found])
    variance = np.array([error**2 for _, error, _ in found])
    weight = 1 / variance
    fixed = _pool(z, variance)
    freedom = len(found) - 1
    q = float((weight * (z - fixed.z) ** 2).sum())
    spread = float(weight.sum() - (weight**2).sum() / weight.sum())
    tau2 = max(0.0, (q - freedom) / spread)
    return PooledCorrelation(
        fixed=fixed,
        random=_pool(z, variance + tau2),
        q=q,
        p=float(chi2.sf(q, freedom)),
        i2=max(0.0, (q - freedom) / q) if q > 0 else 0.0,
        tau2=tau2,
        n_sites=len(found),
        n=n,
        reasons=tuple(reasons),
    )


def _pool(z: Floats, variance: Floats) -> Pooled:
    weight = 1 / variance
    mean = float((weight * z).sum() / weight.sum())
    error = float(1 / np.sqrt(weight.sum()))
    return Pooled(float(np.tanh(mean)), *_interval(mean, error), mean, error)


def _interval(z: float, error: float) -> tuple[float, float]:
    return float(np.tanh(z - _NORMAL_95 * error)), float(np.tanh(z + _NORMAL_95 * error))


def _without(n: int, reason: str) -> SiteCorrelation:
    return SiteCorrelation(n, None, None, None, None, None, reason)
