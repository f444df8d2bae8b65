"""A site's distance in parts: by hand, and with a known reason planted."""

from dataclasses import replace

import numpy as np
import pytest

from orchestration.benchmarking.case_mix import Adjusted, adjust, fit_case_mix
from orchestration.benchmarking.case_mix_covariates import Clients
from orchestration.benchmarking.decomposition import decompose, outcome_of_gap
from orchestration.benchmarking.response_weights import FEWEST_ASKED, Asked, response_weights
from orchestration.benchmarking.variance import Floats, VarianceComponents
from orchestration.measures.alliance_outcome import Pooled
from tests.studies import case_mix as study


def adjusted_as_raw(clients: Clients, between: float, within: float) -> Adjusted:
    """As if no covariate did anything."""
    n = np.bincount(clients.site, minlength=clients.n_sites).astype(np.float64)
    means = np.bincount(clients.site, weights=clients.value, minlength=clients.n_sites) / n
    mean = float(clients.value.mean())
    components = VarianceComponents(between, within, 1, 1, 1, "estimated", 0.0)
    return Adjusted(
        raw=means,
        expected=np.full(n.size, mean),
        adjusted=means,
        adjusted_standard_error=np.ones(n.size),
        n_clients=n,
        network_mean=mean,
        not_identifiable=np.zeros((n.size, 0), dtype=np.bool_),
        share_missing=np.zeros((n.size, 0)),
        client_values=clients.value,
        client_expected=np.full(clients.value.size, mean),
        components=components,
    )


def of_therapists(*means_by_site: tuple[float, ...]) -> Clients:
    """Four clients a therapist, all at the therapist's mean."""
    site = np.repeat(np.arange(len(means_by_site)), [4 * len(each) for each in means_by_site])
    means = np.concatenate([np.array(each) for each in means_by_site])
    return Clients(
        site, len(means_by_site), np.repeat(np.arange(means.size), 4), np.repeat(means, 4), {}, {}
    )


def test_one_of_three_therapists_by_hand() -> None:
    # Site 0: 1, 2 and 6, mean 3; site 1: 1, 1, 1. Network mean 2: gaps 1 and -1.
    clients = of_therapists((1, 2, 6), (1, 1, 1))
    # Between 1, within 4, four clients each: a therapist keeps 1 / (1 + 1) of the distance.
    parts = decompose(clients, adjusted_as_raw(clients, between=1, within=4))
    assert parts.gap == pytest.approx([1, -1])
    # Shrunken: -1, -.5, 1.5 about 3, median -.5. The third makes (1.5 + .5) / 3 of the gap of 1.
    assert parts.therapists == pytest.approx([2 / 3, 0])
    assert parts.therapists_share == pytest.approx([2 / 3, 0])
    assert parts.rest == pytest.approx([1 / 3, -1])
    assert np.isnan(parts.response).all()


def test_of_six_therapists_two_are_a_few_and_no_more_than_the_distance_goes() -> None:
    clients = of_therapists((0, 0, 0, 0, 9, 9), (0, 0, 0, 0, 0, 9), (0, 0, 0, 0, 0, 0))
    parts = decompose(clients, adjusted_as_raw(clients, between=1, within=0.0))
    # Mean 27 / 18 = 1.5: gaps 1.5, 0 and -1.5. Two at 9 against a median of 0 make 3 of the 1.5.
    assert parts.gap == pytest.approx([1.5, 0, -1.5])
    assert parts.therapists == pytest.approx([1.5, 0, 0])
    assert parts.therapists_share == pytest.approx([1, 0, 0])


def test_two_therapists_or_one_with_most_clients_are_nobody_s_business() -> None:
    clients = of_therapists((0, 9), (0, 0, 9), (1, 1, 1))
    most = replace(clients, therapist=np.where(clients.site == 2, 99, clients.therapist))
    most.therapist[-2:] = [100, 101]
    parts = decompose(most, adjusted_as_raw(clients, between=1, within=4))
    assert np.isnan(parts.therapists).tolist() == [True, False, True]
    assert np.isnan(parts.therapists_share).tolist() == [True, False, True]
    assert parts.case_mix + parts.rest + np.nan_to_num(parts.therapists) == pytest.approx(parts.gap)


def test_without_variance_between_therapists_none_of_them_is_blamed() -> None:
    clients = of_therapists((1, 2, 6), (1, 1, 1))
    parts = decompose(clients, adjusted_as_raw(clients, between=0, within=4))
    assert parts.therapists == pytest.approx([0, 0])


def drawn() -> tuple[Clients, Adjusted]:
    clients = study.draw(np.random.default_rng(8), study.Worlds()).clients
    return clients, adjust(fit_case_mix(clients), clients)


def test_parts_add_up_to_the_gap() -> None:
    clients, adjusted = drawn()
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.5, 2, clients.value.size)
    weight[clients.site == 3] = np.nan
    parts = decompose(clients, adjusted, weight)
    assert np.isnan(parts.response).nonzero()[0].tolist() == [3]
    whole = parts.case_mix + np.nan_to_num(parts.response) + parts.therapists + parts.rest
    assert np.abs(whole - parts.gap).max() < 1e-12
    assert parts.gap == pytest.approx(adjusted.raw - adjusted.network_mean)
    assert parts.case_mix == pytest.approx(adjusted.expected - adjusted.network_mean)
    assert bool(np.all((parts.therapists_share >= 0) & (parts.therapists_share <= 1)))
    assert np.abs(parts.therapists).max() > 0


def test_a_planted_response_is_found_and_a_site_not_adjusted_has_no_parts() -> None:
    clients = of_therapists((1, 2, 6), (1, 1, 1))
    adjusted = adjusted_as_raw(clients, between=1, within=4)
    # At site 0 the third therapist's clients stand for twice as many as the others'.
    weight = np.where(clients.therapist == 2, 2.0, 1.0)
    parts = decompose(clients, adjusted, weight)
    # Weighted mean (1 + 2 + 12) / 4 = 3.75 against 3: -.75, site 1: 0. Network: -.375.
    assert parts.response == pytest.approx([-0.375, 0.375])
    assert parts.case_mix + parts.response + parts.therapists + parts.rest == pytest.approx([1, -1])
    gone = replace(adjusted, expected=np.array([np.nan, 2.0]), adjusted=np.array([np.nan, 1.0]))
    parts = decompose(clients, gone, weight)
    for part in (parts.gap, parts.case_mix, parts.therapists, parts.rest):
        assert np.isnan(part).tolist() == [True, False]


def asked_of(rate: Floats, n: int, seed: int) -> Asked:
    """One site a list of therapists' rates, n clients each."""
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(rate.shape[0]), rate.shape[1] * n)
    therapist = np.repeat(np.arange(rate.size), n)
    answered = rng.random(therapist.size) < rate.ravel()[therapist]
    return Asked(site, rate.shape[0], therapist, answered, {}, {})


def test_weights_give_the_clients_of_a_therapist_who_seldom_asks_their_place() -> None:
    rate = np.array([[0.9, 0.3, 0.6], [0.5, 0.5, 0.5]])
    asked = asked_of(rate, 400, 5)
    found = response_weights(asked)
    assert np.isfinite(found.weight).tolist() == asked.is_answered.tolist()
    for at in (0, 1):
        here = asked.is_answered & (asked.site == at)
        assert found.weight[here].mean() == pytest.approx(1)
    weights = [found.weight[asked.is_answered & (asked.therapist == n)].sum() for n in range(3)]
    # Equally many were asked: each therapist's answers count for a third of the site.
    assert np.array(weights) / sum(weights) == pytest.approx([1 / 3] * 3, abs=0.02)
    assert found.rate == pytest.approx([0.6, 0.5], abs=0.03)
    assert found.share_unseen.tolist() == [0, 0]


def test_a_covariate_that_answers_seldom_is_weighted_up() -> None:
    rng = np.random.default_rng(6)
    site = np.repeat(np.arange(4), 1500)
    hard = rng.standard_normal(site.size)
    known = np.where(rng.random(site.size) < 0.1, np.nan, hard)
    answered = rng.random(site.size) < 1 / (1 + np.exp(hard))
    therapist = np.repeat(np.arange(40), 150)
    found = response_weights(Asked(site, 4, therapist, answered, {"hard": known}, {}))
    used = answered & np.isfinite(known)
    assert np.mean(hard[used]) < -0.3
    assert np.average(hard[used], weights=found.weight[used]) == pytest.approx(0, abs=0.06)


def test_few_asked_have_no_weights_and_silent_therapists_are_counted() -> None:
    rate = np.array([[1.0, 0.0], [0.5, 0.5]])
    asked = asked_of(rate, 40, 5)
    few = np.concatenate([np.arange(80), 80 + np.arange(FEWEST_ASKED - 1)])
    part = Asked(
        asked.site[few], 2, asked.therapist[few], asked.is_answered[few], {}, {}
    )  # fmt: skip
    found = response_weights(part)
    assert np.isnan(found.weight[80:]).all()
    assert found.share_unseen.tolist() == [0.5, 0]


def test_chance_differences_between_therapists_hardly_weigh() -> None:
    asked = asked_of(np.full((3, 30), 0.5), 10, 9)
    weight = response_weights(asked).weight
    # Taken as they are, rates of 10 clients range from .1 to .9.
    assert float(np.nanmax(weight) / np.nanmin(weight)) < 1.7


def test_what_a_gap_has_meant_by_hand() -> None:
    pooled = Pooled(0.25, 0.1, 0.4, 0.0, 0.1)
    found = outcome_of_gap(np.array([2.0, -1.0, 0.0]), pooled, alliance_sd=4.0)
    assert found.value == pytest.approx([0.125, -0.0625, 0])
    assert found.lower95 == pytest.approx([0.05, -0.1, 0])
    assert found.upper95 == pytest.approx([0.2, -0.025, 0])
    with pytest.raises(ValueError, match="above 0"):
        outcome_of_gap(np.array([1.0]), pooled, alliance_sd=0.0)
