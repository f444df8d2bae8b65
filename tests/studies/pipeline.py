"""One simulated network, the whole way: native exports, nightly load, release.

The only place of the studies that calls the pipeline.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from expectations.registry import load_registry
from orchestration.ingest.pseudonyms import create_key
from orchestration.nightly import run_nightly
from orchestration.release.reader import Releases
from orchestration.settings import from_environment
from orchestration.simulation import SimulationSettings, simulate

KEY = ["practice_id", "site_id", "instrument_code", "version", "informant"]


@dataclass(frozen=True)
class NetworkRun:
    """`cells`: the release's published cells. `whole`: those over all stages and time, with the
    site's truth beside them (columns truth, planted_sd, missing_bias)."""

    cells: pd.DataFrame
    whole: pd.DataFrame


def run_network(home: Path, simulation: SimulationSettings) -> NetworkRun:
    """Simulate into an empty home, load, publish, and read the release beside the truth."""
    settings = from_environment(home)
    registry = load_registry([settings.home])
    for practice_id in registry.practices:
        create_key(settings.keys, practice_id)
    truth_path = settings.home / "truth.parquet"
    simulate(registry, settings.landing, simulation, truth_path=truth_path)
    report = run_nightly(settings, registry)
    pointer = Releases(settings.releases).current()
    if pointer is None:
        raise RuntimeError(f"no release was published: {'; '.join(report.problems)}")
    with duckdb.connect(str(pointer.release), read_only=True) as con:
        cells = con.execute("select * from site_benchmarks where not is_suppressed").df()
    is_whole = (cells["stage"] == "all") & (cells["period"] == "all")
    truth = pd.read_parquet(truth_path)[[*KEY, "truth", "planted_sd", "missing_bias"]]
    whole = cells[is_whole].merge(truth, how="inner", on=KEY, validate="many_to_one")
    return NetworkRun(cells, whole)
