"""What a candidate must satisfy before it may become a release. Looks at the finished file.

These rules hold cell by cell. Whether cells give one away together is for the attackers:
disclosure_gate, and of the tables of measures measures_gate and refresh_gate.
"""

import calendar
import re
from collections.abc import Iterator
from datetime import date

import duckdb

from expectations.model import Thresholds
from orchestration.benchmarking.comparability import WITHHOLDS_FLAG
from orchestration.release.band_checks import band_problems
from orchestration.release.bound_checks import bound_problems
from orchestration.release.comparison_checks import comparison_problems
from orchestration.release.measure_checks import measure_problems
from orchestration.release.tables import ReleaseFile, ReleaseTable, tables_of
from orchestration.release.trend_checks import trend_problems
from orchestration.sql import identifier, literal

_PERIOD = re.compile(r"^(?:12m-)?(?P<year>\d{4})(?:-(?:(?P<month>\d{2})|Q(?P<quarter>[1-4])))?$")
FUNNEL = ("target", "tau2", "lower95", "upper95", "lower998", "upper998")
FLAGS = ("within", "above_95", "below_95", "above_998", "below_998")


def period_end(period: str) -> date | None:
    """Last day of a closed period: 2026-06, 2026-Q2, 2025, 12m-2026-09; None for `all`.

    Raises ValueError for any other text.
    """
    if period == "all":
        return None
    found = _PERIOD.match(period)
    if found is None or (period.startswith("12m-") and not found["month"]):
        raise ValueError("not a period")
    month = int(found["month"] or 3 * int(found["quarter"] or 4))
    if not 1 <= month <= 12:
        raise ValueError("not a period")
    year = int(found["year"])
    return date(year, month, calendar.monthrange(year, month)[1])


def candidate_problems(
    candidate: duckdb.DuckDBPyConnection, file: ReleaseFile, thresholds: Thresholds
) -> list[str]:
    """Everything that stands against publishing this file; empty when nothing does."""
    tables = tables_of(file)
    structure = list(_structure_problems(candidate, tables))
    if structure:
        return structure
    problems = [problem for table in tables for problem in _table_problems(candidate, table)]
    if file == "release":
        problems += _disclosure_problems(candidate, thresholds)
        problems += measure_problems(candidate, thresholds)
        problems += bound_problems(candidate, thresholds)
        problems += comparison_problems(candidate)
        problems += trend_problems(candidate)
        problems += band_problems(candidate)
        problems += _period_problems(candidate)
    return problems


def _structure_problems(
    candidate: duckdb.DuckDBPyConnection, tables: tuple[ReleaseTable, ...]
) -> Iterator[str]:
    """Tables, columns, their order and types must be the allow-list's, and no column a key."""
    found = candidate.execute(
        "select table_name, column_name, lower(data_type) from information_schema.columns "
        "order by table_name, ordinal_position"
    ).fetchall()
    expected = {
        (table.table, column.name, column.type) for table in tables for column in table.columns
    }
    for table, column, data_type in found:
        if column.endswith("_key"):
            yield f"{table}.{column}: a pseudonym's column never leaves the warehouse"
        if (table, column, data_type) not in expected:
            yield f"{table}.{column} ({data_type}) is not in the allow-list"
    for table, column, data_type in sorted(expected - set(found)):
        yield f"{table}.{column} ({data_type}) is missing"


def _table_problems(candidate: duckdb.DuckDBPyConnection, table: ReleaseTable) -> Iterator[str]:
    name = identifier(table.table)
    key = ", ".join(identifier(column) for column in table.key)
    twice = f"select count(*) from (select 1 from {name} group by {key} having count(*) > 1)"
    if n := _count(candidate, twice):
        yield f"{table.table}: {n} keys occur more than once; its grain is {table.grain}"
    rules = [
        (f"{table.table}.{column.name}: {{n}} {words}", condition.format(identifier(column.name)))
        for column in table.columns
        for column_type, words, condition in _VALUE_RULES
        if column.type == column_type
    ]
    # One scan for all of a table's columns.
    counts = ", ".join(f"count(*) filter (where {condition})" for _, condition in rules)
    if rules:
        (found,) = candidate.execute(f"select {counts} from {name}").fetchall()
        for (sentence, _), n in zip(rules, found, strict=True):
            if n:
                yield sentence.format(n=n)


_VALUE_RULES = (
    ("double", "values are not numbers", "not isfinite({0})"),
    ("varchar", "values have the shape of a pseudonym", "regexp_full_match({0}, '[0-9a-f]{{32}}')"),
)


def _disclosure_problems(
    candidate: duckdb.DuckDBPyConnection, thresholds: Thresholds
) -> Iterator[str]:
    small = (
        "select count(*) from site_benchmarks where not is_suppressed and (n_clients is null "
        f"or n_clients < {thresholds.minimum_clients} "
        f"or n_therapists < {thresholds.minimum_therapists})"
    )
    if n := _count(candidate, small):
        yield f"site_benchmarks: {n} cells are shown that are too small"
    unsaid = "select count(*) from site_benchmarks where is_suppressed is null or " + (
        "(suppression_reason is not null) <> is_suppressed"
    )
    if n := _count(candidate, unsaid):
        yield f"site_benchmarks: {n} cells do not say whether or why they are suppressed"
    for table in (table for table in tables_of("release") if "is_suppressed" in table.names):
        values = set(table.names) - {*table.key, "is_suppressed", "suppression_reason"}
        kept = " or ".join(f"{identifier(value)} is not null" for value in sorted(values))
        left = f"select count(*) from {identifier(table.table)} where is_suppressed and ({kept})"
        if n := _count(candidate, left):
            yield f"{table.table}: {n} suppressed rows still hold a value"
    unshown = (
        "select count(*) from response_rates where not is_suppressed and "
        "(practice_id, site_id, instrument_code, version, informant, stage, period) not in ("
        "select (practice_id, site_id, instrument_code, version, informant, stage, period) "
        "from site_benchmarks where not is_suppressed)"
    )
    if n := _count(candidate, unshown):
        yield f"response_rates: {n} rates are shown of forms no cell is shown of"
    for name in ("site_benchmarks", "response_rates"):
        exact = (
            f"select count(*) from {name} where abs(response_rate - round(response_rate, 2)) > 1e-9"
        )
        if n := _count(candidate, exact):
            yield f"{name}: {n} response rates are no whole percent, and give counts away"
        ends = f"select count(*) from {name} where response_rate < 0.01 or response_rate > 0.99"
        if n := _count(candidate, ends):
            yield f"{name}: {n} response rates say what every client did"
    flags = ", ".join(literal(flag) for flag in FLAGS)
    withholding = ", ".join(literal(reason) for reason in WITHHOLDS_FLAG)
    wrong = (
        f"select count(*) from site_benchmarks where flag not in ({flags}) or (flag is not null "
        f"and list_has_any(string_split(comparability, ','), [{withholding}]))"
    )
    if n := _count(candidate, wrong):
        yield f"site_benchmarks: {n} flags are unknown or stand on cells that are not comparable"
    # Readers rely on it: a flag is a place in a funnel.
    lacking = " or ".join(f"{name} is null" for name in FUNNEL)
    groundless = f"select count(*) from site_benchmarks where flag is not null and ({lacking})"
    if n := _count(candidate, groundless):
        yield f"site_benchmarks: {n} flags have no target or no limits"
    exact = "n_clients % 5 <> 0 or n_forms % 5 <> 0 or n_therapists % 5 <> 0"
    if n := _count(candidate, f"select count(*) from site_benchmarks where {exact}"):
        yield f"site_benchmarks: {n} cells have counts that are not rounded"


def _period_problems(candidate: duckdb.DuckDBPyConnection) -> Iterator[str]:
    ((through,),) = candidate.execute("select max(data_through_on) from release").fetchall()
    dated = [table.table for table in tables_of("release") if "period" in table.names]
    for table in dated:
        yield from _open_periods(candidate, table, through)


def _open_periods(
    candidate: duckdb.DuckDBPyConnection, table: str, through: date | None
) -> Iterator[str]:
    periods = candidate.execute(f"select distinct period from {identifier(table)}").fetchall()
    for (period,) in sorted(periods, key=str):
        try:
            end = period_end(str(period))
        except ValueError:
            yield f"{table}.period: a period is not written as agreed"
            continue
        if end is not None and (through is None or end > through):
            yield f"{table}: period {period} is not closed on {through}"


def _count(candidate: duckdb.DuckDBPyConnection, sql: str) -> int:
    ((n,),) = candidate.execute(sql).fetchall()
    return int(n)
