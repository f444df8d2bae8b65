"""Small worlds of the sample practices, shared by the tests of one module."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from expectations.registry import Registry, load_registry
from orchestration.simulation import SimulationSettings, SimulationSummary, simulate

SMALL = SimulationSettings(n_clients=240, n_therapists=40, truth_clients=400)


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_registry()


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
