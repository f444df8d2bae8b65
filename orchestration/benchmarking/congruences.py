"""How one view of the alliance goes with the other's, by site and over all shown sites.

The figures weigh dyads as orchestration/measures/congruence.py says. Clients cluster in therapists,
and a therapist's own way of rating moves all of that therapist's dyads together; so an interval is
given only where there are enough therapists to see that, and the figure stands without one else.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from expectations.model import Thresholds
from orchestration.benchmarking.associations import estimated
from orchestration.benchmarking.units import (
    FORM,
    NO_THERAPIST,
    SITE,
    SIZES,
    Row,
    Units,
    counted_together,
)
from orchestration.measures.arrays import Ints
from orchestration.measures.congruence import FEWEST_CLUSTERS, Congruence, congruence

DYAD = ("dyad", "second_instrument_code", "second_version")
COLUMNS = (
    *SITE,
    *FORM,
    *DYAD,
    "period",
    "figure",
    "n_sites",
    *SIZES,
    "n_dyads",
    "n_dyads_short",
    "n_pairs",
    "n_clusters",
    "value",
    "standard_error",
    "lower95",
    "upper95",
    "minimum",
    "null_reason",
    "interval_null_reason",
)
TOO_FEW_DYADS, NO_VARIATION, TOO_FEW_THERAPISTS = (
    "too_few_dyads",
    "no_variation",
    "too_few_therapists",
)


def congruences_table(pairs: Units, thresholds: Thresholds, fewest_pairs: int) -> pd.DataFrame:
    """Two rows, `bias` and `tracking`, per site x FORM x DYAD and per network (site null); columns
    COLUMNS.

    `pairs.rows`: one a pair of forms with `dyad_no` and both totals in percent of their range,
    `first_pomp` and `second_pomp`. The first named (the client, the child) is the truth: a bias
    above 0 says that the second rates higher, percentage points; tracking has no unit.
    """
    rows: list[Row] = []
    for cell, units in pairs.by_cell():
        names = cell[[*SITE, *FORM, *DYAD]].to_dict()
        rows += [names | row for row in _rows(units, fewest_pairs)]
    for names, units in pairs.of_shown_sites(thresholds).by_network((*FORM, *DYAD)):
        rows += [names | row for row in _rows(units, fewest_pairs)]
    whole = ("n_sites", "n_clients", "n_therapists", "n_dyads", "n_dyads_short", "n_pairs")
    types: dict[str, str] = dict.fromkeys(COLUMNS, "float64")
    types |= dict.fromkeys((*whole, "n_clusters", "minimum"), "Int64")
    words = (*SITE, *FORM, *DYAD, "period", "figure", "null_reason", "interval_null_reason")
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(types | dict.fromkeys(words, "str"))


def _rows(units: Units, fewest_pairs: int) -> Iterator[Row]:
    """People are those of the dyads that count."""
    n_pairs = units.rows.groupby("dyad_no")["dyad_no"].transform("size")
    by_dyad = _congruence(units.rows, None, fewest_pairs)
    by_therapist = _congruence(units.rows, _clusters(units.rows), fewest_pairs)
    common = {
        **counted_together(units.where(n_pairs >= fewest_pairs)),
        "period": "all",
        "n_dyads": by_dyad.n_dyads,
        "n_dyads_short": by_dyad.n_dyads_short,
        "n_pairs": by_dyad.n_pairs,
        "n_clusters": by_therapist.n_clusters,
        "minimum": FEWEST_CLUSTERS,
    }
    for figure in ("bias", "tracking"):
        value, clustered = getattr(by_dyad, figure), getattr(by_therapist, figure)
        row = common | {"figure": figure, "null_reason": None, "interval_null_reason": None}
        if value is None:
            is_few = by_dyad.n_dyads < FEWEST_CLUSTERS
            row["null_reason"] = TOO_FEW_DYADS if is_few else NO_VARIATION
        elif clustered is None:
            row |= {"value": value.value, "interval_null_reason": TOO_FEW_THERAPISTS}
        yield row | (estimated(clustered) if clustered is not None else {})


def _clusters(units: pd.DataFrame) -> Ints:
    """The therapist's number; a dyad whose therapist is unknown stands alone, below all of them."""
    therapist = units["therapist_no"].to_numpy(dtype=np.int64)
    alone = NO_THERAPIST - 1 - units["dyad_no"].to_numpy(dtype=np.int64)
    return np.where(therapist == NO_THERAPIST, alone, therapist)


def _congruence(units: pd.DataFrame, cluster: Ints | None, fewest_pairs: int) -> Congruence:
    return congruence(
        units["first_pomp"].to_numpy(dtype=np.float64),
        units["second_pomp"].to_numpy(dtype=np.float64),
        units["dyad_no"].to_numpy(dtype=np.int64),
        cluster,
        fewest_pairs=fewest_pairs,
    )
