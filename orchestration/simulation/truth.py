"""The truth of a site: the expected score of its clients seen alone, with no form missing.

It is an expectation over therapists, clients and courses of the site's own process, as far as the
export's last day lets it be seen; not the mean of the clients who happened to come, because what
an interval around a published mean claims to cover is the former. Sites are averaged over the same
random numbers, so two sites that do not differ have equal truths to the last digit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from expectations.schedule import Schedule
from orchestration.simulation.arrays import Floats, Ints, mean_by
from orchestration.simulation.block import draw_block
from orchestration.simulation.instruments import ScoreModel
from orchestration.simulation.network import (
    TRUTH,
    PracticeModel,
    day_number,
    draw_therapists,
    stream,
)
from orchestration.simulation.schedules import FormIdentity
from orchestration.simulation.settings import SimulationSettings


@dataclass(frozen=True)
class SiteTruth:
    """A site's truth for one questionnaire, on its total's own scale.

    `missing_bias` is what the forms that do not come back do to the expected mean of client means;
    it stands beside the truth and is no part of it.
    """

    site: int
    identity: FormIdentity
    truth: float
    truth_se: float
    planted_sd: float
    missing_bias: float
    missing_bias_se: float


def site_truths(
    model: PracticeModel,
    schedules: Sequence[Schedule],
    scores: Mapping[FormIdentity, ScoreModel],
    settings: SimulationSettings,
) -> list[SiteTruth]:
    """Truths of a practice's sites for every questionnaire its schedules ask for."""
    found: list[SiteTruth] = []
    for site in range(len(model.practice.sites)):
        found += _of_site(model, site, schedules, scores, settings)
    return found


def _of_site(
    model: PracticeModel,
    site: int,
    schedules: Sequence[Schedule],
    scores: Mapping[FormIdentity, ScoreModel],
    settings: SimulationSettings,
) -> list[SiteTruth]:
    n = settings.truth_clients
    rng = stream(settings, TRUTH)
    therapists = draw_therapists(np.full(n, site), model.traits, settings, rng, antithetic=True)
    last = day_number(settings.exported[1])
    days = (day_number(settings.from_on), max(day_number(settings.through_on), last))
    block = draw_block(model, therapists, n, days, schedules, scores, settings, rng, only_site=site)
    found = []
    for identity, forms in block.forms.items():
        score = scores[identity]
        seen = (forms.day <= last) & block.is_alone[forms.client]
        client, returned = forms.client[seen], forms.is_returned[seen]
        full = mean_by(score.expected(forms.expected_eta[seen], forms.noise_sd), client, n)
        drawn = score.expected(forms.eta[seen])
        complete = mean_by(drawn, client, n)
        observed = mean_by(drawn[returned], client[returned], n)
        truth, truth_se = mirrored_mean(full)
        bias, bias_se = _difference(observed, complete)
        is_outcome = score.instrument.kind == "outcome"
        found.append(
            SiteTruth(
                site=site,
                identity=identity,
                truth=truth,
                truth_se=truth_se,
                planted_sd=0.0 if is_outcome else float(model.traits.planted_sd[site]),
                missing_bias=bias,
                missing_bias_se=bias_se,
            )
        )
    return found


def mirrored_mean(values: Floats) -> tuple[float, float]:
    """(mean, standard error) over clients with a value, client i and its mirror image in the other
    half of the block taken as a pair."""
    has = ~np.isnan(values)
    if not has.any():
        return float("nan"), float("nan")
    mean = float(values[has].mean())
    influence = np.where(has, values - mean, 0.0)
    half = (len(values) + 1) // 2
    pairs = influence[:half].copy()
    pairs[: len(values) - half] += influence[half:]
    return mean, float(np.sqrt((pairs**2).sum()) / has.sum())


def _difference(observed: Floats, complete: Floats) -> tuple[float, float]:
    """(mean of the observed clients' means less that of all clients, standard error)."""
    some, every = ~np.isnan(observed), ~np.isnan(complete)
    if not some.any():
        return float("nan"), float("nan")
    mean, whole = float(observed[some].mean()), float(complete[every].mean())
    influence = np.where(some, observed - mean, 0.0) / some.sum()
    influence -= np.where(every, complete - whole, 0.0) / every.sum()
    return mean - whole, float(np.sqrt((influence**2).sum()))


@dataclass
class Realised:
    """Mean of client means of the clients who did come, had no form been missing."""

    sums: Floats
    counts: Ints

    @classmethod
    def nothing(cls, n_sites: int) -> "Realised":
        """No client yet."""
        return cls(np.zeros(n_sites), np.zeros(n_sites, dtype=np.int64))

    def add(self, totals: Floats, client: Ints, site_of_client: Ints) -> None:
        """Add a block's totals of all due forms, one entry a form."""
        means = mean_by(totals, client, len(site_of_client))
        has = ~np.isnan(means)
        n_sites = len(self.sums)
        self.sums += np.bincount(site_of_client[has], weights=means[has], minlength=n_sites)
        self.counts += np.bincount(site_of_client[has], minlength=n_sites)

    def mean(self, site: int) -> float:
        """The site's mean; nan without clients."""
        count = int(self.counts[site])
        return float(self.sums[site] / count) if count else float("nan")
