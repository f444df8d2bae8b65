"""The comparison's cells through time into benchmark.site_trends and benchmark.network_deciles."""

import dagster as dg
import duckdb

from expectations.model import Group
from orchestration.assets.benchmarks import KEY as BENCHMARKS
from orchestration.assets.made_together import keys_of, made_together
from orchestration.night import Night
from orchestration.warehouse import transaction

TABLES = {
    "site_trends": "Each site's own line through time, with limits and what the rules mark.",
    "network_deciles": "Deciles of the sites' values in each period.",
}
KEYS = keys_of(TABLES)


def trends_assets() -> list[dg.AssetsDefinition]:
    """Both tables, made every night of the cells that the night shows."""
    return made_together("trends", TABLES, (BENCHMARKS,), _write)


def _write(con: duckdb.DuckDBPyConnection, night: Night) -> None:
    write_trends(con, night.registry.group)


def write_trends(con: duckdb.DuckDBPyConnection, group: Group) -> dict[str, int]:
    """Fill both tables anew from benchmark.site_benchmarks; their numbers of rows by name."""
    from orchestration.benchmarking.cells import CELL_COLUMNS
    from orchestration.benchmarking.site_trends import site_trends

    cells = con.execute(
        f"select {', '.join(CELL_COLUMNS)}, raw, is_suppressed from benchmark.site_benchmarks "
        "where not is_suppressed"
    ).df()
    found = site_trends(cells, group.periods, group.interventions)
    frames = {"site_trends": found.lines, "network_deciles": found.deciles}
    with transaction(con):
        for name, frame in frames.items():
            con.execute(f"delete from benchmark.{name}")
            con.register("frame", frame)
            con.execute(f"insert into benchmark.{name} by name select * from frame")
            con.unregister("frame")
    return {name: len(frame) for name, frame in frames.items()}
