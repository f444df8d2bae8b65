"""How much more the units differ than chance allows, and by how much that widens the limits.

Spiegelhalter 2005 (Qual Saf Health Care 14:347-351 with its appendix): z-scores whose extremes are
held back, the dispersion ratio phi, and either a between-unit variance tau2 of moments (additive,
after DerSimonian & Laird 1986, Control Clin Trials 7:177-188) or s times sqrt(phi)
(multiplicative). Extremes are winsorised, or truncated as NHS Digital's SHMI does it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Trim = Literal["winsorise", "truncate"]
Overdispersion = Literal["additive", "multiplicative", "none"]


@dataclass(frozen=True)
class Dispersion:
    """How much more the z-scores vary than chance allows.

    `phi`: mean squared trimmed z, 1 when chance explains all. `tau2`: between-unit variance in
    squared units of the analysis scale, never below 0; 0 unless over-dispersion is additive.
    """

    phi: float
    tau2: float
    kind: Overdispersion = "additive"

    @property
    def widens(self) -> bool:
        """Whether limits with over-dispersion differ from those without.

        A phi below 1 never narrows them: there is no such thing as too little over-dispersion
        (FunnelPlotR 0.6 falls back on the unadjusted limits when phi <= 1).
        """
        return self.phi > 1.0 if self.kind == "multiplicative" else self.tau2 > 0.0

    def spread(self, standard_errors: Floats) -> Floats:
        """sqrt(s2 + tau2), s sqrt(phi), or s: what the limits with over-dispersion rest on."""
        if self.kind == "multiplicative":
            factor = np.sqrt(self.phi) if self.widens else 1.0
            return np.asarray(standard_errors * factor, dtype=np.float64)
        return np.asarray(np.sqrt(standard_errors**2 + self.tau2), dtype=np.float64)


def winsorise(z: Floats, share: float) -> Floats:
    """Pull the lowest and the highest `share` of the z-scores in to the quantiles there.

    Quantiles of type 7 (Hyndman & Fan 1996, Am Stat 50:361), as R's default and FunnelPlotR.
    """
    lowest, highest = np.quantile(z, [share, 1.0 - share], method="linear")
    return np.clip(z, lowest, highest)


def is_kept_by_truncation(z: Floats, share: float) -> NDArray[np.bool_]:
    """Which z-scores stay when the lowest and the highest `share` are left out, by rank.

    With k = 1/share groups, a unit of average rank r is in group floor(r k/(I + 1)); the groups 0
    and above k - 2 go (FunnelPlotR 0.6 and SHMI, where share is .1 and groups are deciles).
    """
    if share == 0.0:
        return np.ones(z.size, dtype=np.bool_)
    _, place, n_tied = np.unique(z, return_inverse=True, return_counts=True)
    rank = (np.cumsum(n_tied) - (n_tied - 1) / 2.0)[place]
    groups = 1.0 / share
    group = np.floor(rank * groups / (z.size + 1))
    return np.asarray((group > 0) & (group < groups - 1.0), dtype=np.bool_)


def dispersion(
    z: Floats,
    standard_errors: Floats,
    share: float,
    trim: Trim = "winsorise",
    kind: Overdispersion = "additive",
) -> Dispersion:
    """Dispersion ratio and between-unit variance from z-scores and their standard errors.

    phi = sum(zt2)/I and tau2 = max(0, (I phi - (I - 1)) / (sum w - sum w2 / sum w)), w = 1/s2
    (Spiegelhalter 2005, QSHC appendix). Truncation takes z-scores out, so I and w are those of the
    units that stay. One unit alone has no between-unit variance: tau2 is 0.

    Winsorising z-scores that are normal leaves about .68 of their variance (truncating, less), so
    phi is below 1 when there is no over-dispersion at all; the rule is the literature's.

    Raises ValueError when a share is not in 0 to below .5, when truncation leaves no unit, or when
    a z-score that has no bound is not trimmed away.
    """
    if not 0.0 <= share < 0.5:
        raise ValueError("the share trimmed at each end must be at least 0 and below 0.5")
    if trim == "truncate":
        stays = is_kept_by_truncation(z, share)
        z, standard_errors = z[stays], standard_errors[stays]
        if z.size == 0:
            raise ValueError("truncation leaves no unit; truncate a smaller share, or winsorise")
    if bool(np.any(np.isinf(z))):
        raise ValueError(
            "units that observed none have no logarithm, and too many of them to be trimmed; "
            "use the square root scale or truncate a larger share"
        )
    trimmed = winsorise(z, share) if trim == "winsorise" else z
    n_units = z.size
    phi = float(np.mean(trimmed**2))
    if kind != "additive":
        return Dispersion(phi, 0.0, kind)
    weights = standard_errors**-2.0
    spread = float(np.sum(weights) - np.sum(weights**2) / np.sum(weights))
    if n_units < 2 or spread <= 0.0:
        return Dispersion(phi, 0.0)
    return Dispersion(phi, max(0.0, (n_units * phi - (n_units - 1)) / spread))
