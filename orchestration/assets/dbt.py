"""dbt's models as assets, built by dbt in this process.

dbt runs inside the asset, not as a child: its command's own start-up would cost more than the
models do on an ordinary night.
"""

import json
from collections.abc import Mapping
from datetime import UTC
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from orchestration import dbt_runner
from orchestration.instance import POOL
from orchestration.night import Night
from orchestration.settings import Settings
from orchestration.state import has_loaded_since, has_ratings, last_build, ledger_end
from orchestration.warehouse import is_worth_compacting, transaction


class _Translator(DagsterDbtTranslator):
    """Assets are named after their tables and grouped by layer."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return super().get_asset_key(dbt_resource_props)
        return model_key(dbt_resource_props)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        return str(dbt_resource_props["schema"])


def model_key(node: Mapping[str, Any]) -> dg.AssetKey:
    """Asset key of a model: its schema and name."""
    return dg.AssetKey([str(node["schema"]), str(node["name"])])


def dbt_models(
    settings: Settings, *, with_measures: bool, with_ratings: bool
) -> dg.AssetsDefinition:
    """Every model of the project as an asset; those of measures only where nights build them, and
    those of process ratings where a practice sends them.

    dbt's own data tests run in the same build and fail it; they are no separate asset checks,
    since each would cost an event on every night.
    """
    translator = _Translator(settings=DagsterDbtTranslatorSettings(enable_asset_checks=False))
    manifest = dbt_runner.ensure_manifest(settings.dbt_target)
    left_out = dbt_runner.left_out_models(with_measures=with_measures, with_ratings=with_ratings)
    ordered = _in_order(json.loads(manifest.read_text(encoding="utf-8")))

    @dbt_assets(
        manifest=manifest,
        dagster_dbt_translator=translator,
        exclude=" ".join(left_out) or None,
        pool=POOL,
        name="dbt",
    )
    def models(context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]):  # type: ignore[no-untyped-def] # Dagster takes no annotation of several results
        results = build_models(night)
        context.log.info(f"{len(results)} models built")
        for key in ordered:
            if key not in context.selected_asset_keys:
                continue
            result = results.get(key.path[-1])
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={"seconds": result.seconds} if result else {"was_up_to_date": True},
            )

    return models


def _in_order(manifest: Mapping[str, Any]) -> list[dg.AssetKey]:
    """Keys of all models, each after those it reads: the order Dagster wants them reported in."""
    models = {n: node for n, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    graph = {name: set(node["depends_on"]["nodes"]) for name, node in models.items()}
    order = TopologicalSorter(graph).static_order()
    return [model_key(models[name]) for name in order if name in models]


def build_models(night: Night) -> dict[str, dbt_runner.ModelResult]:
    """Bring the marts to the ledger's state; by model name what was built, empty when up to date.

    Incremental for new deliveries; from scratch when instruments, sites or models changed, since
    then every client's rows may.
    """
    # dbt opens the file by itself, and its memory must not add up with the reading worker's.
    night.close()
    digest = dbt_runner.models_digest()
    with night.warehouse.connect() as con:
        end, build = ledger_end(con), last_build(con)
        changed = build is None or build[1:] != (night.registry.digest, digest)
        if build is not None and not changed and not has_loaded_since(con, build[0]):
            return {}
        standing = [] if changed else standing_views(con)
        with_ratings = has_ratings(con)
        is_compacting = changed or is_worth_compacting(con)
    results = dbt_runner.build(
        night.settings.warehouse,
        night.settings.dbt_target,
        full_refresh=changed,
        memory_limit=night.settings.limits.warehouse_duckdb_memory,
        with_measures=night.registry.group.with_measures,
        standing=standing,
        with_ratings=with_ratings,
        is_compacting=is_compacting,
    )
    built_at = night.now.astimezone(UTC).replace(tzinfo=None)
    with night.warehouse.connect() as con, transaction(con):
        con.execute(
            "insert into raw.builds values (?, ?, ?, ?)",
            [end, night.registry.digest, digest, built_at],
        )
    return {result.name: result for result in results if result.kind == "model"}


def standing_views(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Every view of the warehouse, as schema.name."""
    rows = con.execute(
        "select table_schema || '.' || table_name from information_schema.tables "
        "where table_type = 'VIEW'"
    ).fetchall()
    return [name for (name,) in rows]
