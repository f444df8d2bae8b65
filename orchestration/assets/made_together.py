"""Tables of benchmark.* that one pass makes: an asset each, written by one function."""

from collections.abc import Callable, Mapping, Sequence

import dagster as dg
import duckdb

from orchestration.instance import POOL
from orchestration.night import Night


def keys_of(tables: Mapping[str, str]) -> tuple[dg.AssetKey, ...]:
    """The assets' keys, in the order of the tables."""
    return tuple(dg.AssetKey(["benchmark", name]) for name in tables)


def made_together(
    name: str,
    tables: Mapping[str, str],
    read: Sequence[dg.AssetKey],
    write: Callable[[duckdb.DuckDBPyConnection, Night], object],
) -> list[dg.AssetsDefinition]:
    """`tables`: benchmark.<name> and what it is; `read`: the assets all of them are made of."""

    @dg.multi_asset(
        name=name,
        specs=[
            dg.AssetSpec(
                key,
                deps=read,
                group_name="benchmark",
                kinds={"python", "duckdb"},
                description=tables[key.path[-1]],
            )
            for key in keys_of(tables)
        ],
        pool=POOL,
    )
    def together(night: dg.ResourceParam[Night]):  # type: ignore[no-untyped-def] # Dagster takes no annotation of several results
        with night.warehouse.connect() as con:
            write(con, night)
            for key in keys_of(tables):
                n_rows = con.execute(f"select count(*) from benchmark.{key.path[-1]}").fetchall()
                yield dg.MaterializeResult(
                    asset_key=key, metadata={"dagster/row_count": n_rows[0][0]}
                )

    return [together]
