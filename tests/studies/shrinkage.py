"""Study of shrinkage: do intervals of shrunken values cover the truth, and which method's do?

`python -m tests.studies.shrinkage --networks 200`. The method in use (full Bayes, prior uniform on
tau2) stands beside those it was chosen from; they live here only. Truths, therapists and the
variances behind s are those of tests/studies/networks.py, so the intervals also have to bear what
estimating s costs. A seeded sample runs in make test.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.stats import t as student

from orchestration.benchmarking.funnel import Z_95
from orchestration.benchmarking.scales import Floats
from orchestration.benchmarking.shrinkage import shrink_values
from orchestration.benchmarking.variance import (
    clustered_standard_error,
    effective_therapists,
    estimate_variances,
)
from tests.studies.networks import NetworkModel, draw_network

Method = Callable[[Floats, Floats], tuple[Floats, Floats, Floats]]

PLANTED = (0.5, -0.5)
SMALL = NetworkModel()
LARGE = NetworkModel(n_sites=145, n_clients=31_000)
WORLDS: dict[str, NetworkModel] = {
    "14 sites, default": replace(SMALL, planted=PLANTED),
    "14 sites, none planted": SMALL,
    "14 sites, none differs": replace(SMALL, site_share=0.0),
    "14 sites, 600 clients, default": replace(SMALL, n_clients=600, planted=PLANTED),
    "14 sites, site variance 3 %": replace(SMALL, site_share=0.03),
    "145 sites, default": replace(LARGE, planted=PLANTED),
    "145 sites, none planted": LARGE,
}


@dataclass(frozen=True)
class Coverage:
    """Shares of sites whose truth lies in the 95 % interval, planted ones apart (NaN if none);
    mean width and root mean square error of the others' shrunken values, in SD of a client."""

    covered: float
    planted_covered: float
    width: float
    error: float

    def __str__(self) -> str:
        return (
            f"covered {self.covered:.1%}, planted {self.planted_covered:.1%}, "
            f"width {self.width:.3f}, error {self.error:.3f}"
        )


def bayes(values: Floats, standard_errors: Floats) -> tuple[Floats, Floats, Floats]:
    """The method in use."""
    found = shrink_values(values, standard_errors)
    return found.values, found.lower95, found.upper95


def bayes_on_tau(values: Floats, standard_errors: Floats) -> tuple[Floats, Floats, Floats]:
    """The same with a prior uniform on tau (Gelman 2006)."""
    found = shrink_values(values, standard_errors, prior="tau")
    return found.values, found.lower95, found.upper95


def plug_in(values: Floats, standard_errors: Floats) -> tuple[Floats, Floats, Floats]:
    """REML's tau2 and target taken for known."""
    fit = _Reml.of(values, standard_errors)
    return fit.interval(fit.share * standard_errors**2, Z_95)


def kenward_roger(values: Floats, standard_errors: Floats) -> tuple[Floats, Floats, Floats]:
    """REML with the target's variance, twice Prasad & Rao's term for tau2, and t (Kackar & Harville
    1984, J Am Stat Assoc 79:853; Kenward & Roger 1997, Biometrics 53:983)."""
    fit = _Reml.of(values, standard_errors)
    term = 2.0 * standard_errors**4 / (standard_errors**2 + fit.tau2) ** 3 * fit.tau2_variance
    freedom = values.size - 1
    return fit.interval(fit.known_tau2_variance + term, float(student.ppf(0.975, freedom)))


def morris(values: Floats, standard_errors: Floats) -> tuple[Floats, Floats, Floats]:
    """REML with a term that grows with the distance (Morris 1983, J Am Stat Assoc 78:47)."""
    fit = _Reml.of(values, standard_errors)
    distance = (values - fit.target) / (standard_errors**2 + fit.tau2)
    term = fit.tau2_variance * (1.0 - fit.share) ** 2 * distance**2
    return fit.interval(fit.known_tau2_variance + term, Z_95)


METHODS: dict[str, Method] = {
    "Bayes, uniform on tau2": bayes,
    "Bayes, uniform on tau": bayes_on_tau,
    "plug-in REML": plug_in,
    "REML, Kenward-Roger": kenward_roger,
    "REML, Morris": morris,
}


@dataclass(frozen=True)
class _Reml:
    values: Floats
    own: Floats
    tau2: float
    target: float
    target_variance: float
    tau2_variance: float

    @classmethod
    def of(cls, values: Floats, standard_errors: Floats) -> "_Reml":
        own = standard_errors**2

        def criterion(tau2: float) -> float:
            weights = 1.0 / (own + tau2)
            distance = values - np.average(values, weights=weights)
            return float(
                np.log(weights.sum()) - np.log(weights).sum() + np.sum(weights * distance**2)
            )

        grid = np.concatenate([[0.0], float(np.var(values)) * np.geomspace(1e-5, 20.0, 60)])
        best = int(np.argmin([criterion(float(tau2)) for tau2 in grid]))
        tau2 = 0.0
        if best > 0:
            bounds = (float(grid[best - 1]), float(grid[min(best + 1, grid.size - 1)]))
            tau2 = float(minimize_scalar(criterion, bounds=bounds, method="bounded").x)
        weights = 1.0 / (own + tau2)
        total = float(weights.sum())
        squares, cubes = float(np.sum(weights**2)), float(np.sum(weights**3))
        # Half the trace of (P P), P = diag(w) - w w'/sum w.
        information = 0.5 * (squares - 2.0 * cubes / total + squares**2 / total**2)
        target = float(np.average(values, weights=weights))
        return cls(values, own, tau2, target, 1.0 / total, 1.0 / information)

    @property
    def share(self) -> Floats:
        return self.tau2 / (self.tau2 + self.own)

    @property
    def known_tau2_variance(self) -> Floats:
        return self.share * self.own + (1.0 - self.share) ** 2 * self.target_variance

    def interval(self, variance: Floats, quantile: float) -> tuple[Floats, Floats, Floats]:
        shrunken = self.share * self.values + (1.0 - self.share) * self.target
        margin = quantile * np.sqrt(variance)
        return shrunken, shrunken - margin, shrunken + margin


def study(
    model: NetworkModel, methods: dict[str, Method], n_networks: int, seed: int
) -> dict[str, Coverage]:
    """Draw networks and count what each method's intervals cover."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[tuple[Floats, Floats, Floats]]] = {name: [] for name in methods}
    n_planted = len(model.planted)
    for _ in range(n_networks):
        values, standard_errors, truth = _network(rng, model)
        for name, method in methods.items():
            shrunken, lower, upper = method(values, standard_errors)
            is_covered = (truth >= lower) & (truth <= upper)
            found[name].append((is_covered.astype(float), upper - lower, shrunken - truth))
    scale = model.standard_deviation
    result = {}
    for name, networks in found.items():
        covered, width, error = (np.array(part) for part in zip(*networks, strict=True))
        result[name] = Coverage(
            covered=float(covered[:, n_planted:].mean()),
            planted_covered=float(covered[:, :n_planted].mean()) if n_planted else float("nan"),
            width=float(width[:, n_planted:].mean()) / scale,
            error=float(np.sqrt(np.mean(error[:, n_planted:] ** 2))) / scale,
        )
    return result


def _network(rng: np.random.Generator, model: NetworkModel) -> tuple[Floats, Floats, Floats]:
    network = draw_network(rng, model)
    names = pd.Index(network.sites["site_id"])
    site = names.get_indexer(network.therapists["site_id"])
    n_clients = network.therapists["n_clients"].to_numpy(dtype=np.float64)
    components = estimate_variances(
        site,
        n_clients,
        network.therapists["mean_of_client_means"].to_numpy(dtype=np.float64),
        network.therapists["sum_of_squares"].to_numpy(dtype=np.float64),
    )
    standard_errors = clustered_standard_error(
        components,
        effective_therapists(site, n_clients, names.size),
        network.sites["n_clients"].to_numpy(dtype=np.float64),
    )
    means = network.sites["mean_of_client_means"].to_numpy(dtype=np.float64)
    return means, standard_errors, network.truth


def main() -> None:
    """Print the study's figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20261128)
    options = parser.parse_args()
    for world, model in WORLDS.items():
        for name, coverage in study(model, METHODS, options.networks, options.seed).items():
            print(f"{world}: {name}: {coverage}", flush=True)


if __name__ == "__main__":
    main()
