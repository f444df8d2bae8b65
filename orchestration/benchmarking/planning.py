"""How many therapists and clients a site needs before its mean says anything about the site."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

DEFAULT_SITE_SHARE = 0.01
DEFAULT_THERAPIST_SHARE = 0.04
"""Shares of the variance of one client's value (metrics reference, "Benchmarks between sites")."""


@dataclass(frozen=True)
class PlannedSite:
    """`n_clients_each` is the smallest number of clients for each therapist that is enough; None
    where no number of clients is, because the therapists themselves differ too much."""

    n_therapists: int
    n_clients_each: int | None
    reliability: float | None


def site_mean_reliability(
    n_therapists: int,
    n_clients_each: float,
    site_share: float = DEFAULT_SITE_SHARE,
    therapist_share: float = DEFAULT_THERAPIST_SHARE,
) -> float:
    """Reliability of the mean of a site with equally busy therapists, 0-1.

    site / (site + therapist/J + rest/(J m)), J therapists with m clients each: the generalisability
    coefficient of a nested design (Brennan 2001, Generalizability Theory, ch. 3). 10 therapists
    with 30 clients: .01/(.01 + .004 + .95/300) = .58.

    Raises ValueError when there is no therapist or client, or the shares are not shares.
    """
    _require_shares(site_share, therapist_share)
    if n_therapists < 1 or n_clients_each <= 0:
        raise ValueError("a site needs at least one therapist and one client")
    rest = 1.0 - site_share - therapist_share
    noise = therapist_share / n_therapists + rest / (n_therapists * n_clients_each)
    return site_share / (site_share + noise)


def plan(
    n_therapists: Sequence[int],
    reliability: float = 0.8,
    site_share: float = DEFAULT_SITE_SHARE,
    therapist_share: float = DEFAULT_THERAPIST_SHARE,
) -> list[PlannedSite]:
    """For each number of therapists, the clients each of them needs for a wanted reliability.

    The noise allowed is site (1 - r)/r; what the therapists leave of it is the clients' share.
    Raises ValueError when the reliability is not between 0 and 1, or the shares are not shares.
    """
    _require_shares(site_share, therapist_share)
    if not 0.0 < reliability < 1.0:
        raise ValueError("the reliability wanted must lie between 0 and 1")
    allowed = site_share * (1.0 - reliability) / reliability
    rest = 1.0 - site_share - therapist_share
    found = []
    for count in n_therapists:
        left = allowed * count - therapist_share
        if left <= 0.0:
            found.append(PlannedSite(count, None, None))
            continue
        # Less a hair, so that a number that is exactly enough is not rounded up.
        each = max(1, math.ceil(rest / left - 1e-9))
        reached = site_mean_reliability(count, each, site_share, therapist_share)
        found.append(PlannedSite(count, each, reached))
    return found


def _require_shares(site_share: float, therapist_share: float) -> None:
    if not (site_share > 0.0 and therapist_share >= 0.0 and site_share + therapist_share <= 1.0):
        raise ValueError("the shares of site and therapist must be positive and at most 1 together")
