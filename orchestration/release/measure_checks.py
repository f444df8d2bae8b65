"""What the tables of measures must satisfy, cell by cell, before they may go out.

Looks at the finished file and shares nothing with the queries that filled it: what they let through
by mistake is found here. That cells of several tables give one away together is not judged here.
"""

from collections.abc import Iterator

import duckdb

from expectations.metric import shipped_metrics
from expectations.model import Thresholds
from orchestration.release.tables import ReleaseTable, tables_of
from orchestration.sql import identifier, literal

_SHARES = ("share", "share_of_therapists")
_MODELLED_SHARES = ("dropout_hazard", "careless_flagged_share", "same_answer_share")


def measure_problems(candidate: duckdb.DuckDBPyConnection, thresholds: Thresholds) -> Iterator[str]:
    """Sentences about what stands against publishing, none when nothing does."""
    for table in tables_of("release"):
        if table.is_measure:
            for words, condition in _rules(table, thresholds):
                sql = f"select count(*) from {identifier(table.table)} where {condition}"
                ((n,),) = candidate.execute(sql).fetchall()
                if n:
                    yield f"{table.table}: {n} {words}"


def _rules(table: ReleaseTable, thresholds: Thresholds) -> Iterator[tuple[str, str]]:
    for count in {"n_clients", "n_forms"} & set(table.names):
        yield (
            f"counts in {count} are exact or below the minimum",
            f"{count} < {thresholds.minimum_clients} or {count} % 5 <> 0",
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
    yield "values stand without their clients", f"value is not null and {_lacks_clients()}"
    shares = [metric.metric for metric in shipped_metrics() if metric.aggregation in _SHARES]
    listed = ", ".join(literal(name) for name in (*shares, *_MODELLED_SHARES))
    coarse = "case when n_clients > 100 then 100 else 20 end"
    # A table's own shares are as coarse as its metrics'.
    for share in ("value", "valued_share", "eligible_share", "open_share", "short_share"):
        if share in table.names:
            of_shares = f"metric in ({listed}) and " if share == "value" else ""
            yield (
                f"shares in {share} are finer than their clients allow, and give counts away",
                f"{of_shares}abs({share} * {coarse} - round({share} * {coarse})) > 1e-6",
            )


def _lacks_clients() -> str:
    """Metrics of therapists count no clients."""
    of_therapists = [
        literal(metric.metric)
        for metric in shipped_metrics()
        if metric.aggregation == "share_of_therapists"
    ]
    return f"n_clients is null and metric not in ({', '.join(of_therapists)})"
