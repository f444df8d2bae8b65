"""A small seeded sample of the study in tests/studies/variance_model.py (whole: make studies)."""

from tests.studies.variance_model import DEFAULT, NULL, study


def test_intervals_cover_and_planted_sites_stand_out() -> None:
    tally = study(DEFAULT, n_networks=40, seed=1)
    assert 0.92 <= tally.covered <= 0.98
    assert tally.covered_plain < 0.85  # what SD/sqrt(n) would have claimed to be 95 %
    assert tally.planted_both_flagged >= 0.6


def test_a_network_without_differences_raises_few_alarms() -> None:
    tally = study(NULL, n_networks=40, seed=2)
    assert tally.flagged_95 <= 0.05
    assert tally.flagged_998 <= 0.004
