"""Site statistics from the marts through the pure benchmarks into benchmark.site_benchmarks."""

import dagster as dg
import duckdb
import pandas as pd

from expectations.model import Thresholds
from orchestration.benchmark_tables import replace_tables
from orchestration.instance import POOL
from orchestration.night import Night
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
        description="Funnel and flags of every cell; small cells are suppressed first.",
    )
    def site_benchmarks(night: dg.ResourceParam[Night]) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with night.warehouse.connect() as con:
            cells = write_benchmarks(con, night.registry.group.thresholds)
        suppressed = int(cells["is_suppressed"].sum())
        return dg.MaterializeResult(
            metadata={"dagster/row_count": len(cells), "n_suppressed": suppressed}
        )

    return [site_benchmarks]


def write_benchmarks(con: duckdb.DuckDBPyConnection, thresholds: Thresholds) -> pd.DataFrame:
    """Compute all benchmarks from the marts and replace the benchmark tables; the cells."""
    from orchestration.benchmarking.site_benchmarks import benchmark_sites

    therapists, sites, responses = (
        con.execute(f"select * from marts.{name}").df() for name in STATISTICS
    )
    found = benchmark_sites(therapists, sites, responses, thresholds)
    with transaction(con):
        replace_tables(con, {"site_benchmarks": found.cells, "networks": found.networks})
    return found.cells
