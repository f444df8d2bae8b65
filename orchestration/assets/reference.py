"""The registry as tables: what dbt knows of practices, sites, schedules and instruments."""

import dagster as dg

from orchestration.instance import POOL
from orchestration.night import Night
from orchestration.reference import REFERENCE_TABLES


def reference_assets() -> dg.AssetsDefinition:
    """One asset a reference table. `Night.prepare` has brought them to the registry's state."""

    @dg.multi_asset(
        name="reference",
        specs=[
            dg.AssetSpec(["reference", table], group_name="reference", kinds={"duckdb"})
            for table in REFERENCE_TABLES
        ],
        pool=POOL,
    )
    def reference(night: dg.ResourceParam[Night]):  # type: ignore[no-untyped-def]
        with night.warehouse.connect() as con:
            for table in REFERENCE_TABLES:
                ((rows,),) = con.execute(f"select count(*) from reference.{table}").fetchall()
                yield dg.MaterializeResult(
                    asset_key=["reference", table], metadata={"dagster/row_count": int(rows)}
                )

    return reference
