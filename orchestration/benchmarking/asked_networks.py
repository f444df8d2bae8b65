"""Who was asked, by network: weights for the clients of a cell.

Forms due know neither language nor collection mode, so the network of those asked is that of an
instrument, version and informant; weights are over whole treatments, and belong to stage `all`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from orchestration.benchmarking.response_weights import Asked, response_weights
from orchestration.benchmarking.units import SITE, Row, Units
from orchestration.benchmarking.variance import Floats
from orchestration.measures.fixed_design import Words

IDENTITY = ("instrument_code", "version", "informant")
ASKED_WORDS = ("age_band", "service_type", "delivery_mode")


_MOST_CLIENTS = 10**10
"""Above every client's number."""


class NetworksAsked:
    """`asked.cells`: SITE and IDENTITY. `asked.rows`: one a client of whom a form was due, with
    `is_answered`, `n_sessions` and a code of each of ASKED_WORDS (below 0 where unknown), whose
    `names` they count; `client_no` as in the rows that are to be weighted.
    """

    def __init__(self, asked: Units, names: Mapping[str, Sequence[str]]) -> None:
        self._networks = {
            tuple(str(named[each]) for each in IDENTITY): units
            for named, units in asked.by_network(IDENTITY)
        }
        self._names = names
        self._known: dict[tuple[str, ...], pd.Series[float]] = {}

    def weights(self, network: Row, units: Units) -> Floats | None:
        """One entry a row of `units`, of the sites it has cells of alone; NaN for clients of whom
        no form was due. None where the stage is not `all` or nobody was asked.
        """
        asked = self._networks.get(tuple(str(network[each]) for each in IDENTITY))
        if network["stage"] != "all" or asked is None:
            return None
        sites = pd.MultiIndex.from_frame(
            units.cells.iloc[np.unique(units.cell_of_row)][list(SITE)].drop_duplicates()
        )
        known = self._of_sites(asked, sites, network)
        if known.empty:
            return None
        site_of_cell = sites.get_indexer(pd.MultiIndex.from_frame(units.cells[list(SITE)]))
        wanted = (
            site_of_cell[units.cell_of_row] * _MOST_CLIENTS + units.rows["client_no"].to_numpy()
        )
        return np.asarray(known.reindex(wanted), dtype=np.float64)

    def _of_sites(self, asked: Units, sites: pd.MultiIndex, network: Row) -> "pd.Series[float]":
        """Weights by site x _MOST_CLIENTS + client; kept for the next period."""
        key = (*(str(network[each]) for each in IDENTITY), *map(str, sites))
        if key not in self._known:
            self._known[key] = self._weigh(asked, sites)
        return self._known[key]

    def _weigh(self, asked: Units, sites: pd.MultiIndex) -> "pd.Series[float]":
        site_of_asked = sites.get_indexer(pd.MultiIndex.from_frame(asked.cells[list(SITE)]))
        site = site_of_asked[asked.cell_of_row]
        rows, site = asked.rows.loc[site >= 0], site[site >= 0]
        if rows.empty:
            return pd.Series(dtype="float64")
        found = response_weights(
            Asked(
                site.astype(np.intp),
                len(sites),
                rows["therapist_no"].to_numpy(dtype=np.intp),
                rows["is_answered"].to_numpy(dtype=np.bool_),
                {"log_sessions": np.log(rows["n_sessions"].to_numpy(dtype=np.float64))},
                {
                    name: Words(rows[name].fillna(-1).to_numpy(dtype=np.int64), self._names[name])
                    for name in ASKED_WORDS
                },
            )
        )
        clients = rows["client_no"].to_numpy(dtype=np.int64)
        return pd.Series(found.weight, index=site * _MOST_CLIENTS + clients)
