"""Small worlds of the sample practices, shared by the tests of one module."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from expectations.registry import Registry, load_registry
from orchestration.simulation import SimulationSettings, SimulationSummary, simulate
from tests.text_practices import of_items_as_text

SMALL = SimulationSettings(n_clients=240, n_therapists=40, truth_clients=400)


@pytest.fixture(scope="session")
def samples() -> Registry:
    """All sample practices."""
    return load_registry()


@pytest.fixture(scope="session")
def registry(samples: Registry) -> Registry:
    """Those that send items as plain text: enough sites for what is tested of a network."""
    return of_items_as_text(samples)


@pytest.fixture
def written(
    registry: Registry, tmp_path: Path
) -> Callable[[str, SimulationSettings], tuple[Path, SimulationSummary]]:
    """Writes a world into a folder of that name: (landing folder, summary)."""

    def write(name: str, settings: SimulationSettings) -> tuple[Path, SimulationSummary]:
        out = tmp_path / name
        return out, simulate(registry, out, settings)

    return write


def only(registry: Registry, practice_id: str) -> Registry:
    """The registry with one practice left."""
    return replace(registry, practices={practice_id: registry.practices[practice_id]})
