"""Which slice of a campaign is run."""

from pathlib import Path

import pytest

from tests.faults.campaigns import Campaign


@pytest.fixture
def campaign(pytestconfig: pytest.Config, is_full_campaign: bool) -> Campaign:
    """The whole campaign, a slice of it, or a sample."""
    number, _, n_slices = str(pytestconfig.getoption("--slice")).partition("/")
    log = pytestconfig.getoption("--campaign-log")
    place, of = int(number) - 1, int(n_slices)
    assert 0 <= place < of, "--slice 1/2 is the first of two"
    return Campaign(is_full_campaign, place, of, Path(log) if log else None)
