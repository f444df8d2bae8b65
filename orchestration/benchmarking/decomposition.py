"""Where a site's distance from the network comes from, in parts that add up to it.

    gap = raw - network mean = case mix + response + a few therapists + rest

- Case mix: expected - network mean (case_mix.py).
- Response: what the adjusted mean of those who answered has above that of all who were asked, as
  far as weights can tell (response_weights.py says what they cannot), against the same of the whole
  network. Differences in the answerers' covariates are in case mix already; what is left here is
  whose therapists hand the form out.
- A few therapists: what of the remaining distance goes when the one or two therapists who make most
  of it are set to the site's median therapist. Therapists stand with their shrunken values (BLUP;
  Robinson 1991, Stat Sci 6:15), else chance alone would always single somebody out; the part is
  never more than what remains. It is a share of a site with at least three therapists, none of whom
  has most of the clients: who they are is neither asked nor kept.
- Rest: everything else, chance included. It is no verdict on the site.

The order matters, as in every decomposition: each part is of what the ones before it left.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.benchmarking.case_mix import Adjusted
from orchestration.benchmarking.case_mix_covariates import Clients
from orchestration.benchmarking.cells import DOMINANT_THERAPIST_SHARE
from orchestration.benchmarking.variance import Codes, Floats
from orchestration.measures.alliance_outcome import Pooled

FEWEST_THERAPISTS = 3
TWO_THERAPISTS_FROM = 6
"""Therapists a site needs for the two of them who make most of the distance to be a few; below it
is one."""


@dataclass(frozen=True)
class GapParts:
    """One entry a site, in units of the value; NaN where a site is not adjusted.

    `case_mix + response + therapists + rest` is `gap`; a part that could not be found is NaN and
    counts 0, what it would have been stays in `rest`. `therapists_share`: the part of a few
    therapists as a share (0 to 1) of what case mix and response leave.
    """

    gap: Floats
    case_mix: Floats
    response: Floats
    therapists: Floats
    rest: Floats
    therapists_share: Floats


@dataclass(frozen=True)
class OutcomeOfGap:
    """What gaps have gone along with, one entry a site: in SDs of the outcome that is left when the
    outcome at the alliance form is held constant, above 0 where it is better; its 95 % interval."""

    value: Floats
    lower95: Floats
    upper95: Floats


def decompose(clients: Clients, adjusted: Adjusted, weight: Floats | None = None) -> GapParts:
    """Parts of the gaps of one network's sites.

    `weight`: one entry a client, how much the client counts for all who were asked; NaN where that
    is not known, which leaves the client out. None where nobody knows who was asked.
    """
    site, n_sites = clients.site, clients.n_sites
    gap = np.where(np.isfinite(adjusted.adjusted), adjusted.raw - adjusted.network_mean, np.nan)
    case_mix = adjusted.expected - adjusted.network_mean
    response = np.full(n_sites, np.nan)
    if weight is not None:
        response = _response(site, n_sites, adjusted, weight)
    remaining = gap - case_mix - np.nan_to_num(response)
    therapists = _therapists(clients, adjusted, remaining)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(remaining == 0, 0.0, therapists / remaining)
    return GapParts(
        gap=gap,
        case_mix=case_mix,
        response=response,
        therapists=therapists,
        rest=remaining - np.nan_to_num(therapists),
        therapists_share=np.where(np.isnan(therapists), np.nan, share),
    )


def outcome_of_gap(gap: Floats, association: Pooled, alliance_sd: float) -> OutcomeOfGap:
    """What a difference in alliance of this size goes along with among this network's clients.

    `association`: the pooled correlation of early alliance with the change after it
    (measures/alliance_outcome.py), a standardised slope; `alliance_sd`: of the clients' early
    alliance, the outcome at the form held constant, in the unit of `gap`. value = r gap / SD, its
    limits from those of r; the gap is taken as it is. It is a difference between clients carried
    over to sites: no promise of what a better alliance would bring.
    """
    if not alliance_sd > 0:
        raise ValueError("the standard deviation of the alliance must be above 0")
    size = gap / alliance_sd
    ends = np.stack([size * association.lower95, size * association.upper95])
    return OutcomeOfGap(size * association.correlation, ends.min(axis=0), ends.max(axis=0))


def _response(site: Codes, n_sites: int, adjusted: Adjusted, weight: Floats) -> Floats:
    """Answerers' own mean above their weighted one, against the network's."""
    used = np.isfinite(weight) & np.isfinite(adjusted.client_values)
    at, values, weight = site[used], adjusted.client_values[used], weight[used]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.bincount(at, weights=values, minlength=n_sites) / np.bincount(
            at, minlength=n_sites
        ) - np.bincount(at, weights=weight * values, minlength=n_sites) / np.bincount(
            at, weights=weight, minlength=n_sites
        )
    has = np.isfinite(found)
    n = adjusted.n_clients[has]
    return found - float(n @ found[has]) / float(n.sum()) if has.any() else found


def _therapists(clients: Clients, adjusted: Adjusted, remaining: Floats) -> Floats:
    """What the one or two therapists who make most of `remaining` make of it."""
    site, n_sites = clients.site, clients.n_sites
    nothing = np.full(n_sites, np.nan)
    used = np.isfinite(adjusted.client_values) & (clients.therapist >= 0)
    if adjusted.components is None or not used.any():
        return nothing
    base = int(clients.therapist.max()) + 1
    pair = site.astype(np.int64) * base + clients.therapist
    pairs, group = np.unique(pair[used], return_inverse=True)
    at = (pairs // base).astype(np.intp)
    n = np.bincount(group).astype(np.float64)
    own = np.bincount(group, weights=adjusted.client_values[used]) / n
    between, within = adjusted.components.variance_therapist, adjusted.components.variance_client
    certain = between / (between + within / n) if between > 0 else np.zeros(n.size)
    centre_weight = certain if between > 0 else n
    centre = np.bincount(at, weights=centre_weight * own, minlength=n_sites) / np.maximum(
        np.bincount(at, weights=centre_weight, minlength=n_sites), 1e-300
    )
    shrunken = certain * (own - centre[at])
    n_of_site = np.bincount(at, weights=n, minlength=n_sites)
    share = n / n_of_site[at]
    n_therapists = np.bincount(at, minlength=n_sites)
    direction = np.sign(remaining)
    pull = direction[at] * share * (shrunken - _medians(at, shrunken, n_sites)[at])
    order = np.lexsort((-pull, at))
    first = np.cumsum(n_therapists) - n_therapists
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(order.size) - first[at[order]]
    few = np.where(n_therapists >= TWO_THERAPISTS_FROM, 2, 1)
    counts = np.where((rank < few[at]) & (pull > 0), pull, 0.0)
    part = np.bincount(at, weights=counts, minlength=n_sites)
    part = direction * np.minimum(part, np.abs(remaining))
    largest = np.zeros(n_sites)
    np.maximum.at(largest, at, share)
    is_shown = (n_therapists >= FEWEST_THERAPISTS) & (largest <= DOMINANT_THERAPIST_SHARE)
    return np.where(is_shown, part, nothing)


def _medians(group: Codes, values: Floats, n_groups: int) -> Floats:
    """Median of each group's values; NaN for a group without."""
    order = np.lexsort((values, group))
    n = np.bincount(group, minlength=n_groups)
    first = np.cumsum(n) - n
    found, has = np.full(n_groups, np.nan), n > 0
    in_order = values[order]
    low, high = first[has] + (n[has] - 1) // 2, first[has] + n[has] // 2
    found[has] = (in_order[low] + in_order[high]) / 2
    return found
