"""Study: does case-mix adjustment take planted confounding away, with bad covariates too?

`python -m tests.studies.case_mix --networks 200`. A small seeded sample runs in make test.

Networks of 14 sites, some 90 therapists and 3,000 clients. Alliance falls with severity, age and
video, as much as is planted, by EFFECTS. At the hard sites (the first four) clients are more severe
and older, and the site's own part is lower too, so that clients' burden and the site's own part
point the same way: what must not leak into the coefficients. Severity is seen with a reliability of
.74 among clients of one site, the age band is missing for 20 %: more often with high severity, and
at the hard sites 30 %.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from orchestration.benchmarking.case_mix import adjust, fit_case_mix
from orchestration.benchmarking.case_mix_covariates import Clients, columns_of
from orchestration.benchmarking.variance import Codes, Floats
from orchestration.measures.fixed_design import Words

N_SITES, N_HARD, N_CLIENTS = 14, 4, 3000
BANDS = ("25-34", "35-44", "45-54", "55-64")
MODES = ("in_person", "video")
EFFECTS = {"severity": -0.25, "age": (0.0, -0.1, -0.25, -0.4), "video": -0.1}
"""In SDs of a client's mean score, for one SD of severity or against the first category."""
ERROR_SD = 0.6
SEED = 20261128


@dataclass(frozen=True)
class Drawn:
    """`clients` as the model sees them; `truth`: the sites' means with the network's clients;
    `chance`: how far therapists and clients who happen to be there move them, whatever is done."""

    clients: Clients
    truth: Floats
    chance: Floats


@dataclass(frozen=True)
class Worlds:
    """What is bad about the covariates. `missing_severity` and `missing_age`: shares."""

    error_sd: float = ERROR_SD
    missing_severity: float = 0.0
    missing_age: float = 0.2


def draw(rng: np.random.Generator, world: Worlds) -> Drawn:
    """One network. A truth is the site's own part with the whole network's clients, before the
    therapists who happen to work there."""
    per_site = 3 + rng.binomial(9, 0.38, size=N_SITES)
    of_therapist = np.repeat(np.arange(N_SITES), per_site)
    load = rng.gamma(2.0, size=of_therapist.size)
    n = np.maximum(1, rng.multinomial(N_CLIENTS, load / load.sum()))
    therapist = np.repeat(np.arange(of_therapist.size), n)
    site = of_therapist[therapist]
    is_hard = (np.arange(N_SITES) < N_HARD).astype(np.float64)
    level = 0.25 * rng.standard_normal(N_SITES) + is_hard
    severity = level[site] + rng.standard_normal(site.size)
    # Age goes with severity within sites as well: one's gap then says something of the other.
    older = rng.standard_normal(site.size) + 0.3 * severity + 0.5 * is_hard[site]
    age = np.searchsorted([-0.6, 0.2, 1.0], older)
    video = rng.random(site.size) < np.where(is_hard == 1, 0.5, 0.3)[site]
    burden = (
        EFFECTS["severity"] * severity  # type: ignore[operator]
        + np.array(EFFECTS["age"])[age]
        + EFFECTS["video"] * video  # type: ignore[operator]
    )
    own = 0.1 * rng.standard_normal(N_SITES) - 0.1 * is_hard
    value = own[site] + burden + 0.9 * rng.standard_normal(site.size)
    value += 0.2 * rng.standard_normal(of_therapist.size)[therapist]
    seen = severity + world.error_sd * rng.standard_normal(site.size)
    seen[rng.random(site.size) < world.missing_severity * (1 + 0.5 * is_hard[site])] = np.nan
    chance = world.missing_age * (1 + 0.5 * is_hard[site]) * np.where(severity > 0.5, 1.3, 0.7)
    age = np.where(rng.random(site.size) < chance, -1, age)
    clients = Clients(
        site=site,
        n_sites=N_SITES,
        therapist=therapist,
        value=value,
        numbers={"baseline_severity": seen},
        words={"age_band": Words(age, BANDS), "delivery_mode": Words(video.astype(int), MODES)},
        error_sd={"baseline_severity": world.error_sd},
    )
    truth = own + burden.mean()
    return Drawn(clients, truth, _site_means(site, value - burden) + burden.mean() - truth)


def _site_means(site: Codes, values: Floats) -> Floats:
    n = np.bincount(site, minlength=N_SITES)
    return np.asarray(np.bincount(site, weights=values, minlength=N_SITES) / n)


Method = Callable[[Clients], Floats]


def _as_built(clients: Clients) -> Floats:
    """The adjusted values."""
    return adjust(fit_case_mix(clients), clients).adjusted


def raw(clients: Clients) -> Floats:
    """The raw means."""
    return _site_means(clients.site, clients.value)


def noise_ignored(clients: Clients) -> Floats:
    """As built, severity taken for exact."""
    return _as_built(replace(clients, error_sd={}))


def category_missing(clients: Clients) -> Floats:
    """Gaps in age as a category of their own, those in severity as the network's mean and one."""
    age, severity = clients.words["age_band"], clients.numbers["baseline_severity"]
    codes = np.where(age.codes < 0, len(age.names), age.codes)
    gap = np.isnan(severity)
    words = dict(clients.words) | {"age_band": Words(codes, [*age.names, "missing"])}
    if gap.any():
        words["severity_known"] = Words(gap.astype(int), ["known", "missing"])
    numbers = {"baseline_severity": np.where(gap, np.nanmean(severity), severity)}
    return _as_built(replace(clients, words=words, numbers=numbers))


def network_mean(clients: Clients) -> Floats:
    """Severity's gaps filled with the network's mean."""
    severity = clients.numbers["baseline_severity"]
    filled = np.where(np.isnan(severity), np.nanmean(severity), severity)
    return _as_built(replace(clients, numbers={"baseline_severity": filled}))


def sites_left_out(clients: Clients) -> Floats:
    """Coefficients of least squares without sites, from clients without gaps."""
    coding = fit_case_mix(clients).coding
    matrix = columns_of(coding, clients)
    whole = np.isfinite(matrix).all(axis=1)
    x = np.column_stack([np.ones(int(whole.sum())), matrix[whole]])
    coefficients = np.linalg.lstsq(x, clients.value[whole], rcond=None)[0]
    left = np.where(whole, clients.value - (matrix @ coefficients[1:]), 0.0)
    n = np.bincount(clients.site, weights=whole, minlength=clients.n_sites)
    found = np.bincount(clients.site, weights=left, minlength=clients.n_sites) / n
    return np.asarray(found + (matrix[whole] @ coefficients[1:]).mean())


AS_BUILT = "as built"
OTHERS: dict[str, Method] = {
    "noise ignored": noise_ignored,
    "gaps a category": category_missing,
    "gaps the network's mean": network_mean,
    "sites left out of the fit": sites_left_out,
}
WORLDS = {
    "severity noisy, age 20 % missing": Worlds(),
    "severity noisy and 20 % missing": Worlds(missing_severity=0.2, missing_age=0.0),
    "severity 20 % missing": Worlds(error_sd=0.0, missing_severity=0.2, missing_age=0.0),
    "covariates good": Worlds(error_sd=0.0, missing_age=0.0),
}


@dataclass(frozen=True)
class Found:
    """Over networks, in SDs: mean of value - truth at the hard sites, against the others.

    `adjusted` by method, `bias` the same less what chance did to the sites, which is known here: as
    right, and several times as sharp. `standard_error` is that of `adjusted`. `covered`: share of
    all sites whose 95 % interval of the adjusted value holds the truth.
    """

    raw: float
    adjusted: dict[str, float]
    bias: dict[str, float]
    standard_error: float
    covered: float

    def left(self, method: str = AS_BUILT) -> float:
        """Confounding left, of the raw one."""
        return abs(self.adjusted[method]) / abs(self.raw)

    def bias_left(self, method: str = AS_BUILT) -> float:
        """The same of the bias."""
        return abs(self.bias[method]) / abs(self.raw)


def study(world: Worlds, n_networks: int, seed: int, others: tuple[str, ...] = ()) -> Found:
    """Draw networks and hold the adjusted values against the truth."""
    rng = np.random.default_rng(seed)
    of_raw, chance, covered = [], [], []
    of_method: dict[str, list[float]] = {name: [] for name in (AS_BUILT, *others)}
    for _ in range(n_networks):
        drawn = draw(rng, world)
        of_raw.append(_gap(raw(drawn.clients) - drawn.truth))
        chance.append(_gap(drawn.chance))
        found = adjust(fit_case_mix(drawn.clients), drawn.clients)
        away = found.adjusted - drawn.truth
        covered.append(np.abs(away) <= 1.959964 * found.adjusted_standard_error)
        of_method[AS_BUILT].append(_gap(away))
        for name in others:
            of_method[name].append(_gap(OTHERS[name](drawn.clients) - drawn.truth))
    first = np.array(of_method[AS_BUILT])
    adjusted = {name: float(np.mean(each)) for name, each in of_method.items()}
    return Found(
        float(np.mean(of_raw)),
        adjusted,
        {name: each - float(np.mean(chance)) for name, each in adjusted.items()},
        float(first.std(ddof=1) / np.sqrt(n_networks)) if n_networks > 1 else float("nan"),
        float(np.mean(covered)),
    )


def _gap(error: Floats) -> float:
    """Of the hard sites against the others: where the network's level lies does not matter."""
    return float(error[:N_HARD].mean() - error[N_HARD:].mean())


def lines(world: str, found: Found) -> list[str]:
    """One line for the world, one a method."""
    return [
        f"{world}: raw off by {found.raw:+.3f} SD; as built ± {found.standard_error:.3f}, "
        f"intervals cover {found.covered:.1%}",
        *(
            f"  {name:28} {found.adjusted[name]:+.4f} ({found.left(name):.0%} of the raw), "
            f"without chance {found.bias[name]:+.4f} ({found.bias_left(name):.0%})"
            for name in found.adjusted
        ),
    ]


def main() -> None:
    """Print the study's figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=200)
    options = parser.parse_args()
    for world, settings in WORLDS.items():
        found = study(settings, options.networks, SEED, tuple(OTHERS))
        print(*lines(world, found), sep="\n", flush=True)


if __name__ == "__main__":
    main()
