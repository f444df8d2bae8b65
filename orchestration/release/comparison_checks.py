"""What the tables beside site_benchmarks must satisfy before they may go out.

Looks at the finished file and shares nothing with the queries that filled it.
"""

from collections.abc import Iterator

import duckdb

from orchestration.release.tables import ReleaseTable, tables_of
from orchestration.sql import identifier

_ROUNDING = 1e-6
_OF_CELLS = ("site_adjustments", "site_gaps")


def comparison_problems(candidate: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Sentences about what stands against publishing, none when nothing does."""
    tables = {table.table: table for table in tables_of("release")}
    for name in _OF_CELLS:
        yield from _found(candidate, f"{name}: {{}} rows are of cells that are not shown", name, (
            f"({_cell(tables[name])}) not in "
            f"(select ({_cell(tables[name])}) from site_benchmarks where not is_suppressed)"
        ))  # fmt: skip
    yield from _found(
        candidate,
        "site_gaps: {} gaps are not the sum of their parts",
        "site_gaps",
        "(gap is null) <> (gap_rest is null) or abs(gap - gap_case_mix - coalesce(gap_response, 0) "
        f"- coalesce(gap_therapists, 0) - gap_rest) > {_ROUNDING}",
    )
    yield from _found(
        candidate,
        "site_benchmarks: {} response rates are not those of response_rates",
        "site_benchmarks as cells left join response_rates as rates using ("
        f"{', '.join(tables['response_rates'].key)}) ",
        "cells.response_rate is distinct from rates.response_rate and not cells.is_suppressed",
    )
    same = " and ".join(
        f"cells.{identifier(name)} is not distinct from adjusted.{identifier(name)}"
        for name in tables["site_adjustments"].key
    )
    yield from _found(
        candidate,
        "site_benchmarks: {} adjusted values are not those of site_adjustments",
        f"site_benchmarks as cells left join site_adjustments as adjusted on {same}",
        "cells.adjusted is distinct from adjusted.adjusted",
    )
    yield from _found(
        candidate,
        "site_adjustments: {} rows have neither an adjusted value nor a reason, or both",
        "site_adjustments",
        "(adjusted is null) = (null_reason is null)",
    )


def _cell(table: ReleaseTable) -> str:
    return ", ".join(f"coalesce({identifier(name)}, '')" for name in table.key)


def _found(
    candidate: duckdb.DuckDBPyConnection, sentence: str, rows: str, condition: str
) -> Iterator[str]:
    sql = f"select count(*) from {rows} where {condition}"
    ((n,),) = candidate.execute(sql).fetchall()
    if n:
        yield sentence.format(n)
