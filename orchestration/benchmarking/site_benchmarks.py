"""Site statistics -> the release's benchmark cells: suppression, standard errors, funnel, flags.

Hidden cells are taken out before anything of the network is computed, so that no target, variance
or limit carries a hidden site's value; shown ones enter with the numbers they are shown with
(shown_cells). What each network quantity is made of:

- members: published cells whose therapists are known (at most UNKNOWN_THERAPIST_SHARE of clients
  without one). They give the variances, the target, phi and tau2, whether comparable or not.
- a published cell whose therapists are unknown gets its mean and SD/sqrt(n), marked, and no limits:
  that standard error is too small and would pull the target towards it.
- the unknown few of a member count in its mean and its n, and are taken to be spread over its
  therapists as the known clients are; no therapist is made up for them.
- fewer than three members (network.MINIMUM_SITES): no target, no over-dispersion, no limits; the
  means and their standard errors stay. Shrunken values need one member more
  (shrinkage.MINIMUM_UNITS).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from expectations.model import Thresholds
from orchestration.benchmarking.cells import (
    CELL_COLUMNS,
    NETWORK_COLUMNS,
    SUPPRESSED,
    known_therapists,
    prepared_cells,
)
from orchestration.benchmarking.comparability import WITHHOLDS_FLAG, joined, reasons_of_cells
from orchestration.benchmarking.disclosure_cells import coded_error, error_bound
from orchestration.benchmarking.funnel import Funnel
from orchestration.benchmarking.network import (
    NetworkBenchmark,
    Spreads,
    TherapistStatistics,
    benchmark_network,
    spreads_of,
)
from orchestration.benchmarking.networks_estimated import (
    EarlierNetworks,
    network_numbers,
    networks_frame,
)
from orchestration.benchmarking.scales import Floats
from orchestration.benchmarking.shown_cells import (
    COUNTS,
    ShownCells,
    coarse_spreads,
    errors_of,
    exact_cells,
    published_cells,
)

_FUNNEL_COLUMNS = (
    "target",
    "standard_error",
    "z",
    "phi",
    "tau2",
    "lower95",
    "upper95",
    "lower998",
    "upper998",
)
_SHRUNKEN_COLUMNS = ("shrunken", "shrunken_lower95", "shrunken_upper95", "reliability")
NUMBER_COLUMNS: tuple[str, ...] = (
    *COUNTS,
    "response_rate",
    "ceiling_share",
    "raw",
    "adjusted",
    *_SHRUNKEN_COLUMNS,
    *_FUNNEL_COLUMNS,
)
BOUNDS: tuple[str, ...] = ("raw_bound", "ceiling_share_bound", "standard_error_bound")
"""What a number coded at an end stands for (disclosure_cells); null where it is as shown."""
COLUMNS: tuple[str, ...] = (
    *CELL_COLUMNS,
    *NUMBER_COLUMNS,
    *BOUNDS,
    "flag",
    "comparability",
    "is_suppressed",
    "suppression_reason",
    "is_kept",
)


@dataclass(frozen=True)
class SiteBenchmarks:
    """`cells`: one row a cell, columns COLUMNS. `networks`: one row a network with its variances.

    `is_kept` is for the warehouse alone: the cell stands as an earlier release showed it, and what
    is derived from it stands too.

    `networks` holds network totals and is for the warehouse, not for a release. `errors`: of cells
    written anew, what their standard errors were made of (shown_cells.ERRORS).
    """

    cells: pd.DataFrame
    networks: pd.DataFrame
    errors: pd.DataFrame


def benchmark_sites(
    therapist_statistics: pd.DataFrame,
    site_statistics: pd.DataFrame,
    response_rates: pd.DataFrame,
    thresholds: Thresholds,
    shown: ShownCells | None = None,
) -> SiteBenchmarks:
    """Benchmarks of every cell in `shown`, in the order of CELL_COLUMNS.

    The frames are marts.rpt_therapist_statistics, rpt_site_statistics and rpt_response_rates. The
    order of their rows does not matter, to the last bit of the result. Without `shown` all numbers
    are exact and only small cells are left out: that is not for a release.

    Raises ValueError when a column is missing, a cell occurs twice, or the therapists of a cell
    have more clients than the cell.
    """
    cells = prepared_cells(site_statistics, response_rates)
    shown = shown or exact_cells(cells, thresholds)
    published = published_cells(shown, cells)
    known = known_therapists(published, therapist_statistics)
    errors = errors_of(published, known, shown)
    result, networks = _published_benchmarks(published, known, errors, shown, thresholds)
    is_suppressed = shown.cells["is_suppressed"].to_numpy(dtype=np.bool_)
    suppressed = shown.cells.loc[is_suppressed, list(CELL_COLUMNS)].assign(
        is_suppressed=True, suppression_reason=SUPPRESSED, is_kept=False
    )
    both = pd.concat([result, suppressed]).reindex(columns=list(COLUMNS))
    both = both.sort_values(list(CELL_COLUMNS), ignore_index=True)
    fresh = published["is_fresh"].to_numpy(dtype=np.bool_)
    written = published[list(CELL_COLUMNS)].join(errors)[fresh].reset_index(drop=True)
    return SiteBenchmarks(_typed(both), networks, written)


def _published_benchmarks(
    published: pd.DataFrame,
    known: pd.DataFrame,
    errors: pd.DataFrame,
    shown: ShownCells,
    thresholds: Thresholds,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Published cells with all that can be said of them, and the table of networks."""
    n_cells = len(published)
    network = published.groupby(list(NETWORK_COLUMNS), dropna=False).ngroup()
    therapist_unknown = errors["is_therapist_unknown"].to_numpy(dtype=np.bool_)
    reasons = reasons_of_cells(published, network, thresholds)
    reasons["therapist_unknown"] = therapist_unknown
    numbers = {name: np.full(n_cells, np.nan) for name in (*_FUNNEL_COLUMNS, *_SHRUNKEN_COLUMNS)}
    flags = np.full(n_cells, None, dtype=object)
    rows = []
    statistics = _Statistics.of(published, known, errors)
    before = EarlierNetworks(shown.networks)
    fresh = published["is_fresh"].to_numpy(dtype=np.bool_)
    for cells in _positions(network.to_numpy()):
        members = cells[~therapist_unknown[cells]]
        name = tuple(published.iloc[int(cells[0])][list(NETWORK_COLUMNS)])
        spreads = None if fresh[cells].any() else before.spreads(name)
        is_new = spreads is None
        if spreads is None:
            spreads = statistics.spreads(members)
            spreads = coarse_spreads(spreads) if shown.is_coarse else spreads
        found = statistics.benchmark(members, spreads, thresholds.winsorise_share)
        numbers["standard_error"][members] = found.standard_errors
        for reason in found.reasons:
            # Of the whole network: a site without known therapists has no more to compare with.
            reasons.setdefault(reason, np.zeros(n_cells, dtype=bool))[cells] = True
        if found.funnel is not None:
            _place(numbers, members, found.funnel)
            flags[members] = found.funnel.overdispersed.flag
        if found.shrunken is not None:
            numbers["shrunken"][members] = found.shrunken.values
            numbers["shrunken_lower95"][members] = found.shrunken.lower95
            numbers["shrunken_upper95"][members] = found.shrunken.upper95
            numbers["reliability"][members] = found.shrunken.reliability
        rows.append([*name, cells.size, *network_numbers(spreads), is_new])
    # Too small (variance.independent_standard_error), which is why no flag stands beside it.
    independent = _floats(errors, "deviation") / np.sqrt(statistics.n_clients)
    of_error = np.full(n_cells, None, dtype=object)
    if shown.is_coarse:
        least = _floats(published, "least_error")
        independent = coded_error(independent, least)
        of_error[therapist_unknown] = error_bound(independent, least)[therapist_unknown]
    numbers["standard_error"][therapist_unknown] = independent[therapist_unknown]
    for reason in set(reasons) & set(WITHHOLDS_FLAG):
        flags[reasons[reason]] = None
    named = published[[*CELL_COLUMNS, *COUNTS, "response_rate", "ceiling_share", "is_kept"]]
    result = named.assign(
        raw=statistics.means,
        **numbers,
        raw_bound=published["mean_bound"],
        ceiling_share_bound=published["share_bound"],
        standard_error_bound=of_error,
        flag=flags,
        comparability=joined(reasons, n_cells),
        is_suppressed=False,
    )
    return result, networks_frame(rows)


def _positions(network: NDArray[np.integer[Any]]) -> list[NDArray[np.intp]]:
    """Row numbers of each network, network by network."""
    if network.size == 0:
        return []
    order = np.argsort(network, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(network[order])) + 1)


def _place(numbers: dict[str, Floats], members: NDArray[np.intp], funnel: Funnel) -> None:
    """Write a network's funnel into the columns of its members."""
    limits = funnel.overdispersed
    numbers["target"][members] = funnel.target
    numbers["z"][members] = funnel.z
    numbers["phi"][members] = funnel.dispersion.phi
    numbers["tau2"][members] = funnel.dispersion.tau2
    numbers["lower95"][members] = limits.lower95
    numbers["upper95"][members] = limits.upper95
    numbers["lower998"][members] = limits.lower998
    numbers["upper998"][members] = limits.upper998


@dataclass(frozen=True)
class _Statistics:
    """The published cells' numbers as arrays, and their therapists', sorted by cell."""

    means: Floats
    n_clients: Floats
    therapists_effective: Floats
    first: NDArray[np.intp]
    """Where each cell's therapists begin; one entry more than cells."""
    therapists: TherapistStatistics

    @classmethod
    def of(
        cls, published: pd.DataFrame, known: pd.DataFrame, errors: pd.DataFrame
    ) -> "_Statistics":
        therapists = TherapistStatistics(
            known["cell"].to_numpy(dtype=np.intp),
            _floats(known, "n_clients"),
            _floats(known, "mean_of_client_means"),
            _floats(known, "sum_of_squares"),
        )
        return cls(
            _floats(published, "mean_of_client_means"),
            _floats(published, "n_clients"),
            _floats(errors, "therapists_effective"),
            np.searchsorted(therapists.site, np.arange(len(published) + 1)),
            therapists,
        )

    def spreads(self, members: NDArray[np.intp]) -> Spreads:
        """The variances of the network made of these cells."""
        n_therapists = self.first[members + 1] - self.first[members]
        before = np.cumsum(n_therapists) - n_therapists
        site = np.repeat(np.arange(members.size), n_therapists)
        rows = np.arange(site.size) + (self.first[members] - before)[site]
        return spreads_of(
            TherapistStatistics(
                site,
                self.therapists.n_clients[rows],
                self.therapists.means[rows],
                self.therapists.sums_of_squares[rows],
            ),
            members.size,
        )

    def benchmark(
        self, members: NDArray[np.intp], spreads: Spreads, winsorise_share: float
    ) -> NetworkBenchmark:
        """Benchmark the network made of these cells."""
        return benchmark_network(
            self.means[members],
            self.n_clients[members],
            self.therapists_effective[members],
            spreads,
            winsorise_share,
        )


def _floats(frame: pd.DataFrame, column: str) -> Floats:
    return frame[column].to_numpy(dtype=np.float64)


def _typed(cells: pd.DataFrame) -> pd.DataFrame:
    """Counts as nullable whole numbers, the rest doubles, text as text even where all is null."""
    types: dict[str, str] = dict.fromkeys(COLUMNS, "str")
    types |= dict.fromkeys(NUMBER_COLUMNS, "float64")
    types |= dict.fromkeys(COUNTS, "Int64")
    return cells.astype(types | {"is_suppressed": "bool", "is_kept": "bool"})
