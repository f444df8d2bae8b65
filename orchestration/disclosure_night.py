"""A night's disclosure control: cells out of the marts, through protection, into the ledger."""

from dataclasses import dataclass
from datetime import date

import duckdb
import pandas as pd

from expectations.model import Thresholds
from orchestration import disclosure_ledger as ledger
from orchestration.benchmarking.disclosure import CHANGES
from orchestration.benchmarking.protected_sites import (
    CELL,
    SuppressionReport,
    protected_sites,
    shown_cells,
    suppression_report,
    to_be_counted,
    tonight,
)
from orchestration.benchmarking.shown_cells import ShownCells
from orchestration.benchmarking.shown_rates import rates_report, standing_rates, written_rates
from orchestration.benchmarking.site_benchmarks import SiteBenchmarks
from orchestration.disclosure_members import candidates, changes, follow_members, note_months

TABLE = "site_benchmarks"
RATES_TABLE = "response_rates"

_SCALES = "select instrument_code, version, minimum from marts.dim_scales where scale = 'total'"


@dataclass(frozen=True)
class ProtectedRates:
    """`shown`: standing_rates of tonight. `report`: their row of the suppression report."""

    shown: pd.DataFrame
    report: pd.DataFrame


@dataclass(frozen=True)
class Protected:
    """`shown`: what benchmarks may be made of. `report`: their row of the suppression report.
    `rows`: what the ledger learns besides, by table."""

    shown: ShownCells
    report: pd.DataFrame
    release_no: int
    rows: dict[str, pd.DataFrame]


def protect_cells(con: duckdb.DuckDBPyConnection, thresholds: Thresholds, on: date) -> Protected:
    """Decide what of tonight's cells goes out. In the caller's transaction; `keep` comes after."""
    epoch = ledger.begin(con, thresholds, on)
    number = epoch.release_no
    note_months(con)
    follow_members(con, number)
    found = tonight(candidates(con), ledger.read_ledger(con, epoch.first, number))
    counted = changes(con, to_be_counted(found), number, CHANGES)
    con.execute("drop table disclosure_months")
    rules = ledger.rules_of(thresholds)
    made = protected_sites(found, counted, rules, number)
    shown = shown_cells(
        made.cells,
        con.execute(_SCALES).df(),
        ledger.read_errors(con, epoch.first),
        ledger.read_networks(con, epoch.first),
        rules,
        number,
    )
    written = made.ledger.loc[made.ledger["written_release"] == number, list(CELL)]
    told = counted.merge(written, on=list(CELL))
    report = suppression_report(made.cells, number)
    rows = {"ledger": made.ledger, "changes": told}
    return Protected(shown, _reported(TABLE, report), number, rows)


def protect_rates(
    con: duckdb.DuckDBPyConnection, rates: pd.DataFrame, thresholds: Thresholds, release_no: int
) -> ProtectedRates:
    """Tonight's response rates as they may go out; what is written anew of `rates`, the mart's, is
    in the ledger afterwards. After `protect_cells`, in its transaction."""
    first = ledger.epoch(con, release_no).first
    rules = ledger.rules_of(thresholds)
    new = written_rates(rates, ledger.read_rates(con, first), rules, release_no)
    ledger.add(con, release_no, {"rates": new})
    said = ledger.read_rates(con, first)
    report = rates_report(rates, said, rules)
    return ProtectedRates(standing_rates(rates, said), _reported(RATES_TABLE, report))


def _reported(table: str, report: SuppressionReport) -> pd.DataFrame:
    return pd.DataFrame([{"table_name": table, **report.__dict__}])


def keep(con: duckdb.DuckDBPyConnection, protected: Protected, found: SiteBenchmarks) -> None:
    """Write tonight's rows into the ledger, provisional. In the transaction of `protect_cells`."""
    estimated = found.networks[found.networks["is_estimated"].to_numpy(dtype=bool)]
    rows = {**protected.rows, "errors": found.errors, "networks": estimated}
    ledger.add(con, protected.release_no, rows)
