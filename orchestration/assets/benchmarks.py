"""Site statistics from the marts through the pure benchmarks into benchmark.site_benchmarks."""

from datetime import UTC, date, datetime

import dagster as dg
import duckdb
import pandas as pd

from expectations.model import Thresholds
from orchestration.benchmark_tables import replace_tables
from orchestration.disclosure_ledger import settle
from orchestration.instance import POOL
from orchestration.night import Night
from orchestration.release.reader import Releases
from orchestration.warehouse import transaction

STATISTICS = ("rpt_therapist_statistics", "rpt_site_statistics", "rpt_response_rates")
KEY = dg.AssetKey(["benchmark", "site_benchmarks"])


def benchmark_assets() -> list[dg.AssetsDefinition]:
    """The one benchmark asset; it reads marts and nothing below them."""

    @dg.asset(
        key=KEY,
        deps=[dg.AssetKey(["marts", name]) for name in STATISTICS],
        group_name="benchmark",
        pool=POOL,
        kinds={"python", "duckdb"},
        description="Disclosure control, then funnel and flags of every cell that is shown.",
    )
    def site_benchmarks(night: dg.ResourceParam[Night]) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with night.warehouse.connect() as con:
            catch_up(con, night)
            cells = write_benchmarks(con, night.registry.group.thresholds, night.today)
        suppressed = int(cells["is_suppressed"].sum())
        return dg.MaterializeResult(
            metadata={"dagster/row_count": len(cells), "n_suppressed": suppressed}
        )

    return [site_benchmarks]


def catch_up(con: duckdb.DuckDBPyConnection, night: Night) -> None:
    """Let the ledger of what was shown know the release in force, whatever came between."""
    from orchestration.disclosure_file import learn_from

    pointer = Releases(night.settings.releases).current()
    with transaction(con):
        settle(con, pointer.release_id if pointer else None)
        learn_from(con, pointer, night.today)


def write_benchmarks(
    con: duckdb.DuckDBPyConnection, thresholds: Thresholds, on: date | None = None
) -> pd.DataFrame:
    """Compute all benchmarks from the marts and replace the benchmark tables; the cells.

    What goes out of them is decided here, in the light of what earlier releases showed; the ledger
    of that has tonight's rows too, provisional until the release is out. `on` is the group's day.
    """
    from orchestration.benchmarking.site_benchmarks import benchmark_sites
    from orchestration.disclosure_night import keep, protect_cells, protect_rates

    therapists, sites, responses = (
        con.execute(f"select * from marts.{name}").df() for name in STATISTICS
    )
    with transaction(con):
        protected = protect_cells(con, thresholds, on or datetime.now(UTC).date())
        # Reasons are made of coded rates, too: an exact one would show through them.
        rates = protect_rates(con, responses, thresholds, protected.release_no)
        found = benchmark_sites(therapists, sites, rates.shown, thresholds, protected.shown)
        keep(con, protected, found)
        replace_tables(
            con,
            {
                "site_benchmarks": found.cells,
                "networks": found.networks,
                "shown_response_rates": rates.shown,
                "suppression": pd.concat([protected.report, rates.report]),
            },
        )
    return found.cells
