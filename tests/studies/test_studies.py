"""The studies' promises: whole with `make studies`, a seeded sample of each with `make test`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from orchestration.benchmarking.disclosure_cells import Protections
from orchestration.release.contents import ALL_PROTECTIONS
from tests.parsed_project import give
from tests.studies import (
    case_mix,
    drops_found,
    measures_released,
    metrics_recovered,
    pairs_recovered,
    releases_attacked,
    trajectories_recovered,
    truth_recovered,
    variance_model,
)
from tests.studies.coverage import Coverage
from tests.studies.drawn_pairs import PairModel
from tests.studies.drawn_series import CEILING, INTERIOR
from tests.studies.drops_table import noise_report


def _size(is_full_campaign: bool, folder: Path) -> tuple[range, Path, int]:
    """Twenty networks, or a smaller one."""
    n_clients = truth_recovered.NETWORK.n_clients
    return (range(1, 21), folder, n_clients) if is_full_campaign else (range(1, 2), folder, 1_200)


@pytest.mark.slow
def test_intervals_cover_the_truth(tmp_path: Path, parsed: Path, is_full_campaign: bool) -> None:
    give(parsed, tmp_path / "parsed")
    found = truth_recovered.study("recovered", *_size(is_full_campaign, tmp_path))
    print("\nrecovered", *found.lines(), sep="\n  ")
    if is_full_campaign:
        assert 0.92 <= found.covered <= 0.98
        assert found.planted_published >= 0.6
    else:
        # Some 45 cells of one network share their therapists: more cannot be asked of them.
        assert found.covered >= 0.8


@pytest.mark.slow
def test_a_network_without_differences_raises_few_alarms(
    tmp_path: Path, parsed: Path, is_full_campaign: bool
) -> None:
    give(parsed, tmp_path / "parsed")
    found = truth_recovered.study("null", *_size(is_full_campaign, tmp_path))
    print("\nnull", *found.lines(), sep="\n  ")
    if is_full_campaign:
        assert found.flagged_95 <= 0.05
        assert found.flagged_998 <= 0.004
    else:
        assert found.flagged_95 <= 0.15


def test_forms_missing_not_at_random_are_reported_apart(
    tmp_path: Path, is_full_campaign: bool
) -> None:
    if not is_full_campaign:
        pytest.skip("reported by make studies; it promises nothing")
    found = truth_recovered.study("not_at_random", range(1, 21), tmp_path)
    print("\nnot_at_random", *found.lines(), sep="\n  ")
    assert found.n_cells > 0


@pytest.mark.slow
def test_marked_drops_are_found_as_the_rules_imply(
    tmp_path: Path, parsed: Path, is_full_campaign: bool
) -> None:
    target = tmp_path / "parsed"
    give(parsed, target)
    size = (2_000, 100_000) if is_full_campaign else (100, 4_000)
    worlds = drops_found.PLANTED if is_full_campaign else (INTERIOR,)
    found = drops_found.planted_drops(*size, drops_found.SEED, tmp_path, target, worlds)
    print("", *found.report(), sep="\n")
    assert found.n_unlike == 0
    for z in (found.distances(), found.exact_distances()):
        # Of some 350 normal deviates the furthest lies beyond 4 in 2 % of studies.
        assert np.abs(z).max() < 4
        assert np.mean(z**2) < 1.4


@pytest.mark.slow
def test_with_nothing_planted_drops_are_those_expected_of_noise(
    tmp_path: Path, parsed: Path, is_full_campaign: bool
) -> None:
    target = tmp_path / "parsed"
    give(parsed, target)
    n_series, worlds = (2_000, drops_found.STILL) if is_full_campaign else (200, (CEILING,))
    found = drops_found.noise_alone(n_series, drops_found.SEED, tmp_path, target, worlds)
    print("", *noise_report(found), sep="\n")
    # Twelve shares, 3: the furthest of so many lies beyond in 3 % of studies.
    assert max(abs(one.share.z) for one in found) < 3


@pytest.mark.slow
def test_gaps_bias_and_tracking_are_covered(
    tmp_path: Path, parsed: Path, is_full_campaign: bool
) -> None:
    target = tmp_path / "parsed"
    give(parsed, target)
    model = PairModel() if is_full_campaign else PairModel(n_sites=8)
    seeds = range(1, 21) if is_full_campaign else range(1, 6)
    found = pairs_recovered.study(seeds, tmp_path, target, model)
    print("", *found, sep="\n")
    _assert_covered([one for one in found if not one.figure.endswith(pairs_recovered.BY_DYAD)])


@pytest.mark.slow
def test_early_alliance_and_response_rates_are_covered(
    tmp_path: Path, parsed: Path, is_full_campaign: bool
) -> None:
    give(parsed, tmp_path / "parsed")
    found = metrics_recovered.study(*_size(is_full_campaign, tmp_path))
    print("", *found, sep="\n")
    assert len({one.figure for one in found}) == 6
    _assert_covered(found)


def test_level_slope_and_curvature_are_covered(is_full_campaign: bool) -> None:
    seeds, n_sites = (range(1, 21), 12) if is_full_campaign else (range(1, 4), 8)
    found = trajectories_recovered.study(seeds, n_sites=n_sites)
    print("", *found, sep="\n")
    assert {one.figure for one in found} == {"level", "slope", "curvature"}
    _assert_covered(found)


def _assert_covered(found: Sequence[Coverage]) -> None:
    """Each figure at the nominal rate, as far as chance allows."""
    assert [one.figure for one in found if not one.is_nominal] == []


def test_the_inference_alone_over_many_networks(is_full_campaign: bool) -> None:
    if not is_full_campaign:
        pytest.skip("a sample runs in tests/unit/benchmarking/test_variance_model_study.py")
    tally = variance_model.study(variance_model.DEFAULT, n_networks=300, seed=20261123)
    null = variance_model.study(variance_model.NULL, n_networks=300, seed=20261124)
    print(f"\ninference alone\n  {tally}\n  null: {null}")
    assert 0.92 <= tally.covered <= 0.98
    assert null.flagged_95 <= 0.05
    assert null.flagged_998 <= 0.004


def test_planted_sites_are_found_by_their_distance_and_the_networks_size(
    is_full_campaign: bool,
) -> None:
    sizes = variance_model.SIZES if is_full_campaign else (3_000,)
    found = variance_model.power(200 if is_full_campaign else 10, 20261128, sizes)
    print("\nplanted sites found", *variance_model.power_lines(found), sep="\n  ")
    by_size = {(one.n_clients, one.shift): one.beyond_95 for one in found}
    for n_clients in sizes:
        nearest, *_, furthest = (by_size[n_clients, shift] for shift in variance_model.SHIFTS)
        assert nearest < furthest
    # The reference's two planted sites, .5 SD off among 3,000 clients: more than four in five.
    assert by_size[3_000, 0.5] >= 0.8
    if is_full_campaign:
        assert by_size[600, 0.5] < by_size[3_000, 0.5] <= by_size[12_000, 0.5]
        # What is hardly further off than sites differ anyway must not be found often.
        assert by_size[3_000, 0.1] <= 0.15


def test_nothing_leaks_from_releases_in_sequence(is_full_campaign: bool) -> None:
    if not is_full_campaign:
        pytest.skip("a sample runs in tests/unit/benchmarking/test_disclosure_release.py")
    tally = releases_attacked.study(
        Protections(), releases_attacked.SEEDS, releases_attacked.RELEASES
    )
    print(f"\nreleases attacked\n  {tally}")
    assert (tally.n_releases, tally.n_refused, tally.n_broken) == (200, 0, 0)


@pytest.mark.parametrize("name", releases_attacked.PROTECTIONS)
def test_without_any_one_protection_releases_leak(name: str, is_full_campaign: bool) -> None:
    if not is_full_campaign:
        pytest.skip("a sample runs in tests/unit/benchmarking/test_disclosure_release.py")
    off = replace(Protections(), **{name: False})
    tally = releases_attacked.study(
        off, releases_attacked.OFF_SEEDS, releases_attacked.OFF_RELEASES
    )
    print(f"\nreleases attacked, without {name}\n  {tally}")
    assert tally.n_broken > 0


def test_nothing_follows_from_measures_released_in_sequence(is_full_campaign: bool) -> None:
    if not is_full_campaign:
        pytest.skip("a sample runs in tests/unit/release/test_measures_released.py")
    tally = measures_released.study(
        ALL_PROTECTIONS, measures_released.SEEDS, measures_released.RELEASES
    )
    print(f"\nmeasures released\n  {tally}")
    assert (tally.n_released, tally.n_refused, tally.n_broken) == (200, 0, 0)


@pytest.mark.parametrize("name", measures_released.PROTECTIONS)
def test_without_any_one_protection_measures_leak(name: str, is_full_campaign: bool) -> None:
    if not is_full_campaign:
        pytest.skip("a sample runs in tests/unit/release/test_measures_released.py")
    tally = measures_released.study(
        replace(ALL_PROTECTIONS, **{name: False}),
        measures_released.OFF_SEEDS,
        measures_released.OFF_RELEASES,
    )
    print(f"\nmeasures released, without {name}\n  {tally}")
    assert tally.n_broken > 0


@pytest.mark.parametrize("world", list(case_mix.WORLDS))
def test_planted_confounding_is_adjusted_away(world: str, is_full_campaign: bool) -> None:
    if not is_full_campaign:
        pytest.skip("a sample runs in tests/unit/benchmarking/test_case_mix.py")
    found = case_mix.study(case_mix.WORLDS[world], n_networks=200, seed=case_mix.SEED)
    print("", *case_mix.lines(world, found), sep="\n  ")
    assert found.left() <= 0.1
    assert found.bias_left() <= 0.1
    assert 0.93 <= found.covered <= 0.97
