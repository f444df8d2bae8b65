"""What campaigns share: dbt's project parsed once, and which slice of a campaign is run."""

from pathlib import Path

import pytest

from orchestration.dbt_runner import ensure_manifest
from tests.faults.campaigns import Campaign


@pytest.fixture(scope="session")
def parsed_models(pytestconfig: pytest.Config) -> Path:
    """dbt's parsed project. It is kept between runs, and parsed again when a model changed."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("parsed_models")
    ensure_manifest(folder)
    return folder


@pytest.fixture
def campaign(pytestconfig: pytest.Config, is_full_campaign: bool) -> Campaign:
    """The whole campaign, a slice of it, or a sample."""
    number, _, n_slices = str(pytestconfig.getoption("--slice")).partition("/")
    log = pytestconfig.getoption("--campaign-log")
    place, of = int(number) - 1, int(n_slices)
    assert 0 <= place < of, "--slice 1/2 is the first of two"
    return Campaign(is_full_campaign, place, of, Path(log) if log else None)
