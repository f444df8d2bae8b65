"""Cells: which columns name one, which may be shown, and whose clients stand behind it.

Grain of a cell: one site x instrument x version x language x informant x collection mode x metric
x stage x closed period. Cells that share everything but the site are one network.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from expectations.model import Thresholds

NETWORK_COLUMNS: tuple[str, ...] = (
    "instrument_code",
    "version",
    "language",
    "informant",
    "collection_mode",
    "metric",
    "stage",
    "period",
)
CELL_COLUMNS: tuple[str, ...] = ("practice_id", "site_id", *NETWORK_COLUMNS)
RESPONSE_COLUMNS: tuple[str, ...] = (
    "practice_id",
    "site_id",
    "instrument_code",
    "version",
    "informant",
    "stage",
    "period",
)

UNKNOWN_THERAPIST_SHARE = 0.2
"""With a larger share of clients without a known therapist the client rule is all there is."""

DOMINANT_THERAPIST_SHARE = 0.8
"""A cell in which one therapist has more of the forms than this is that therapist's mean."""

SUPPRESSED = "too_few"
"""The one published reason: two would tell a small cell from one hidden for another's sake."""


def prepared_cells(site_statistics: pd.DataFrame, response_rates: pd.DataFrame) -> pd.DataFrame:
    """Cells in their order with their response rate beside them."""
    _require_columns("rpt_site_statistics", site_statistics, (*CELL_COLUMNS, "is_data_complete"))
    _require_columns("rpt_response_rates", response_rates, (*RESPONSE_COLUMNS, "response_rate"))
    if bool(site_statistics.duplicated(list(CELL_COLUMNS)).any()):
        raise ValueError("rpt_site_statistics has a cell twice; see its uniqueness test")
    # Where there is no other, reasons are made of the rate that is shown.
    judged = response_rates.get("judged_rate", response_rates["response_rate"])
    names = ["response_rate", "judged_rate", "n_therapists_due", "n_therapists_taking_part"]
    rates = response_rates.assign(judged_rate=judged)[[*RESPONSE_COLUMNS, *names]]
    merged = site_statistics.merge(
        rates, how="left", on=list(RESPONSE_COLUMNS), validate="many_to_one"
    )
    return merged.sort_values(list(CELL_COLUMNS), ignore_index=True)


def _require_columns(table: str, frame: pd.DataFrame, wanted: tuple[str, ...]) -> None:
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise ValueError(f"{table} lacks the columns {', '.join(missing)}; build the marts again")


def is_small(cells: pd.DataFrame, thresholds: Thresholds) -> "pd.Series[bool]":
    """Cells that may not be shown. Therapists all unknown: the client rule alone decides."""
    therapists = cells["n_therapists"].astype("float64")
    dominant = cells["top_therapist_form_share"].astype("float64")
    return (
        (cells["n_clients"] < thresholds.minimum_clients)
        | (therapists < thresholds.minimum_therapists)
        | (dominant > DOMINANT_THERAPIST_SHARE)
    )


def known_therapists(published: pd.DataFrame, therapist_statistics: pd.DataFrame) -> pd.DataFrame:
    """Known therapists of the published cells, `cell` being the cell's row number."""
    _require_columns("rpt_therapist_statistics", therapist_statistics, CELL_COLUMNS)
    numbered = published[list(CELL_COLUMNS)].assign(cell=np.arange(len(published)))
    known = therapist_statistics.loc[therapist_statistics["therapist_key"].notna()]
    found = known.merge(numbered, how="inner", on=list(CELL_COLUMNS))
    return found.sort_values(["cell", "therapist_key"], ignore_index=True)


def is_therapist_unknown(published: pd.DataFrame, known: pd.DataFrame) -> NDArray[np.bool_]:
    """Cells in which too many clients have no known therapist for a clustered standard error.

    Raises ValueError when the therapists of a cell have more clients than the cell.
    """
    n_clients = published["n_clients"].to_numpy(dtype=np.float64)
    n_known = np.bincount(
        known["cell"], weights=known["n_clients"].astype("float64"), minlength=len(published)
    )
    wrong = np.flatnonzero(n_known > n_clients)
    if wrong.size:
        where = published.iloc[int(wrong[0])]
        raise ValueError(
            f"practice {where['practice_id']}, site {where['site_id']}, "
            f"{where['instrument_code']}, period {where['period']}: its therapists have more "
            f"clients than the site ({wrong.size} such cells); build the marts again"
        )
    too_many = n_clients - n_known > UNKNOWN_THERAPIST_SHARE * n_clients
    return np.asarray(too_many | published["n_therapists"].isna().to_numpy(), dtype=np.bool_)
