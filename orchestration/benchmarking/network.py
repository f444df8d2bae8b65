"""One network's sites against their own target: variances, standard errors, funnel.

A network is all published sites of one instrument, version, language, informant, collection mode,
metric, stage and period. Arrays in, arrays out.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.benchmarking.funnel import Funnel, mean_funnel
from orchestration.benchmarking.scales import Floats, scaled_means
from orchestration.benchmarking.shrinkage import MINIMUM_UNITS, Shrunken, shrink
from orchestration.benchmarking.variance import (
    Codes,
    VarianceComponents,
    clustered_standard_error,
    estimate_variances,
)

MINIMUM_SITES = 3
"""With two sites the target lies between them and each is compared with itself."""


@dataclass(frozen=True)
class TherapistStatistics:
    """What is needed of each known therapist; `site` is the position of the site in the network.

    `means` is the mean of the clients' means, `sums_of_squares` the clients' squared deviations
    from it, in the unit and squared unit of the value.
    """

    site: Codes
    n_clients: Floats
    means: Floats
    sums_of_squares: Floats


@dataclass(frozen=True)
class NetworkBenchmark:
    """`standard_errors` has one entry a site; `reasons` names what stands against a comparison.

    `components` is None for a network without sites or with as many sites as clients; then there
    is no standard error either. `funnel` is None whenever there is no honest target, `shrunken`
    then too, and for fewer sites than shrinkage needs.
    """

    components: VarianceComponents | None
    standard_errors: Floats
    funnel: Funnel | None
    reasons: tuple[str, ...]
    shrunken: Shrunken | None = None


@dataclass(frozen=True)
class Spreads:
    """What the standard errors of a network's sites are made of.

    `components` is None where nothing could be estimated; `is_confounded` says that therapists
    could not be told from their clients, so that standard errors are too small.
    """

    components: VarianceComponents | None
    is_confounded: bool


def spreads_of(therapists: TherapistStatistics, n_sites: int) -> Spreads:
    """A network's variances from the known therapists of its sites."""
    if n_sites == 0 or float(therapists.n_clients.sum()) <= n_sites:
        return Spreads(None, False)
    components = estimate_variances(
        therapists.site, therapists.n_clients, therapists.means, therapists.sums_of_squares
    )
    # Only one client for each therapist is harmless: then J_eff = n and either share gives this s.
    shared = bool(np.any(therapists.n_clients > 1))
    return Spreads(components, components.separation == "not_separable" and shared)


def benchmark_network(
    means: Floats,
    n_clients: Floats,
    therapists_effective: Floats,
    spreads: Spreads,
    winsorise_share: float,
) -> NetworkBenchmark:
    """Benchmark the I sites of one network, all of whose therapists are known.

    `means` are the sites' means of client means, `n_clients` all their clients: the few whose
    therapist is unknown count here, and are taken to be spread over therapists like the others.
    `therapists_effective` is each site's J_eff (variance.effective_therapists).
    """
    n_sites = means.size
    too_few = ("too_few_sites",) if n_sites < MINIMUM_SITES else ()
    components = spreads.components
    if n_sites == 0 or components is None:
        return NetworkBenchmark(None, np.full(n_sites, np.nan), None, too_few)
    standard_errors = clustered_standard_error(components, therapists_effective, n_clients)
    reasons = (
        *too_few,
        *(("therapists_not_separable",) if spreads.is_confounded else ()),
        *(("no_variation",) if not np.all(standard_errors > 0) else ()),
    )
    # Where therapists cannot be told apart s is too small; its limits would be too narrow.
    if reasons:
        return NetworkBenchmark(components, standard_errors, None, reasons)
    funnel = mean_funnel(means, standard_errors, winsorise_share)
    enough = n_sites >= MINIMUM_UNITS
    shrunken = shrink(scaled_means(means, standard_errors)) if enough else None
    return NetworkBenchmark(components, standard_errors, funnel, (), shrunken)
