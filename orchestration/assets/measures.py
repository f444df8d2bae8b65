"""The measures that arrays are needed for, into benchmark.*: what noise alone would show of marked
drops, unplanned endings by alliance, alliance with outcome, one view of it with the other's, its
course over a treatment, and how much of it lies between whom."""

from collections.abc import Mapping

import dagster as dg
import duckdb
import pandas as pd

from orchestration.assets.made_together import keys_of, made_together
from orchestration.benchmark_tables import is_made_from, note_made_from, replace_tables
from orchestration.night import Night
from orchestration.state import build_standing
from orchestration.warehouse import transaction

READ = (
    dg.AssetKey(["intermediate", "int_forms_ordered"]),
    dg.AssetKey(["intermediate", "int_next_outcomes_matched"]),
    dg.AssetKey(["intermediate", "int_outcomes_followed"]),
    dg.AssetKey(["intermediate", "int_pairs_matched"]),
    dg.AssetKey(["intermediate", "int_sessions_at_risk"]),
    dg.AssetKey(["intermediate", "int_spreads_pooled"]),
    dg.AssetKey(["marts", "rpt_site_metrics"]),
)
TABLES = {
    "marked_drops": "Marked drops by rule, observed beside expected from noise, by site.",
    "dropout_hazards": "Hazard of an unplanned ending by state of the alliance.",
    "alliance_outcomes": "Early alliance with the change after it, by site and pooled.",
    "alliance_slopes": "Alliance with the next session's outcome, within and between clients.",
    "congruences": "Tracking and directional bias of two informants' forms.",
    "trajectories": "Level, slope and curvature of the alliance over a treatment.",
    "variance_components": "Shares of site, therapist, client and session in all variation.",
}
KEYS = keys_of(TABLES)


def measures_assets() -> list[dg.AssetsDefinition]:
    """The tables, made together.

    They read below the marts: a mart of units would store every form and session a second time.
    """
    return made_together("measures", TABLES, READ, write_measures)


def write_measures(con: duckdb.DuckDBPyConnection, night: Night) -> bool:
    """Replace all tables; False where they are of this build already.

    A night that only turned files away builds nothing, and reads no unit here.
    """
    made_from = build_standing(con, night.settings.code_version)
    if is_made_from(con, "measures", made_from):
        return False
    tables = _tables(con, night)
    with transaction(con):
        replace_tables(con, tables)
        note_made_from(con, "measures", made_from)
    return True


def _tables(con: duckdb.DuckDBPyConnection, night: Night) -> Mapping[str, pd.DataFrame]:
    from orchestration import measure_arrays as arrays
    from orchestration.benchmarking.associations import alliance_outcomes_table, slopes_table
    from orchestration.benchmarking.congruences import congruences_table
    from orchestration.benchmarking.dropout_hazards import dropout_hazards_table
    from orchestration.benchmarking.marked_drops import marked_drops_table, total_step
    from orchestration.benchmarking.trajectories import trajectories_table
    from orchestration.benchmarking.variance_components import variance_components_table
    from orchestration.dbt_runner import variables

    thresholds, settings = night.registry.group.thresholds, variables()
    steps = {key: total_step(each) for key, each in night.registry.instruments.items()}
    observed = con.execute(
        "select * from marts.rpt_site_metrics where starts_with(metric, 'marked_drop_') "
        "and stratum_kind = 'all' and period = 'all'"
    ).df()
    network_sd = str(settings["marked_drop_network_sd"])
    fewest_forms = int(settings["centring_minimum_forms"])
    fewest_pairs = int(settings["pair_minimum"])
    # One after the other: each holds its units in memory no longer than it takes.
    tables = {
        "marked_drops": marked_drops_table(
            arrays.drop_series(con, network_sd), observed, steps, settings
        ),
        "dropout_hazards": dropout_hazards_table(arrays.sessions_at_risk(con), thresholds),
        "alliance_outcomes": alliance_outcomes_table(arrays.episodes_with_outcome(con), thresholds),
        "alliance_slopes": slopes_table(
            arrays.forms_with_next_outcome(con), thresholds, fewest_forms
        ),
        "congruences": congruences_table(arrays.pairs_of_dyads(con), thresholds, fewest_pairs),
    }
    forms = arrays.forms_of_sessions(con)
    return tables | {
        "trajectories": trajectories_table(forms, thresholds),
        "variance_components": variance_components_table(forms, thresholds),
    }
