"""One parsed project and one database for every test of scoring."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from expectations.registry import Registry, load_registry
from orchestration.scoring import ScoringEngine
from tests.parsed_project import give


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_registry()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> Iterator[ScoringEngine]:
    folder = tmp_path_factory.mktemp("dbt")
    give(parsed, folder)
    with ScoringEngine(folder) as opened:
        yield opened
