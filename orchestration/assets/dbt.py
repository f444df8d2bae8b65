"""dbt's models as assets, built by dbt in this process.

dbt runs inside the asset, not as a child: its command's own start-up would cost more than the
models do on an ordinary night.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from orchestration import dbt_runner
from orchestration.instance import POOL
from orchestration.night import Night
from orchestration.settings import Settings
from orchestration.state import has_loaded_since, last_build, ledger_end


class _Translator(DagsterDbtTranslator):
    """Asset keys are the tables' names; groups are the layers."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return super().get_asset_key(dbt_resource_props)
        return dg.AssetKey([dbt_resource_props["config"]["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        return str(dbt_resource_props["config"]["schema"])
