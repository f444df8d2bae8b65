"""One parsed project and one database for every test of scoring."""

from collections.abc import Iterator

import pytest

from expectations.registry import Registry, load_registry
from orchestration.scoring import ScoringEngine


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_registry()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScoringEngine]:
    with ScoringEngine(tmp_path_factory.mktemp("dbt")) as opened:
        yield opened
