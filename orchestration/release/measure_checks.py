"""What the tables of measures must satisfy, cell by cell, before they may go out.

Looks at the finished file and shares nothing with the queries that filled it: what they let through
by mistake is found here. What cells give away together is for measures_gate.
"""

from collections.abc import Iterable, Iterator

import duckdb

from expectations.metric import Metric, shipped_metrics
from expectations.model import Thresholds
from orchestration.release.tables import ReleaseTable, tables_of
from orchestration.sql import identifier, literal

_SHARES = ("share", "share_of_therapists")
_MODELLED_SHARES = ("dropout_hazard", "careless_flagged_share", "same_answer_share")
_OF_FORMS = (
    *("mean_score", "ceiling_share", "all_items_at_best", "low_alliance"),
    *("within_window", "lag_days"),
)
"""Metrics of the clients of site_benchmarks' cells, or of some of them."""
OF_STRATA = (
    *("cohort_flow", "stage_profiles", "alliance_events", "informant_gaps", "frame_adherence"),
    "site_metrics",
)
"""Tables whose rows are strata of each other."""
COUNTS = ("n_clients_at_least", "n_forms_at_least")
_BLOCK = ("practice_id", "site_id", "instrument_code", "version", "language", "informant")


def measure_problems(candidate: duckdb.DuckDBPyConnection, thresholds: Thresholds) -> Iterator[str]:
    """Sentences about what stands against publishing, none when nothing does."""
    for table in tables_of("release"):
        if table.is_measure:
            for words, condition in _rules(table, thresholds):
                yield from _found(candidate, table.table, words, condition)
    yield from _stratum_problems(candidate)
    yield from _partition_problems(candidate)


def _rules(table: ReleaseTable, thresholds: Thresholds) -> Iterator[tuple[str, str]]:
    steps = thresholds.minimum_clients - 1
    classes = ", ".join(str(steps * 10**power + 1) for power in range(9))
    for count in COUNTS:
        if count in table.names:
            yield f"counts in {count} are no class's least number", f"{count} not in ({classes})"
    if "n_clients" in table.names:
        yield (
            "counts in n_clients are exact or below the minimum",
            f"n_clients < {thresholds.minimum_clients} or n_clients % 5 <> 0",
        )
    if "is_suppressed" not in table.names:
        return
    yield (
        "rows do not say whether or why they are suppressed",
        "is_suppressed is null or (suppression_reason is not null) <> is_suppressed",
    )
    yield (
        "rows have neither a value nor a reason, or both",
        "not is_suppressed and (value is null) = (null_reason is null)",
    )
    of_therapists = (one for one in shipped_metrics() if one.aggregation == "share_of_therapists")
    yield (
        "values stand without their clients",
        f"value is not null and n_clients_at_least is null and metric not in "
        f"({_listed(of_therapists)})",
    )
    shares = ", ".join(
        (
            _listed(one for one in shipped_metrics() if one.aggregation in _SHARES),
            *map(literal, _MODELLED_SHARES),
        )
    )
    coarse = "case when n_clients_at_least > 100 then 100 else 20 end"
    # A table's own shares are as coarse as its metrics'.
    for share in ("value", "valued_share", "eligible_share", "open_share", "short_share"):
        if share in table.names:
            of_shares = f"metric in ({shares}) and " if share == "value" else ""
            yield (
                f"shares in {share} are finer than their clients allow, and give counts away",
                f"{of_shares}abs({share} * {coarse} - round({share} * {coarse})) > 1e-6",
            )
    means = _listed(one for one in shipped_metrics() if one.aggregation == "mean_of_clients")
    decimal = "case when n_clients_at_least > 100 then 100 else 10 end"
    yield (
        "means are finer than their clients allow",
        f"metric in ({means}) and abs(value * {decimal} - round(value * {decimal})) > 1e-6",
    )


def _stratum_problems(candidate: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Nothing is shown of a stratum whose total is hidden, nor what site_benchmarks hides."""
    rows = _rows_of_strata()
    of_forms = ", ".join(map(literal, _OF_FORMS))
    same = _same("part", "total", (*_BLOCK, "metric", "period"))
    sql = (
        f"select part.release_table, count(*) from ({rows}) as part left join ({rows}) as total "
        f"on {same} and total.stratum_kind = 'all' and total.is_suppressed = false "
        # Dyads are no strata: nothing is of all of them together.
        "where part.stratum_kind not in ('all', 'dyad') and not part.is_suppressed "
        "and part.value is not null and total.metric is null group by all order by all"
    )
    for table, n in candidate.execute(sql).fetchall():
        yield f"{table}: {n} strata are shown of what is hidden as a whole"
    sql = (
        f"select part.release_table, count(*) from ({rows}) as part where not part.is_suppressed "
        f"and part.value is not null and part.metric in ({of_forms}) and exists (select 1 from "
        f"site_benchmarks as cells where cells.is_suppressed and {_same('part', 'cells', _BLOCK)} "
        "and cells.period = part.period and cells.stage = "
        "case when part.stratum_kind = 'stage' then part.stratum else 'all' end) "
        "group by all order by all"
    )
    for table, n in candidate.execute(sql).fetchall():
        yield f"{table}: {n} cells are shown of forms that site_benchmarks hides"


def _partition_problems(candidate: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Of metrics that share out the same units, never a single one is missing."""
    members = ", ".join(
        f"({literal(one.metric)}, {literal(one.partition)})"
        for one in shipped_metrics()
        if one.partition
    )
    cell = ", ".join((*_BLOCK, "stratum_kind", "stratum", "period"))
    sql = (
        f"with members(metric, partition_name) as (values {members}), counted as (select "
        "release_table, partition_name, stratum_kind, count(*) filter (where value is not null) "
        "as n_shown, count(*) filter (where is_suppressed) as n_hidden "
        f"from ({_rows_of_strata()}) inner join members using (metric) "
        f"group by release_table, partition_name, {cell}) "
        "select release_table, count(*) from counted where n_shown > 0 and n_hidden = 1 "
        "group by all order by all"
    )
    for table, n in candidate.execute(sql).fetchall():
        yield f"{table}: {n} times one metric alone is hidden of those that share out their units"


def _rows_of_strata() -> str:
    columns = ", ".join(
        (*_BLOCK, "metric", "stratum_kind", "stratum", "period", "value", "is_suppressed")
    )
    return " union all ".join(
        f"select {literal(name)} as release_table, {columns} from {identifier(name)}"
        for name in OF_STRATA
    )


def _same(one: str, other: str, names: Iterable[str]) -> str:
    return " and ".join(f"{one}.{name} is not distinct from {other}.{name}" for name in names)


def _listed(metrics: Iterable[Metric]) -> str:
    return ", ".join(literal(one.metric) for one in metrics)


def _found(
    candidate: duckdb.DuckDBPyConnection, table: str, words: str, condition: str
) -> Iterator[str]:
    ((n,),) = candidate.execute(
        f"select count(*) from {identifier(table)} where {condition}"
    ).fetchall()
    if n:
        yield f"{table}: {n} {words}"
