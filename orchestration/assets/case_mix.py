"""Case mix and where a site's distance from the network comes from, into benchmark.*."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import duckdb
import pandas as pd

from orchestration.assets.benchmarks import KEY as BENCHMARKS
from orchestration.assets.made_together import keys_of, made_together
from orchestration.benchmark_tables import is_made_from, note_made_from, replace_tables
from orchestration.night import Night
from orchestration.state import build_standing
from orchestration.warehouse import transaction

READ = (
    dg.AssetKey(["staging", "stg_reliable_changes"]),
    dg.AssetKey(["intermediate", "int_clients_asked"]),
    dg.AssetKey(["intermediate", "int_clients_described"]),
    dg.AssetKey(["intermediate", "int_instruments_listed"]),
    dg.AssetKey(["benchmark", "alliance_outcomes"]),
    BENCHMARKS,
)
TABLES = {
    "site_adjustments": "Adjusted value of every shown cell, its funnel and shrunken value.",
    "site_gaps": "Parts of every shown cell's distance from the network.",
    "case_mix_models": "What the models of case mix are worth.",
    "case_mix_coefficients": "Coefficients of the covariates, those left out included.",
    "case_mix_calibration": "Observed beside expected, by tenths of the clients.",
}
KEYS = keys_of(TABLES)
# Case mix is fitted to the shown cells: one that is hidden now, or no longer, changes all of it.
_SHOWN = """
    select
        count(*) || ' ' || coalesce(sum(md5_number_lower(concat_ws(
            chr(31), practice_id, site_id, instrument_code, version, language, informant,
            collection_mode, metric, stage, period
        ))::hugeint), 0)
    from benchmark.site_benchmarks where not is_suppressed
    """


def case_mix_assets() -> list[dg.AssetsDefinition]:
    """The tables, made together after the benchmarks, whose shown cells they are of.

    They read below the marts: a mart of described clients would store every client a second time.
    """
    return made_together("case_mix", TABLES, READ, write_case_mix)


def write_case_mix(con: duckdb.DuckDBPyConnection, night: Night) -> bool:
    """Replace all tables; False where they are of this build and these cells already."""
    made_from = _made_from(con, night)
    if is_made_from(con, "case_mix", made_from):
        return False
    tables = _tables(con, night)
    with transaction(con):
        replace_tables(con, tables)
        note_made_from(con, "case_mix", made_from)
    return True


def _made_from(con: duckdb.DuckDBPyConnection, night: Night) -> list[tuple[Any, ...]]:
    ((shown,),) = con.execute(_SHOWN).fetchall()
    return [(*row, shown) for row in build_standing(con, night.settings.code_version)]


def _tables(con: duckdb.DuckDBPyConnection, night: Night) -> Mapping[str, pd.DataFrame]:
    from orchestration.benchmarking.asked_networks import NetworksAsked
    from orchestration.benchmarking.case_mix_networks import case_mix_tables
    from orchestration.benchmarking.site_adjustments import site_adjustment_tables
    from orchestration.case_mix_arrays import case_mix_clients
    from orchestration.case_mix_shown import last_shown

    cells, outcomes = (
        con.execute(f"select * from benchmark.{name}").df()
        for name in ("site_benchmarks", "alliance_outcomes")
    )
    read = case_mix_clients(con)
    found = case_mix_tables(
        read.described,
        read.names,
        cells.loc[~cells["is_suppressed"]],
        NetworksAsked(read.asked, read.names),
    )
    of_sites = site_adjustment_tables(
        found, cells, outcomes, night.registry.group.thresholds, last_shown(con)
    )
    return of_sites | {
        "case_mix_models": found.models,
        "case_mix_coefficients": found.coefficients,
        "case_mix_calibration": found.calibration,
    }
