"""Study of the inference alone: coverage and false alarms over networks drawn from its own model.

`python -m tests.studies.variance_model --networks 300`. A small seeded sample runs in make test.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from expectations.model import Thresholds
from orchestration.benchmarking.funnel import Z_95
from orchestration.benchmarking.scales import Floats
from orchestration.benchmarking.site_benchmarks import benchmark_sites
from tests.studies.networks import DrawnNetwork, NetworkModel, draw_network

DEFAULT = NetworkModel(planted=(0.5, -0.5))
NULL = NetworkModel(site_share=0.0)


@dataclass(frozen=True)
class Tally:
    """Counts over networks; the shares are of site cells, planted ones apart.

    `covered`: the 95 % interval raw ± 1.959964·standard_error holds the truth. `covered_plain`: the
    same with SD/sqrt(n). `flagged`: beyond the 95 % or 99.8 % limits with over-dispersion.
    """

    n_cells: int
    covered: float
    covered_plain: float
    flagged_95: float
    flagged_998: float
    planted_flagged: float
    planted_both_flagged: float

    def __str__(self) -> str:
        return (
            f"{self.n_cells} cells: covered {self.covered:.1%} (SD/sqrt n: "
            f"{self.covered_plain:.1%}); flagged {self.flagged_95:.2%} at 95 %, "
            f"{self.flagged_998:.2%} at 99.8 %; planted flagged {self.planted_flagged:.1%}, "
            f"both in one network {self.planted_both_flagged:.1%}"
        )


def study(model: NetworkModel, n_networks: int, seed: int) -> Tally:
    """Draw networks and count what their benchmarks say."""
    rng = np.random.default_rng(seed)
    covered, plain, flags, planted = [], [], [], []
    for _ in range(n_networks):
        network = draw_network(rng, model)
        cells = benchmark_sites(
            network.therapists, network.sites, network.response_rates, Thresholds()
        ).cells
        error = np.abs(cells["raw"].to_numpy() - network.truth)
        covered.append(error <= Z_95 * cells["standard_error"].to_numpy())
        plain.append(error <= Z_95 * _plain_standard_errors(network))
        flag = cells["flag"].fillna("none").to_numpy()
        planted.append(np.isin(flag[: len(model.planted)], _BEYOND))
        flags.append(flag[len(model.planted) :])
    every = np.concatenate(flags)
    found = np.array(planted)
    return Tally(
        n_cells=sum(part.size for part in covered),
        covered=float(np.concatenate(covered).mean()),
        covered_plain=float(np.concatenate(plain).mean()),
        flagged_95=float(np.isin(every, _BEYOND).mean()),
        flagged_998=float(np.isin(every, _BEYOND[2:]).mean()),
        planted_flagged=float(found.mean()) if found.size else float("nan"),
        planted_both_flagged=float(found.all(axis=1).mean()) if found.size else float("nan"),
    )


SHIFTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.75)
"""Standard deviations of clients' means that two planted sites lie above and below the network."""
SIZES = (600, 3_000, 12_000)
"""Clients of the 14 sites together: a month, a year, four years."""


@dataclass(frozen=True)
class Power:
    """Share of planted sites with a flag (beyond 95 % or 99.8 %), and beyond 99.8 %."""

    n_clients: int
    shift: float
    beyond_95: float
    beyond_998: float


def power(n_networks: int, seed: int, sizes: Sequence[int] = SIZES) -> list[Power]:
    """How often the funnel with over-dispersion finds sites planted at SHIFTS, by network size.

    The two widen the limits they are to be found beyond: that is in the figures.
    """
    rng = np.random.default_rng(seed)
    found = []
    for n_clients in sizes:
        for shift in SHIFTS:
            model = replace(DEFAULT, n_clients=n_clients, planted=(shift, -shift))
            flags = []
            for _ in range(n_networks):
                drawn = draw_network(rng, model)
                cells = benchmark_sites(
                    drawn.therapists, drawn.sites, drawn.response_rates, Thresholds()
                ).cells
                flags.append(cells["flag"].fillna("none").to_numpy()[:2])
            every = np.concatenate(flags)
            beyond = (float(np.isin(every, names).mean()) for names in (_BEYOND, _BEYOND[2:]))
            found.append(Power(n_clients, shift, *beyond))
    return found


def power_lines(found: Sequence[Power]) -> list[str]:
    """A line a size, a column a shift: % with a flag (% beyond 99.8 %)."""
    shifts = sorted({one.shift for one in found})
    lines = ["clients" + "".join(f"{shift:>13.2f} SD" for shift in shifts)]
    for n_clients in dict.fromkeys(one.n_clients for one in found):
        cells = [
            f"{100 * one.beyond_95:>9.1f} ({100 * one.beyond_998:.1f})".rjust(16)
            for one in found
            if one.n_clients == n_clients
        ]
        lines.append(f"{n_clients:>7}" + "".join(cells))
    return lines


_BEYOND = ("above_95", "below_95", "above_998", "below_998")


def _plain_standard_errors(network: DrawnNetwork) -> Floats:
    n = network.sites["n_clients"].to_numpy(dtype=np.float64)
    squares = network.sites["sum_of_squares"].to_numpy(dtype=np.float64)
    return np.asarray(np.sqrt(squares / (n - 1) / n), dtype=np.float64)


def main() -> None:
    """Print the study's figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=300)
    parser.add_argument("--seed", type=int, default=20261123)
    options = parser.parse_args()
    for name, model in (
        ("default, planted ±.5 SD", DEFAULT),
        ("null", NULL),
        ("null, a month's 600 clients", replace(NULL, n_clients=600)),
        ("null, therapists 9 %", replace(NULL, therapist_share=0.09)),
        ("null, 5 sites of 1,000 clients", replace(NULL, n_sites=5, n_clients=1000)),
    ):
        print(f"{name}: {study(model, options.networks, options.seed)}")
    print("planted sites found, % with a flag (% beyond 99.8 %)")
    print(*power_lines(power(options.networks, options.seed)), sep="\n")


if __name__ == "__main__":
    main()
