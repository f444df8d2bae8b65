"""What of each cell goes out: the numbers a benchmark may be made of, and how sure they are.

Limits, shrunken values and flags are published, and whatever exact number they were made of could
be worked out of them. So they are made of what is shown: rounded counts and means, effective
therapists to a half, variances to three digits. A cell that stands as an earlier release had it
keeps the numbers of then, its standard error's included; a network's variances are estimated anew
only when one of its cells was written anew, so that no one client moves them.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from expectations.model import Thresholds
from orchestration.benchmarking.cells import CELL_COLUMNS, is_small, is_therapist_unknown
from orchestration.benchmarking.network import Spreads
from orchestration.benchmarking.scales import Floats
from orchestration.benchmarking.variance import (
    VarianceComponents,
    effective_therapists,
    independent_standard_error,
)

COUNTS: tuple[str, ...] = ("n_clients", "n_therapists", "n_forms")
MEANS: tuple[str, ...] = ("mean_of_client_means", "ceiling_share")
ERRORS: tuple[str, ...] = ("therapists_effective", "deviation", "is_therapist_unknown")
"""What a cell's standard error is made of besides its clients: J_eff, the standard deviation of
its clients' means in scale points, and whether too many of them have no known therapist."""

_DIGITS = 3
_STEP_OF_THERAPISTS = 0.5


@dataclass(frozen=True)
class ShownCells:
    """`cells`: CELL_COLUMNS, `is_suppressed`, `is_fresh`, `is_kept`, COUNTS and MEANS as published,
    `mean_bound`, `share_bound` and `least_error` (disclosure_cells).

    `is_fresh`: written anew tonight. `is_kept`: stands as an earlier release had it though fewer
    clients than the minimum changed since. `errors`: CELL_COLUMNS and ERRORS of shown cells that
    are not fresh. `networks`: what was estimated of networks before, as SiteBenchmarks.networks.
    """

    cells: pd.DataFrame
    is_coarse: bool = False
    """Whether variances and effective therapists are rounded as well."""
    errors: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=[*CELL_COLUMNS, *ERRORS])
    )
    networks: pd.DataFrame | None = None


def exact_cells(cells: pd.DataFrame, thresholds: Thresholds) -> ShownCells:
    """Every cell that is not small by itself, with its exact numbers: what no release may hold.

    For studies of the benchmarks' own errors, which rounding would blur.
    """
    shown = cells[[*CELL_COLUMNS, *COUNTS, *MEANS]].assign(
        is_suppressed=is_small(cells, thresholds),
        is_fresh=True,
        is_kept=False,
        mean_bound=None,
        share_bound=None,
        least_error=0.0,
    )
    return ShownCells(shown)


def published_cells(shown: ShownCells, cells: pd.DataFrame) -> pd.DataFrame:
    """The shown cells, in their order, with what is known of them tonight beside what is shown.

    True counts stand in columns that begin with `true_`; null where no one is in the cell now.
    """
    of_cells = cells.drop(columns=list(MEANS)).rename(
        columns={name: f"true_{name}" for name in COUNTS}
    )
    standing = shown.cells[~shown.cells["is_suppressed"].to_numpy(dtype=np.bool_)]
    found = standing.merge(of_cells, how="left", on=list(CELL_COLUMNS), validate="one_to_one")
    return found.sort_values(list(CELL_COLUMNS), ignore_index=True)


def errors_of(published: pd.DataFrame, known: pd.DataFrame, shown: ShownCells) -> pd.DataFrame:
    """ERRORS of each published cell: tonight's of fresh ones, of the others what they were.

    `known` as cells.known_therapists. Raises ValueError when the therapists of a cell have more
    clients than the cell.
    """
    true = published.assign(**{name: published[f"true_{name}"] for name in COUNTS})
    n = _floats(true, "n_clients")
    squares = _floats(published, "sum_of_squares")
    deviation = independent_standard_error(n, squares) * np.sqrt(n)
    effective = effective_therapists(
        known["cell"].to_numpy(dtype=np.intp), _floats(known, "n_clients"), len(published)
    )
    if shown.is_coarse:
        effective = np.maximum(np.round(effective / _STEP_OF_THERAPISTS) * _STEP_OF_THERAPISTS, 1.0)
        deviation = _coarse(deviation)
    now = pd.DataFrame(
        {
            "therapists_effective": effective,
            "deviation": deviation,
            "is_therapist_unknown": is_therapist_unknown(true, known),
        }
    )
    fresh = published["is_fresh"].to_numpy(dtype=np.bool_)
    if fresh.all():
        return now
    before = published[list(CELL_COLUMNS)].merge(shown.errors, how="left", on=list(CELL_COLUMNS))
    # Where they are lost (a ledger made from a release's file) tonight's stand in.
    is_now = fresh | before["is_therapist_unknown"].isna().to_numpy()
    unknown = before["is_therapist_unknown"].eq(True)
    return pd.DataFrame(
        {
            "therapists_effective": np.where(is_now, effective, _floats(before, ERRORS[0])),
            "deviation": np.where(is_now, deviation, _floats(before, ERRORS[1])),
            "is_therapist_unknown": np.where(is_now, now["is_therapist_unknown"], unknown),
        }
    )


def coarse_spreads(spreads: Spreads) -> Spreads:
    """The same with both variances to three digits: a standard error tells them."""
    found = spreads.components
    if found is None:
        return spreads
    therapist, client = _coarse(np.array([found.variance_therapist, found.variance_client]))
    return Spreads(
        VarianceComponents(
            float(therapist),
            float(client),
            found.n_sites,
            found.n_therapists,
            found.n_clients,
            found.separation,
            found.reml_criterion,
        ),
        spreads.is_confounded,
    )


def _coarse(values: Floats) -> Floats:
    """Values to three significant digits."""
    with np.errstate(divide="ignore", invalid="ignore"):
        step = 10.0 ** (np.floor(np.log10(np.abs(values))) - (_DIGITS - 1))
        rounded = np.round(values / step) * step
    return np.asarray(np.where((values == 0) | np.isnan(values), values, rounded))


def _floats(frame: pd.DataFrame, column: str) -> Floats:
    return frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
