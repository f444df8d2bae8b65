"""Study of sites' metrics the whole way: early alliance and response rates.

`python -m tests.studies.metrics_recovered --seeds 20`, or `make studies`. Every seed is a simulated
network of its own, from native exports to marts.rpt_site_metrics; around the mart's values the
product's intervals. Do they hold the sites' truths in 95 %? Forms are missing at random: what is
missing otherwise is a property of who answers, which no interval can carry.
"""

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pandas as pd

from orchestration.simulation import SimulationSettings
from tests.studies.coverage import Coverage, coverages
from tests.studies.measured_sites import site_intervals
from tests.studies.pipeline import load_network
from tests.studies.simulated_truth import RESPONSE, metric_truths
from tests.studies.truth_recovered import NETWORK, WORLDS

_BY = ["metric", "instrument_code", "version", "informant"]


def study(
    seeds: Sequence[int], folder: Path, n_clients: int = NETWORK.n_clients
) -> tuple[Coverage, ...]:
    """Coverage by metric, instrument and informant over the seeds' networks."""
    rows = []
    for seed in seeds:
        home = folder / f"metrics_{seed}"
        simulation = replace(WORLDS["recovered"], seed=seed, n_clients=n_clients)
        rows += _network(home, simulation, folder / "parsed")
        shutil.rmtree(home)
    return coverages(rows)


def _network(home: Path, simulation: SimulationSettings, parsed: Path) -> list[pd.DataFrame]:
    """The network's estimates with the truth beside them, a frame a metric and form."""
    night = load_network(home, simulation, parsed, with_measures=True)
    truths = metric_truths(night.registry, simulation)
    rows = []
    with night.warehouse.connect() as con:
        for names, truth in truths.groupby(_BY):
            metric, instrument_code, version, informant = map(str, names)
            kind: Literal["mean", "share"] = "share" if metric == RESPONSE else "mean"
            found = site_intervals(con, metric, kind, (instrument_code, version, informant))
            found["figure"] = f"{metric} {instrument_code} {informant}"
            rows.append(found.merge(truth[["site_id", "truth"]], validate="one_to_one"))
    night.close()
    return rows


def main() -> None:
    """Print the study's figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(*study(range(1, options.seeds + 1), folder), sep="\n")


if __name__ == "__main__":
    main()
