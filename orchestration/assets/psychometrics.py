"""Reliability of every scale and careless responding at every site, into benchmark.*; and the
reverse-keying alarm into quality.check_results."""

from datetime import UTC

import dagster as dg
import duckdb

from orchestration.benchmark_tables import is_made_from, note_made_from, replace_tables
from orchestration.instance import POOL
from orchestration.key_alarm import standing_alarms
from orchestration.night import Night
from orchestration.state import build_standing
from orchestration.warehouse import transaction

READ = (
    dg.AssetKey(["staging", "stg_answers"]),
    dg.AssetKey(["intermediate", "int_forms_answered"]),
    dg.AssetKey(["intermediate", "int_item_cells_counted"]),
    dg.AssetKey(["intermediate", "int_scale_items_listed"]),
)
RELIABILITY = dg.AssetKey(["benchmark", "scale_reliability"])
CARELESS = dg.AssetKey(["benchmark", "careless_shares"])
CHECK = "items_point_with_the_key"


def psychometrics_assets() -> list[dg.AssetsDefinition]:
    """The two tables, made in one pass over the answers.

    They read below the marts: a mart of ten million answers would store them a second time.
    """

    @dg.multi_asset(
        name="psychometrics",
        specs=[
            dg.AssetSpec(
                RELIABILITY,
                deps=READ,
                group_name="benchmark",
                kinds={"python", "duckdb"},
                description="Alpha, omega and item-rest correlations of every scale and site.",
            ),
            dg.AssetSpec(
                CARELESS,
                deps=READ,
                group_name="benchmark",
                kinds={"python", "duckdb"},
                description="Share of forms with signs of careless responding, by site.",
            ),
        ],
        check_specs=[
            dg.AssetCheckSpec(
                CHECK, asset=RELIABILITY, description="No item falls where its scale rises."
            )
        ],
        pool=POOL,
    )
    def psychometrics(night: dg.ResourceParam[Night]):  # type: ignore[no-untyped-def] # Dagster takes no annotation of several results
        with night.warehouse.connect() as con:
            write_psychometrics(con, night)
            n_rows = {
                key: con.execute(f"select count(*) from benchmark.{key.path[-1]}").fetchall()[0][0]
                for key in (RELIABILITY, CARELESS)
            }
            n_alarms = standing_alarms(con)
        check = dg.AssetCheckResult(
            check_name=CHECK,
            passed=n_alarms == 0,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"n_alarms": n_alarms},
        )
        for key, checks in ((RELIABILITY, [check]), (CARELESS, [])):
            yield dg.MaterializeResult(
                asset_key=key, metadata={"dagster/row_count": n_rows[key]}, check_results=checks
            )

    return [psychometrics]


def write_psychometrics(con: duckdb.DuckDBPyConnection, night: Night) -> bool:
    """Replace both tables and add the alarm's verdicts; False where they are of this build already.

    A night that only turned files away builds nothing, and reads no answer here.
    """
    made_from = build_standing(con, night.settings.code_version)
    if is_made_from(con, "psychometrics", made_from):
        return False
    from orchestration.benchmarking.psychometrics import (
        careless_table,
        key_verdicts,
        scale_reliability_table,
    )
    from orchestration.item_slices import summed_answers
    from orchestration.key_alarm import write_key_verdicts

    thresholds = night.registry.group.thresholds
    sums = summed_answers(con)
    tables = {
        "scale_reliability": scale_reliability_table(sums, thresholds),
        "careless_shares": careless_table(sums, thresholds),
    }
    with transaction(con):
        replace_tables(con, tables)
        write_key_verdicts(
            con,
            key_verdicts(sums, thresholds),
            code_version=night.settings.code_version,
            registry_digest=night.registry.digest,
            checked_at=night.now.astimezone(UTC).replace(tzinfo=None),
        )
        note_made_from(con, "psychometrics", made_from)
    return True
