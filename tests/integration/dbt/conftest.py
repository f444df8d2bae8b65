"""One parsed project for all tests of the dbt models."""

from collections.abc import Callable
from pathlib import Path

import pytest

from expectations.registry import Registry
from tests.integration.dbt.raw_rows import RawWarehouse
from tests.parsed_project import give


@pytest.fixture(scope="session")
def target_dir(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> Path:
    folder = tmp_path_factory.mktemp("dbt_target")
    give(parsed, folder)
    return folder


@pytest.fixture(scope="session")
def open_warehouse(
    tmp_path_factory: pytest.TempPathFactory, target_dir: Path
) -> Callable[[Registry], RawWarehouse]:
    """Opens an empty warehouse in a folder of its own."""

    def opened(declared: Registry) -> RawWarehouse:
        path = tmp_path_factory.mktemp("home") / "warehouse.duckdb"
        warehouse = RawWarehouse(path, target_dir)
        warehouse.prepare(declared)
        return warehouse

    return opened
