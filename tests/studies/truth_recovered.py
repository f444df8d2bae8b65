"""Study of the whole way: does a release say what was true of the sites?

`python -m tests.studies.truth_recovered --seeds 20`, or `make studies`. Three worlds, each seed a
network of its own:

- recovered: forms missing at random, two sites planted. Do the intervals raw ± 1.96·standard_error
  cover the sites' truths, and are the planted sites flagged?
- null: no site differs from another. How many cells are flagged?
- not_at_random: clients with a weaker alliance answer less. How far off are the means, and the
  intervals? Reported apart: it is a property of who answers, which no interval around the answers
  can carry.

A flag is withheld where a cell is too small, and a flag that is withheld raises no false alarm.
Flags are therefore counted both as published and by the limits alone, and the false alarms are
judged by the latter.
"""

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from orchestration.benchmarking.funnel import Z_95
from orchestration.simulation import SimulationSettings
from tests.studies.pipeline import NetworkRun, run_network

NETWORK = SimulationSettings(n_clients=3_000, n_therapists=90)
"""The size of the studies' network, that of the sample practices that send items as text."""
WORLDS: dict[str, SimulationSettings] = {
    "recovered": replace(NETWORK, missing_at_random=True),
    "null": replace(NETWORK, missing_at_random=True, null=True),
    "not_at_random": NETWORK,
}


@dataclass(frozen=True)
class Findings:
    """What one world's networks showed; shares of cells, NaN where there are none.

    Cells are a site's over all stages and all time, one for each instrument and informant; only
    `every_cell_95` and `every_cell_998` are over all published cells. Shares beyond limits are of
    cells that have limits. The biases are in scale points, by instrument and informant.
    """

    n_networks: int
    n_cells: int
    covered: float
    flagged_95: float
    flagged_998: float
    published_flags: float
    every_cell_95: float
    every_cell_998: float
    planted_beyond: float
    planted_published: float
    both_planted_beyond: float
    bias: dict[str, float]
    expected_bias: dict[str, float]

    def lines(self) -> list[str]:
        """The findings as sentences."""
        return [
            f"{self.n_networks} networks, {self.n_cells} cells with a known truth",
            f"95 % intervals cover the truth in {self.covered:.1%}",
            f"beyond the limits: {self.flagged_95:.2%} at 95 %, "
            f"{self.flagged_998:.2%} at 99.8 %; published flags {self.published_flags:.2%}",
            f"of all published cells: {self.every_cell_95:.2%} at 95 %, "
            f"{self.every_cell_998:.2%} at 99.8 %",
            f"planted sites beyond the limits {self.planted_beyond:.0%} (published as a flag "
            f"{self.planted_published:.0%}), both of a network {self.both_planted_beyond:.0%}",
            *(
                f"{name}: mean of raw - truth {bias:+.3f} scale points, by the simulation "
                f"{self.expected_bias[name]:+.3f}"
                for name, bias in self.bias.items()
            ),
        ]


def study(
    world: str, seeds: Sequence[int], folder: Path, n_clients: int = NETWORK.n_clients
) -> Findings:
    """Run a world's networks, each in a home of its own under `folder`."""
    runs = []
    for seed in seeds:
        simulation = replace(WORLDS[world], seed=seed, n_clients=n_clients)
        home = folder / f"{world}_{seed}"
        runs.append(run_network(home, simulation, folder / "parsed"))
        shutil.rmtree(home)
    return findings(runs)


def findings(runs: Sequence[NetworkRun]) -> Findings:
    """Count over networks."""
    whole = pd.concat([run.whole.assign(network=i) for i, run in enumerate(runs)])
    cells = pd.concat([run.cells for run in runs])
    error = whole["raw"] - whole["truth"]
    covered = error.abs() <= Z_95 * whole["standard_error"]
    is_planted = whole["planted_sd"] != 0
    rest, planted = whole[~is_planted], whole[is_planted]
    # A planted site counts once a network: by the client's form of the instrument asked each time.
    main = planted[planted["instrument_code"] == "srs"]
    beyond = _beyond(main, "95")
    both = beyond.groupby(main["network"]).all()
    by = whole["instrument_code"] + " " + whole["informant"]
    return Findings(
        n_networks=len(runs),
        n_cells=len(whole),
        covered=_share(covered),
        flagged_95=_share(_beyond(rest, "95")),
        flagged_998=_share(_beyond(rest, "998")),
        published_flags=_share(rest["flag"].notna() & (rest["flag"] != "within")),
        every_cell_95=_share(_beyond(cells, "95")),
        every_cell_998=_share(_beyond(cells, "998")),
        planted_beyond=_share(beyond),
        planted_published=_share(main["flag"].notna() & (main["flag"] != "within")),
        both_planted_beyond=_share(both),
        bias={str(name): float(part.mean()) for name, part in error.groupby(by)},
        expected_bias={
            str(name): float(part.mean()) for name, part in whole["missing_bias"].groupby(by)
        },
    )


def _beyond(cells: pd.DataFrame, limits: str) -> "pd.Series[bool]":
    """Whether each cell that has limits lies outside them, published as a flag or not."""
    judged = cells[cells["target"].notna()]
    return (judged["raw"] > judged[f"upper{limits}"]) | (judged["raw"] < judged[f"lower{limits}"])


def _share(found: "pd.Series[bool]") -> float:
    return float(np.mean(found)) if len(found) else float("nan")


def main() -> None:
    """Print the study's findings."""
    parser = argparse.ArgumentParser(description="Truth recovered, the whole way.")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--world", choices=tuple(WORLDS), action="append")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for world in options.world or WORLDS:
            print(f"{world}:")
            for line in study(world, range(1, options.seeds + 1), Path(folder)).lines():
                print(f"  {line}")


if __name__ == "__main__":
    main()
