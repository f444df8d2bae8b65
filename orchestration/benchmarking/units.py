"""Units out of SQL by cell, and how many people stand behind them.

Names stand once, in `cells`; the many rows carry numbers. What is said of a network is made of the
sites that may be shown alone, so that it carries nothing of a hidden one (cells.is_small).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from expectations.model import Thresholds
from orchestration.benchmarking.cells import is_small

SITE = ("practice_id", "site_id")
FORM = ("instrument_code", "version", "language", "informant")
SIZES = ("n_clients", "n_therapists", "top_therapist_share")
NO_THERAPIST = -1
Row = dict[Any, Any]
"""One row of a table to be, by column; pandas has no narrower word for it."""


@dataclass(frozen=True)
class Units:
    """`rows`: one a unit, with `cell_no` (its cell's place in `cells`), `client_no` and
    `therapist_no` (NO_THERAPIST where unknown) and what the measure reads. `cells`: SITE, FORM and
    what else tells one cell from another."""

    cells: pd.DataFrame
    rows: pd.DataFrame

    @property
    def cell_of_row(self) -> NDArray[np.intp]:
        """Each row's cell, as places in `cells`."""
        return self.rows["cell_no"].to_numpy(dtype=np.intp)

    def sized(self) -> pd.DataFrame:
        """`cells` with SIZES."""
        return self.cells.join(sizes(self.rows, ["cell_no"]))

    def of_shown_sites(self, thresholds: Thresholds) -> "Units":
        """The rows of cells that may be shown; the cells keep their places."""
        found = self.sized().rename(columns={"top_therapist_share": "top_therapist_form_share"})
        is_shown = ~is_small(found, thresholds).to_numpy() & found["n_clients"].notna().to_numpy()
        return Units(self.cells, self.rows.loc[is_shown[self.cell_of_row]])

    def by_cell(self) -> Iterator[tuple["pd.Series[Any]", "Units"]]:
        """Each cell with its rows, in their order; cells without rows left out."""
        for cell, rows in self.rows.groupby("cell_no", sort=True):
            yield self.cells.iloc[int(str(cell))], Units(self.cells, rows)

    def by_network(self, names: Sequence[str]) -> Iterator[tuple[Row, "Units"]]:
        """The rows of all cells alike in `names`, and those names; in the names' order."""
        network = self.cells.groupby(list(names), dropna=False, sort=True).ngroup().to_numpy()
        of_row = network[self.cell_of_row]
        for _, rows in self.rows.groupby(of_row, sort=True):
            cell = self.cells.iloc[int(rows["cell_no"].iloc[0])]
            yield cell[list(names)].to_dict(), Units(self.cells, rows)

    def where(self, is_kept: "pd.Series[bool]") -> "Units":
        """Some of the rows; the cells keep their places."""
        return Units(self.cells, self.rows.loc[is_kept])


def sizes(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """SIZES by the columns `by`: distinct clients, distinct known therapists (null when none), and
    the largest share one of them has of the units whose therapist is known."""
    known = rows.loc[rows["therapist_no"] != NO_THERAPIST]
    units = known.groupby([*by, "therapist_no"]).size().groupby(level=list(range(len(by))))
    found = pd.DataFrame({"n_clients": rows.groupby(list(by))["client_no"].nunique()})
    found["n_therapists"] = units.size()
    found["top_therapist_share"] = units.max() / units.sum()
    return found.astype({"n_therapists": "Int64"})


def counted(units: Units, by: Sequence[str]) -> pd.DataFrame:
    """SIZES and `n_sites`, the distinct sites, by the columns `by` of the rows."""
    site = units.cells.groupby(list(SITE), dropna=False).ngroup().to_numpy()
    of_row = units.rows.assign(site_no=site[units.cell_of_row])
    return sizes(units.rows, by).assign(n_sites=of_row.groupby(list(by))["site_no"].nunique())


def counted_together(units: Units) -> Row:
    """SIZES and `n_sites` of all the rows together; no client and no site without a row."""
    if units.rows.empty:
        return {"n_clients": 0, "n_sites": 0}
    (found,) = counted(Units(units.cells, units.rows.assign(all=0)), ["all"]).to_dict("records")
    return found
