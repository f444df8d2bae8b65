"""Great Expectations over conformed tables: verdicts by rule, and the rows set aside.

The frames are judged slice by slice and the verdict is over all slices. Small deliveries, of
whatever practice, are pooled into one slice: a suite's fixed cost is paid once for all of them.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pandas as pd

from expectations.check import DELIVERY, ROW, SAME_KEY
from expectations.model import Severity
from expectations.suites import feed_suite, form_suite, is_judged, unknown_instrument_suite
from expectations.verdict import RuleVerdict, merge, validate_pooled, with_threshold
from orchestration.ingest.frames import CheckedTable, columns_sql, repeats_sql
from orchestration.ingest.outcome import RuleOutcome
from orchestration.sql import identifier

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite

Verdicts = dict[str, list[RuleVerdict]]


def check_tables(
    con: duckdb.DuckDBPyConnection,
    tables: Sequence[CheckedTable],
    sites: Sequence[str],
    received_on: date,
    slice_rows: int,
) -> dict[str, tuple[RuleOutcome, ...]]:
    """Judge every table; verdicts by delivery id.

    `sites` are those of every practice: a word that is no site of a table's own practice has become
    INVALID before it comes here.

    Writes a table `quarantine` (part, row_no, instrument_code, check_id, column_name) into each
    delivery's schema: the rows that fail a critical rule, once for each rule.
    """
    found: dict[str, Verdicts] = defaultdict(dict)
    for alike in _alike(tables):
        suite = _suite(alike, sites, received_on)
        slices: dict[int, list[list[RuleVerdict]]] = defaultdict(list)
        for frame in _slices(con, alike, sites, slice_rows):
            for label, verdicts in validate_pooled(frame, suite).items():
                slices[int(label)].append(verdicts)
        for number, verdicts_by_slice in slices.items():
            table = alike[number]
            found[table.delivery_id][table.part.table] = [
                verdict
                for verdict in merge(verdicts_by_slice)
                if is_judged(table.feed, verdict, table.part.mapped)
            ]
    for delivery_id, schema in {table.delivery_id: table.schema for table in tables}.items():
        _write_quarantine(con, schema, found[delivery_id])
    tolerated = {table.delivery_id: table.tolerated for table in tables}
    return {
        delivery_id: tuple(
            _outcome(with_threshold(verdict, of.get(verdict.check_id, verdict.threshold)))
            for verdict in merge(found[delivery_id].values())
        )
        for delivery_id, of in tolerated.items()
    }


def _alike(tables: Sequence[CheckedTable]) -> list[list[CheckedTable]]:
    """Tables that one suite judges together: the same feed and the same instrument."""
    groups: dict[object, list[CheckedTable]] = defaultdict(list)
    for table in tables:
        part = table.part
        if part.holds_only_exclusions:
            continue
        code = part.instrument.instrument_code if part.instrument else None
        version = part.instrument.version if part.instrument else None
        groups[(table.feed.feed, part.is_unknown_instrument, code, version)].append(table)
    return list(groups.values())


def _suite(
    alike: Sequence[CheckedTable], sites: Sequence[str], received_on: date
) -> "ExpectationSuite":
    feed, part = alike[0].feed, alike[0].part
    sent = {column for table in alike for column in table.part.mapped}
    if part.is_unknown_instrument:
        return unknown_instrument_suite(feed)
    if part.instrument is None:
        return feed_suite(feed, sites, received_on, sent)
    return form_suite(feed, part.instrument, sites, received_on, sent)


def _slices(
    con: duckdb.DuckDBPyConnection,
    tables: Sequence[CheckedTable],
    sites: Sequence[str],
    slice_rows: int,
) -> Iterator[pd.DataFrame]:
    """Frames of at most `slice_rows` rows; small tables share one, a large one has several."""
    pooled: list[str] = []
    n_pooled = 0
    for number, table in enumerate(tables):
        ((n_rows, last),) = con.execute(
            f"select count(*), coalesce(max(rowid), -1) from {table.relation} "
            "where excluded is null"
        ).fetchall()
        if n_rows == 0:
            continue
        query = _frame_sql(con, table, columns_sql(table, number, sites))
        if n_rows > slice_rows:
            for first in range(0, last + 1, slice_rows):
                within = f" and rowid >= {first} and rowid < {first + slice_rows}"
                yield _frame(con, [query + within])
            continue
        if pooled and n_pooled + n_rows > slice_rows:
            yield _frame(con, pooled)
            pooled, n_pooled = [], 0
        pooled.append(query)
        n_pooled += n_rows
    if pooled:
        yield _frame(con, pooled)


def _frame_sql(con: duckdb.DuckDBPyConnection, table: CheckedTable, columns: str) -> str:
    """The query of one table's frame, open for a further `and`."""
    if table.part.is_unknown_instrument:
        return f"select {columns} from {table.relation} where excluded is null"
    # The keys are compared over the whole table, once, however many slices follow.
    repeats = f"scratch.{identifier(table.schema)}.{identifier(table.part.table + '_repeats')}"
    con.execute(f"create table {repeats} as {repeats_sql(table)}")
    same = (
        f"coalesce((select any_value(r.{SAME_KEY}) from {repeats} r "
        f"where r.row_no = {table.relation}.row_no), 1)::double as {SAME_KEY}"
    )
    ((n_repeats,),) = con.execute(f"select count(*) from {repeats}").fetchall()
    if n_repeats == 0:
        same = f"1.0::double as {SAME_KEY}"
    return f"select {columns}, {same} from {table.relation} where excluded is null"


def _frame(con: duckdb.DuckDBPyConnection, queries: Sequence[str]) -> pd.DataFrame:
    frame = con.execute(" union all by name ".join(queries)).df()
    return frame.set_index([DELIVERY, ROW])


def _write_quarantine(con: duckdb.DuckDBPyConnection, schema: str, found: Verdicts) -> None:
    table = f"scratch.{identifier(schema)}.quarantine"
    con.execute(
        f"create table {table} (part varchar, row_no bigint, instrument_code varchar, "
        "check_id varchar, column_name varchar)"
    )
    for part, verdicts in found.items():
        for verdict in verdicts:
            if verdict.severity is Severity.CRITICAL and verdict.n_failed:
                rows = pd.DataFrame({"row_no": np.asarray(verdict.failed_rows, dtype=np.int64)})
                con.register("failed_rows", rows)
                con.execute(
                    f"insert into {table} select ?, row_no, ?, ?, ? from failed_rows",
                    [part, verdict.instrument_code, verdict.check_id, verdict.column],
                )
                con.unregister("failed_rows")


def _outcome(verdict: RuleVerdict) -> RuleOutcome:
    return RuleOutcome(
        check_id=verdict.check_id,
        instrument_code=verdict.instrument_code,
        column=verdict.column,
        rule=verdict.rule,
        rule_version=verdict.rule_version,
        rule_text=verdict.rule_text,
        category=str(verdict.category),
        severity=str(verdict.severity),
        threshold=verdict.threshold,
        n_evaluated=verdict.n_evaluated,
        n_failed=verdict.n_failed,
        status=verdict.status,
    )
