"""One simulated network, the whole way: native exports, nightly load, release.

The only place of the studies that calls the pipeline. Every station is the real one; only the
orchestrator is left out, and files are read in this process, so that what is imported and parsed
once serves all networks.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pandas as pd

from expectations.registry import load_registry
from orchestration import dbt_runner
from orchestration.assets.benchmarks import write_benchmarks
from orchestration.assets.dbt import build_models
from orchestration.assets.release import publish
from orchestration.ingest.pseudonyms import create_key
from orchestration.night import Night, selection
from orchestration.release.reader import Releases
from orchestration.settings import Settings
from orchestration.simulation import SimulationSettings, simulate
from tests.integration.small_group import HereWorker
from tests.recorded_builds import BUILDS
from tests.text_practices import of_items_as_text

KEY = ["practice_id", "site_id", "instrument_code", "version", "informant"]
TRUTH = "truth.parquet"


@dataclass(frozen=True)
class NetworkRun:
    """`cells`: the release's published cells. `whole`: those over all stages and time, with the
    site's truth beside them (columns truth, planted_sd, missing_bias)."""

    cells: pd.DataFrame
    whole: pd.DataFrame


def run_network(home: Path, simulation: SimulationSettings, parsed: Path) -> NetworkRun:
    """Simulate into an empty home, load, publish, and read the release beside the truth.

    `parsed` is a folder that keeps dbt's reading of the project from network to network.
    """
    night = load_network(home, simulation, parsed, with_measures=False)
    settings, registry = night.settings, night.registry
    truth_path = settings.home / TRUTH
    with night.warehouse.connect() as con:
        write_benchmarks(con, registry.group.thresholds)
    publish(night)
    pointer = Releases(settings.releases).current()
    assert pointer is not None
    with duckdb.connect(str(pointer.release), read_only=True) as con:
        cells = con.execute("select * from site_benchmarks where not is_suppressed").df()
    is_whole = (cells["stage"] == "all") & (cells["period"] == "all")
    truth = pd.read_parquet(truth_path)[[*KEY, "truth", "planted_sd", "missing_bias"]]
    whole = cells[is_whole].merge(truth, how="inner", on=KEY, validate="many_to_one")
    return NetworkRun(cells, whole)


def load_network(
    home: Path, simulation: SimulationSettings, parsed: Path, *, with_measures: bool
) -> Night:
    """Simulate into an empty home, load, and build the models: what a night does up to there.

    Without measures the truth of the sites' means is computed too, and stands in the home.
    """
    settings = Settings(home)
    registry = of_items_as_text(load_registry([settings.home]))
    group = registry.group.model_copy(update={"with_measures": with_measures})
    registry = replace(registry, group=group)
    for practice_id in registry.practices:
        create_key(settings.keys, practice_id)
    truth_path = None if with_measures else settings.home / TRUTH
    simulate(registry, settings.landing, simulation, truth_path=truth_path)
    dbt_runner.ensure_manifest(parsed)
    shutil.copytree(parsed, settings.dbt_target)
    night = Night(settings, registry)
    night.reading.worker = HereWorker(settings, registry=registry)
    night.prepare()
    for practice_id, feed in selection(night.landing()):
        for arrival, outcome in night.take_in(practice_id, feed):
            if not outcome.is_loadable:
                raise RuntimeError(f"{arrival.shown_name}: {outcome.reason}: {outcome.message}")
    with BUILDS.in_place():
        build_models(night)
    return night
