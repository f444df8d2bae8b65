"""What the manifest must show: layers, documentation, and models that are what they say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expectations.model import FEED_NAMES
from expectations.registry import Registry
from orchestration.dbt_runner import load_manifest, run
from orchestration.warehouse import schema_sql
from tests.integration.dbt.raw_rows import RawWarehouse, registry

Nodes = dict[str, dict[str, Any]]

MAY_READ = {
    "staging": {"source", "staging"},
    "intermediate": {"staging", "intermediate"},
    "marts": {"intermediate", "marts"},
}
NAMES = {"staging": ("stg_",), "intermediate": ("int_",), "marts": ("dim_", "fct_", "rpt_")}


@pytest.fixture(scope="module")
def manifest(target_dir: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((target_dir / "manifest.json").read_text("utf-8"))
    return content


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> Nodes:
    nodes = manifest["nodes"].items()
    return {name: node for name, node in nodes if node["resource_type"] == "model"}


@pytest.fixture(scope="module")
def built(open_warehouse: Callable[[Registry], RawWarehouse]) -> RawWarehouse:
    """Every model over an empty warehouse."""
    warehouse = open_warehouse(registry())
    warehouse.build_with_measures()
    return warehouse


def test_each_layer_reads_the_one_below_and_marts_never_staging_or_sources(models: Nodes) -> None:
    for node in models.values():
        for needed in node["depends_on"]["nodes"]:
            layer = "source" if needed.startswith("source.") else models[needed]["schema"]
            assert layer in MAY_READ[node["schema"]], f"{node['name']} reads {needed}"


def test_a_table_is_called_after_its_layer_and_lies_in_it(models: Nodes) -> None:
    for node in models.values():
        assert node["name"].startswith(NAMES[node["schema"]])
        assert Path(node["original_file_path"]).parts[1] == node["schema"]


def test_descriptions_begin_with_the_grain(models: Nodes) -> None:
    undescribed = [
        node["name"] for node in models.values() if not node["description"].startswith("One row")
    ]
    assert undescribed == []


def test_documented_columns_are_the_built_ones(models: Nodes, built: RawWarehouse) -> None:
    for node in models.values():
        found = built.rows(
            "select column_name from information_schema.columns where table_schema = "
            f"'{node['schema']}' and table_name = '{node['name']}' order by ordinal_position"
        )
        documented = {name: column["description"] for name, column in node["columns"].items()}
        assert list(documented) == [name for (name,) in found], node["name"]
        assert all(documented.values()), node["name"]


def test_marts_have_enforced_contracts(models: Nodes) -> None:
    marts = [node for node in models.values() if node["schema"] == "marts"]
    assert len(marts) == 16
    assert all(node["contract"]["enforced"] for node in marts)


def test_incremental_models_take_touched_clients_out_first(models: Nodes) -> None:
    incremental = [n for n in models.values() if n["config"]["materialized"] == "incremental"]
    assert len(incremental) == 21
    for node in incremental:
        (hook,) = node["config"]["pre-hook"]
        assert "delete_touched_" in hook["sql"]
        assert hook["transaction"]
        assert node["config"]["incremental_strategy"] == "append"
        assert "model.alliance.stg_touched_clients" in node["depends_on"]["nodes"]


def test_sources_have_the_keys_of_the_assets_that_fill_them(manifest: dict[str, Any]) -> None:
    keys = {
        name.removeprefix("source.alliance."): source["config"]["meta"]["dagster"]["asset_key"]
        for name, source in manifest["sources"].items()
        if "dagster" in source["config"]["meta"]
    }
    for feed in FEED_NAMES:
        assert keys[f"raw.{feed}"] == ["raw", feed]


def test_dashboard_and_release_are_exposures(manifest: dict[str, Any]) -> None:
    exposed = {exposure["name"]: exposure for exposure in manifest["exposures"].values()}
    assert set(exposed) == {"release", "compare_sites"}
    assert all(
        needed.startswith(("model.alliance.dim_", "model.alliance.rpt_"))
        for exposure in exposed.values()
        for needed in exposure["depends_on"]["nodes"]
    )


def test_dbts_own_unit_tests_pass(
    open_warehouse: Callable[[Registry], RawWarehouse], target_dir: Path
) -> None:
    # Their keys are words, so that they can be read: the models below the marts do not care.
    built = open_warehouse(registry())
    with built.connect() as con:
        con.execute("drop schema raw cascade")
        con.execute(schema_sql().replace(" uuid", " varchar"))
    manifest = load_manifest(target_dir)
    run(("run", "--select", "staging", "intermediate"), target_dir, built.path, manifest)
    results = run(
        ("test", "--select", "test_type:unit"), target_dir, built.path, load_manifest(target_dir)
    ).results
    assert len(results) >= 14
    assert {str(result.status) for result in results} == {"pass"}
