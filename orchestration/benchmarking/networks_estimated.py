"""What was estimated of each network, as a table, and back out of it.

A network's variances go on standing while none of its cells is written anew (see shown_cells), so
they are kept with the releases they went into.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from orchestration.benchmarking.cells import NETWORK_COLUMNS
from orchestration.benchmarking.network import Spreads
from orchestration.benchmarking.variance import VarianceComponents

NETWORK_NUMBERS: tuple[str, ...] = (
    "n_sites_published",
    "n_sites",
    "n_therapists",
    "n_clients",
    "variance_therapist",
    "variance_client",
    "separation",
    "is_confounded",
    "sentence",
)
_NOTHING = "Too few sites or clients with known therapists."


def network_numbers(spreads: Spreads) -> list[object]:
    """NETWORK_NUMBERS but for the first."""
    found = spreads.components
    if found is None:
        return [0, 0, 0, None, None, None, False, _NOTHING]
    return [
        found.n_sites,
        found.n_therapists,
        found.n_clients,
        found.variance_therapist,
        found.variance_client,
        found.separation,
        spreads.is_confounded,
        found.sentence,
    ]


def networks_frame(rows: Sequence[Sequence[object]]) -> pd.DataFrame:
    """One row a network; `is_estimated`: tonight, not in an earlier release."""
    frame = pd.DataFrame(rows, columns=[*NETWORK_COLUMNS, *NETWORK_NUMBERS, "is_estimated"])
    types = dict.fromkeys(("variance_therapist", "variance_client"), "float64")
    return frame.astype({**types, "is_confounded": "bool", "is_estimated": "bool"})


class EarlierNetworks:
    """Networks as they were estimated for an earlier release, by their names."""

    def __init__(self, networks: pd.DataFrame | None) -> None:
        rows: list[dict[Any, Any]] = [] if networks is None else networks.to_dict("records")
        self._found = {tuple(_name(row[name]) for name in NETWORK_COLUMNS): row for row in rows}

    def spreads(self, network: Sequence[object]) -> Spreads | None:
        """The variances of a network; None for one that is new."""
        row = self._found.get(tuple(_name(part) for part in network))
        if row is None:
            return None
        if row["separation"] is None or pd.isna(row["separation"]):
            return Spreads(None, False)
        return Spreads(
            VarianceComponents(
                float(row["variance_therapist"]),
                float(row["variance_client"]),
                int(row["n_sites"]),
                int(row["n_therapists"]),
                int(row["n_clients"]),
                row["separation"],
                float("nan"),
            ),
            bool(row["is_confounded"]),
        )


def _name(part: object) -> object:
    """A name that is not recorded, whichever way a frame says so."""
    return None if part is None or part != part else part
