"""Great Expectations over conformed tables: verdicts by rule, and the rows set aside.

The frames are judged slice by slice and the verdict is over all slices. Small deliveries are pooled
into one slice: a suite's fixed cost is paid once for all of them.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
import numpy as np
import pandas as pd

from expectations.model import Feed
from expectations.suites import feed_suite, form_suite, unknown_instrument_suite
from expectations.verdict import RuleVerdict, merge, validate
from orchestration.ingest.frames import LABEL, ROW, UNIT, CheckedTable, columns_sql, repeats_sql
from orchestration.ingest.outcome import RuleOutcome
from orchestration.sql import identifier


@dataclass(frozen=True)
class Checked:
    """Verdicts of one delivery."""

    verdicts: tuple[RuleOutcome, ...]


def check_parts(
    con: duckdb.DuckDBPyConnection,
    feed: Feed,
    tables: Sequence[CheckedTable],
    sites: tuple[str, ...],
    received_on: date,
    slice_rows: int,
) -> dict[str, Checked]:
    """Judge every table; write each delivery's `quarantine` table; verdicts by delivery id."""
    found: dict[str, list[RuleVerdict]] = defaultdict(list)
    for group in _alike(tables):
        part = group[0].part
        if part.is_unknown_instrument:
            suite = unknown_instrument_suite(feed)
        elif part.instrument is None:
            suite = feed_suite(feed, sites, received_on, part.mapped)
        else:
            suite = form_suite(feed, part.instrument, sites, received_on, part.mapped)
        for label, verdicts in _judged(con, feed, group, suite, slice_rows).items():
            found[label] = verdicts
    return _by_delivery(con, tables, found)
