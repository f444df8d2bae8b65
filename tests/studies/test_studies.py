"""The studies' promises: whole with `make studies`, a seeded sample of each with `make test`."""

from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.benchmarking.disclosure_cells import Protections
from tests.parsed_project import give
from tests.studies import releases_attacked, truth_recovered, variance_model


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


def test_the_inference_alone_over_many_networks(is_full_campaign: bool) -> None:
    if not is_full_campaign:
        pytest.skip("a sample runs in tests/unit/benchmarking/test_variance_model_study.py")
    tally = variance_model.study(variance_model.DEFAULT, n_networks=300, seed=20261123)
    null = variance_model.study(variance_model.NULL, n_networks=300, seed=20261124)
    print(f"\ninference alone\n  {tally}\n  null: {null}")
    assert 0.92 <= tally.covered <= 0.98
    assert null.flagged_95 <= 0.05
    assert null.flagged_998 <= 0.004


def test_nothing_leaks_from_releases_in_sequence(is_full_campaign: bool) -> None:
    if not is_full_campaign:
        pytest.skip("a sample runs in tests/unit/benchmarking/test_disclosure_release.py")
    tally = releases_attacked.study(Protections(), range(200), n_releases=4)
    print(f"\nreleases attacked\n  {tally}")
    assert tally.n_broken == 0


@pytest.mark.parametrize("name", releases_attacked.PROTECTIONS)
def test_without_any_one_protection_releases_leak(name: str, is_full_campaign: bool) -> None:
    if not is_full_campaign:
        pytest.skip("a sample runs in tests/unit/benchmarking/test_disclosure_release.py")
    off = replace(Protections(), **{name: False})
    tally = releases_attacked.study(off, range(20), n_releases=4)
    print(f"\nreleases attacked, without {name}\n  {tally}")
    assert tally.n_broken > 0
