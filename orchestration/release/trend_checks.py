"""What lines through time and their deciles must satisfy before they may go out.

Looks at the finished file. A line is made of what the release's own cells show: a value of its own
would be one that nobody has judged fit to be shown.
"""

from collections.abc import Iterator
from itertools import pairwise

import duckdb

from orchestration.benchmarking.process_chart import GAPS, RULES, TOO_FEW_POINTS
from orchestration.benchmarking.site_trends import DECILES, FEWEST_SITES
from orchestration.release.tables import tables_of
from orchestration.sql import identifier, literal


def trend_problems(candidate: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Sentences about what stands against publishing, none when nothing does."""
    for table, words, condition in _rules():
        sql = f"select count(*) from {table} as rows_told where {condition}"
        ((n,),) = candidate.execute(sql).fetchall()
        if n:
            yield f"{table}: {n} {words}"


def _rules() -> Iterator[tuple[str, str, str]]:
    keys = {table.table: table.key for table in tables_of("release")}
    yield (
        "site_trends",
        "values are not those of a shown cell",
        "not exists (select 1 from site_benchmarks as cells where not cells.is_suppressed "
        f"and cells.raw = rows_told.value and {_same(keys['site_trends'])})",
    )
    reasons = ", ".join(literal(reason) for reason in (TOO_FEW_POINTS, GAPS))
    yield (
        "site_trends",
        "points have neither limits nor a reason, or both",
        "(mean is null) <> coalesce(null_reason in ("
        f"{reasons}), false) or (mean is null) <> (lower_limit is null) "
        "or (mean is null) <> (upper_limit is null) or (mean is null and signals is not null)",
    )
    rules = ", ".join(literal(rule) for rule in RULES)
    yield (
        "site_trends",
        "signals are unknown",
        f"len(list_filter(string_split(signals, ','), lambda x: x not in ({rules}))) > 0",
    )
    yield (
        "network_deciles",
        "deciles are of too few sites, or of others than the lines show",
        f"n_sites < {FEWEST_SITES} or n_sites <> (select count(*) from site_trends as cells "
        f"where {_same(keys['network_deciles'])})",
    )
    falls = " or ".join(f"{low} > {high}" for low, high in pairwise(DECILES))
    yield "network_deciles", "deciles do not rise", falls


def _same(key: tuple[str, ...]) -> str:
    return " and ".join(
        f"cells.{identifier(name)} is not distinct from rows_told.{identifier(name)}"
        for name in key
    )
