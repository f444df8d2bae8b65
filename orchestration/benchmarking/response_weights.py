"""Weights that make the clients who answered stand for all who were asked.

Each client who answered counts 1 / p, p the propensity to answer (Horvitz & Thompson 1952, J Am
Stat Assoc 47:663; for surveys Little & Rubin 2019, Statistical Analysis with Missing Data, 3.3),
from the therapist's response rate and the client's covariates: logit p = logit(therapist's rate) +
c covariates. A therapist's rate is drawn towards the site's, as far as rates differ no more than
chance allows (beta-binomial, by moments: Kleinman 1973, J Am Stat Assoc 68:46).

It sees clients of therapists who seldom hand the form out, and clients of an age, service or mode
that seldom answers, where some like them did. It cannot see that unhappy clients stay silent: who
is missing because of the alliance itself is like those who are not, as far as anything recorded
says. Nor can it see clients of therapists who gave no form at all (`share_unseen`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from orchestration.benchmarking.case_mix_covariates import FEWEST_OF_CATEGORY
from orchestration.benchmarking.variance import Codes, Floats
from orchestration.measures.arrays import Bools
from orchestration.measures.fixed_design import Words, independent_columns

FEWEST_ASKED = 30
"""Clients asked at a site before their answering is modelled. Ours."""
LARGEST_WEIGHT = 5.0
"""Against the site's median: above it one client's answer would stand for a whole group (Cole &
Hernan 2008, Am J Epidemiol 168:656)."""
_MOST_STEPS = 50
_PENALTY = 1e-3
"""Keeps a coefficient finite where all of a category answered; nothing beside any real number."""


@dataclass(frozen=True)
class Asked:
    """One entry a client of whom a form was due: as `Clients`, with whether one came."""

    site: Codes
    n_sites: int
    therapist: Codes
    is_answered: Bools
    numbers: Mapping[str, Floats]
    words: Mapping[str, Words]


@dataclass(frozen=True)
class ResponseWeights:
    """`weight`: one entry a client asked, mean 1 over those of a site who answered; NaN for those
    who did not and for sites with fewer than FEWEST_ASKED. `rate` and `share_unseen` by site: the
    share who answered, and of clients whose therapist has no answer at all."""

    weight: Floats
    rate: Floats
    share_unseen: Floats


def response_weights(asked: Asked) -> ResponseWeights:
    """Weights of all sites of a network; coefficients of the covariates are the network's."""
    site, n_sites = asked.site, asked.n_sites
    answered = asked.is_answered.astype(np.float64)
    n = np.bincount(site, minlength=n_sites)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.bincount(site, weights=answered, minlength=n_sites) / n
    of_therapist, group = np.unique(
        np.column_stack([site, asked.therapist]), axis=0, return_inverse=True
    )
    therapist_rate, is_unseen = _therapist_rates(of_therapist[:, 0], group.ravel(), answered, rate)
    known = asked.therapist >= 0
    offset = logit(np.where(known, therapist_rate[group.ravel()], np.clip(rate, 0.01, 0.99)[site]))
    propensity = expit(offset + _covariate_part(asked, answered, offset))
    unseen = (known & is_unseen[group.ravel()]).astype(np.float64)
    weight = np.where(asked.is_answered & (n >= FEWEST_ASKED)[site], 1 / propensity, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        share_unseen = np.bincount(site, weights=unseen, minlength=n_sites) / n
    return ResponseWeights(_trimmed(weight, site, n_sites), rate, share_unseen)


def _therapist_rates(
    site: Codes, group: Codes, answered: Floats, rate: Floats
) -> tuple[Floats, Bools]:
    """Each therapist's rate drawn towards the site's; whether a therapist has no answer."""
    n = np.bincount(group).astype(np.float64)
    own = np.bincount(group, weights=answered) / n
    centre = np.clip(rate, 0.01, 0.99)[site]
    chance = centre * (1 - centre)
    # E sum n (own - centre)^2 = sum chance + sum n variance between, the site's own freedom lost.
    freedom = 1 - np.unique(site).size / n.size
    excess = float(n @ (own - centre) ** 2) - freedom * float(chance.sum())
    between = max(excess, 0.0) / max(float(n.sum()) - float(chance.size), 1.0)
    level = float(chance.mean())
    strength = level / between - 1 if between > level * 1e-4 else 1e4
    strength = max(strength, 0.5)
    return (n * own + strength * centre) / (n + strength), own == 0


def _covariate_part(asked: Asked, answered: Floats, offset: Floats) -> Floats:
    """Contribution of the covariates to the logit, least squares reweighted, offset given."""
    columns = [np.ones(answered.size)]
    for values in asked.numbers.values():
        known = np.isfinite(values)
        if known.any() and np.ptp(values[known]) > 0:
            columns.append(
                np.where(known, (values - values[known].mean()) / values[known].std(), 0)
            )
        columns.append((~known).astype(np.float64))
    for words in asked.words.values():
        columns += [
            (words.codes == code).astype(np.float64)
            for code in np.unique(words.codes)[1:]
            if int((words.codes == code).sum()) >= FEWEST_OF_CATEGORY
        ]
    x = np.column_stack(columns)
    x = x[:, independent_columns(x)]
    coefficients = np.zeros(x.shape[1])
    for _ in range(_MOST_STEPS):
        p = expit(offset + x @ coefficients)
        spread = x.T @ ((p * (1 - p))[:, None] * x)
        pull = x.T @ (answered - p) - _PENALTY * coefficients
        step = np.linalg.solve(spread + _PENALTY * np.eye(coefficients.size), pull)
        coefficients = coefficients + step * min(1.0, 3.0 / max(float(np.abs(step).max()), 1e-300))
        if float(np.abs(step).max()) < 1e-8:
            break
    return np.asarray(x @ coefficients)


def _trimmed(weight: Floats, site: Codes, n_sites: int) -> Floats:
    """Cut at LARGEST_WEIGHT of the site's median, then made 1 on average."""
    has = np.isfinite(weight)
    median = np.ones(n_sites)
    order = np.lexsort((weight[has], site[has]))
    n = np.bincount(site[has], minlength=n_sites)
    first = np.cumsum(n) - n
    middle = first[n > 0] + (n[n > 0] - 1) // 2
    median[n > 0] = weight[has][order][middle]
    cut = np.minimum(weight, LARGEST_WEIGHT * median[site])
    total = np.bincount(site[has], weights=cut[has], minlength=n_sites)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(cut / (total / n)[site])
