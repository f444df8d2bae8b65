"""The floor under the measures: the least a person could write for the same numbers.

By hand and for the sample practices that send items as text: out of raw.* of a warehouse that one
night filled, the score of every scale of every form, and every metric's cells and distributions, in
one process. No dbt, nothing kept for another night, no order of versions, no tests. What cannot
occur in these practices' files (years without days, couples that nobody names, forms of a child or
a caregiver, a second language) is not written for.

`measures_floor.sql` makes forms, appointments and episodes of raw rows, `measures_floor_units.sql`
the units that metrics are about; here they are added up.

    python -m tests.benchmarks.measures_floor WAREHOUSE [DATABASE]
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

import duckdb
import yaml

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project" / "dbt_project.yml"
ROWS = Path(__file__).with_suffix(".sql")
UNITS = Path(__file__).with_name("measures_floor_units.sql")

CELL = "practice_id, site_id, instrument_code, version, language, informant"
STRATA = {
    "all": "'all'",
    "stage": "stage",
    "delivery_mode": "delivery_mode",
    "age_band": "age_band",
    "interpreter": "case has_interpreter when true then 'with' when false then 'without' end",
}
KINDS = ("individual", "couple", "family", "group", "crisis", "assessment", "not_recorded")
FAMILIES: Mapping[str, Sequence[str]] = {
    "forms": (
        "mean_score",
        "ceiling_share",
        "all_items_at_best",
        "low_alliance",
        "within_window",
        "lag_days",
    ),
    "appointments": (
        "attended",
        "no_show",
        "cancelled_client_late",
        "cancelled_therapist",
        "minutes_kept",
        "gap_kept",
        "gap_days",
    ),
    "due": ("response_rate",),
    "therapists": ("therapist_response",),
    "endings": (
        "responded_first_and_last",
        "responded_first_only",
        "responded_last_only",
        "responded_none",
    ),
    "episodes": (
        "flow_reached_3",
        "flow_any_form",
        "flow_forms_3_to_5",
        "flow_planned_ending",
    ),
    "beginnings": ("early_alliance",),
    "single_forms": ("early_alliance_single_form",),
    "exits": ("last_alliance_before_exit",),
    "series": (
        *(f"marked_drop_{rule}" for rule in ("fixed", "sd1", "sd2", "chart")),
        *(f"unrepaired_{rule}" for rule in ("fixed", "sd1", "sd2", "chart")),
        "sudden_gain",
        "sudden_loss",
    ),
    "changes": ("recovered", "improved", "unchanged", "deteriorated", "harmed", "change"),
    "risks": tuple(
        f"unplanned_ending_after_{state}" for state in ("low", "middle", "maximum", "no_form")
    ),
    "pairs": ("pair_gap",),
    "kinds": tuple(f"flow_kind_{kind}" for kind in KINDS),
    "couples": ("couple_minimum", "couple_gap"),
    "groups": ("group_mean",),
}
WITH_DISTRIBUTION = {
    "mean_score": "forms",
    "lag_days": "forms",
    "gap_days": "appointments",
    "change": "changes",
}

DROPS = """
    case when n_forms >= $least and $varied then $rule::double end as marked_drop_$rule,
    case when kind <> 'alliance' then null when n_forms < $least then 'too_few_forms'
        when not $varied then 'no_variation' end as marked_drop_${rule}_why,
    case when n_forms >= $least and $rule and after_$rule <> 'open'
        then (after_$rule = 'unrepaired')::double end as unrepaired_$rule,
    case when n_forms >= $least and after_$rule = 'open' then 'open' end
        as unrepaired_${rule}_why"""
VARIED = {"fixed": "true", "sd1": "is_varied", "sd2": "is_varied", "chart": "is_chart_varied"}

RISKS = """
    case when state = '$state' then is_ended end as unplanned_ending_after_$state,
    case when state = '$state' then why end as unplanned_ending_after_${state}_why"""


SITE_METRICS = f"""
create table results.site_metrics (
    {CELL.replace(",", " varchar,")} varchar, metric varchar, stratum_kind varchar,
    stratum varchar, period varchar, n_clients integer, n_therapists integer, n_units integer,
    n_valued integer, numerator double, denominator double, value double, null_reason varchar
)"""

# Of a metric `m`: units, values, their sum, the least and greatest reason for having none.
COUNTED = ", count(${m}) as ${m}_v, sum(${m}) as ${m}_s"
REASONS = (
    ", count(coalesce(${m}::varchar, ${m}_why)) as ${m}_u, "
    "min(${m}_why) as ${m}_a, max(${m}_why) as ${m}_z"
)
NO_REASON = ", count(${m}) as ${m}_u"
SUMMED = ", sum(${m}_u) as ${m}_u, sum(${m}_v) as ${m}_v, sum(${m}_s) as ${m}_s"
SUMMED_REASONS = ", min(${m}_a) as ${m}_a, max(${m}_z) as ${m}_z"
AVERAGED = (
    ", count(*) filter (where client_key is not null and ${m}_v > 0) as ${m}_c, "
    "avg(${m}_s / ${m}_v) as ${m}_m"
)
TAKING_PART = (
    ", count(*) filter (where ${m}_v > 0) as ${m}_t, count(*) filter (where ${m}_s > 0) as ${m}_p"
)
TAKEN_PART = ", sum(${m}_v) as ${m}_v, max(${m}_s) as ${m}_s"
NEVER = {"first": "null", "last": "null"}

ADDED_UP = f"""
create temp table months_of_$family as
select {CELL}, client_key, therapist_key, month_on, stage, delivery_mode, age_band,
    has_interpreter $counted
from units_of_$family group by all;

create temp table cells_of_$family as $cells;

create temp table clients_of_$family as
select cell_no, period_no, client_key, therapist_key $summed
from ($strata) as strata
inner join periods on strata.month_on is not distinct from periods.month_on
group by all;

create temp table sites_of_$family as
select *
from (
    select cell_no, period_no $summed $averaged
    from (
        select cell_no, period_no, client_key $summed from clients_of_$family group by all
    ) group by all
)
inner join (
    select cell_no, period_no $taking_part
    from (
        select cell_no, period_no, therapist_key $taken_part
        from clients_of_$family where therapist_key is not null group by all
    ) group by all
) using (cell_no, period_no);
"""

CELLS = f"""
insert into results.site_metrics
select {CELL}, metric, stratum_kind, stratum, period,
    ${{m}}_c, nullif(${{m}}_t, 0), ${{m}}_u, ${{m}}_v, ${{m}}_s, nullif(${{m}}_v, 0),
    case when ${{m}}_v < minimum_units then null
        when aggregation = 'share' then ${{m}}_s / ${{m}}_v
        when aggregation = 'mean_of_clients' then ${{m}}_m
        else ${{m}}_p / ${{m}}_t end,
    case when ${{m}}_v = 0 and $first = $last then $first
        when ${{m}}_v = 0 then 'several_reasons'
        when ${{m}}_v < minimum_units then 'too_few_units' end
from sites_of_$family
inner join cells_of_$family using (cell_no)
inner join (select distinct period, period_no from periods) using (period_no)
inner join reference.metrics on metric = '$m'
where ${{m}}_u > 0"""

SPREAD = f"""
select {CELL}, '$m' as metric, period, count(distinct client_key) as n_clients,
    count(*) as n_valued,
    case when n_valued >= $distribution_minimum_units
        then quantile_cont($m, [0.1, 0.25, 0.5, 0.75]) end as quantiles,
    case when n_valued >= $distribution_minimum_units and min($m) < max($m) then
        (avg($m ** 3) - 3 * avg($m) * avg($m ** 2) + 2 * avg($m) ** 3)
        / var_pop($m) ** 1.5 end as skew
from units_of_$family as units
inner join periods on units.month_on is not distinct from periods.month_on
where $m is not null
group by all"""


def run(warehouse: Path, database: Path, memory_limit: str = "950MB") -> int:
    """Compute scores, site_metrics and site_distributions in `database`; the number of cells.

    `memory_limit` is what a night gives DuckDB.
    """
    settings = _settings()
    with duckdb.connect() as con:
        con.execute(f"set memory_limit = '{memory_limit}'")
        con.execute("set preserve_insertion_order = false")
        con.execute(f"attach '{warehouse}' as warehouse (read_only)")
        con.execute(f"attach '{database}' as results")
        con.execute("use warehouse")
        for rows in (ROWS, UNITS):
            con.execute(Template(rows.read_text(encoding="utf-8")).substitute(settings))
        con.execute("create table results.scores as from scores")
        con.execute(SITE_METRICS)
        for family, metrics in FAMILIES.items():
            _add_up(con, family, metrics)
        spreads = [
            Template(SPREAD).substitute(settings, m=m, family=f)
            for m, f in WITH_DISTRIBUTION.items()
        ]
        con.execute("create table results.site_distributions as " + " union all ".join(spreads))
        ((n_cells,),) = con.execute("select count(*) from results.site_metrics").fetchall()
    return int(n_cells)


def _settings() -> dict[str, Any]:
    """What `$words` of the SQL stand for: the project's settings and columns that repeat."""
    settings: dict[str, Any] = yaml.safe_load(PROJECT.read_text(encoding="utf-8"))["vars"]
    endings = ", ".join(f"'{ending}'" for ending in settings["unplanned_endings"])
    least = {rule: settings[f"marked_drop_{rule.rstrip('12')}_forms"] for rule in VARIED}
    drops = (
        Template(DROPS).substitute(rule=rule, least=least[rule], varied=varied)
        for rule, varied in VARIED.items()
    )
    states = ("low", "middle", "maximum", "no_form")
    risks = (Template(RISKS).substitute(state=state) for state in states)
    return settings | {
        "unplanned_endings": endings,
        "network_sd": settings["marked_drop_network_sd"] + "_sd",
        "drops": ",".join(drops),
        "risks": ",".join(risks),
        "kinds": ", ".join(f"(kind = '{kind}')::double as flow_kind_{kind}" for kind in KINDS),
    }


def _add_up(con: duckdb.DuckDBPyConnection, family: str, metrics: Sequence[str]) -> None:
    """One family's cells into site_metrics: by client and month, by client, then by site."""
    columns = {name for name, *_ in con.execute(f"describe units_of_{family}").fetchall()}
    with_why = [metric for metric in metrics if f"{metric}_why" in columns]
    words = {
        "family": family,
        "counted": _each(COUNTED, metrics)
        + _each(REASONS, with_why)
        + _each(NO_REASON, [metric for metric in metrics if metric not in with_why]),
        "summed": _each(SUMMED, metrics) + _each(SUMMED_REASONS, with_why),
        "averaged": _each(AVERAGED, metrics),
        "taking_part": _each(TAKING_PART, metrics),
        "taken_part": _each(TAKEN_PART, metrics),
        "strata": " union all ".join(
            f"select hash({CELL}, '{kind}', {stratum}) as cell_no, * from months_of_{family} "
            f"where {stratum} is not null"
            for kind, stratum in STRATA.items()
        ),
        "cells": " union all ".join(
            f"select distinct {CELL}, '{kind}' as stratum_kind, {stratum} as stratum, "
            f"hash({CELL}, stratum_kind, stratum) as cell_no from months_of_{family} "
            "where stratum is not null"
            for kind, stratum in STRATA.items()
        ),
    }
    con.execute(Template(ADDED_UP).substitute(words))
    for metric in metrics:
        has_why = metric in with_why
        reasons = {"first": f"{metric}_a", "last": f"{metric}_z"} if has_why else NEVER
        con.execute(Template(CELLS).substitute(family=family, m=metric, **reasons))
    con.execute(f"drop table clients_of_{family}; drop table months_of_{family}")


def _each(columns: str, metrics: Sequence[str]) -> str:
    return "".join(Template(columns).substitute(m=metric) for metric in metrics)


if __name__ == "__main__":
    print(json.dumps({"n_cells": run(Path(sys.argv[1]), Path(sys.argv[2]))}))
