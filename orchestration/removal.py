"""Stored rows taken out of the warehouse for good, and counted where they were.

Raw only grows, with two exceptions beside a replaced key: a client who withdrew, and rows past the
term their contract gives them. Both write the file anew (`rewriting`). What went is counted by
delivery and table, so that the ledger's counts still add up: accepted and quarantined is what is
stored and what was removed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import duckdb

from expectations.model import FEED_NAMES
from orchestration.rewriting import Rewriting, Step, Table, rewrite
from orchestration.settings import Settings
from orchestration.sql import literal

_FORMS = "former.raw.administrations"
_ANSWERS = "raw.answers"
FEED_TABLES = tuple(f"raw.{feed}" for feed in FEED_NAMES)
"""Where the rows of clients are stored; a snapshot may hold one without storing it again."""
COUNTED = (*FEED_TABLES, "quality.quarantine")
NOT_ROWS = (
    "raw.deliveries",
    "raw.decisions",
    "raw.key_versions",
    "raw.snapshot_changes",
    "quality.check_results",
    "quality.check_gaps",
    "quality.quarantine_closings",
    "quality.withdrawals",
    "quality.removed_rows",
    "quality.rebuilds",
)
"""The ledger, the verdicts and people's decisions: no rows of clients. What a snapshot changed is
digests of rows; without the older ones nobody could tell what the newest snapshot holds."""


@dataclass(frozen=True)
class Removal:
    """Which rows go. `goes` is a condition on a table with the given columns, or None for none."""

    goes: Callable[[Table], str | None]
    reason: str
    removed_on: date


def remove(
    settings: Settings,
    removal: Removal,
    after: Callable[[duckdb.DuckDBPyConnection], None] = lambda _: None,
    step: Step = lambda _: None,
) -> None:
    """Write the warehouse without the rows that go; `after` may add to it. The caller holds the
    writer's lock. Raises RewritingFailed."""
    gone: list[Table] = []

    def select(table: Table) -> str:
        condition = _goes(table, removal)
        if condition is None:
            return f"select * from {table.former}"
        if table.full_name in COUNTED:
            gone.append(table)
        return f"select * from {table.former} where not coalesce({condition}, false)"

    def count(con: duckdb.DuckDBPyConnection) -> None:
        for table in gone:
            con.execute(
                f"""
                insert into rewritten.quality.removed_rows by name
                select
                    practice_id,
                    load_seq,
                    {literal(table.full_name)} as table_name,
                    count(*) as n_rows,
                    {literal(removal.reason)} as reason,
                    ?::date as removed_on
                from {table.former}
                where coalesce({_goes(table, removal)}, false)
                group by all
                """,
                [removal.removed_on],
            )
        after(con)

    rewrite(settings, Rewriting(select, after=count), step)


def _goes(table: Table, removal: Removal) -> str | None:
    if table.full_name in NOT_ROWS:
        return None
    if table.full_name == _ANSWERS:
        # Answers know their form only.
        forms = Table("raw", "administrations", FORM_COLUMNS)
        condition = removal.goes(forms)
        return condition and (
            f"administration_row in (select administration_row from {_FORMS} where {condition})"
        )
    return removal.goes(table)


FORM_COLUMNS = (
    ("practice_id", "VARCHAR"),
    ("load_seq", "BIGINT"),
    ("client_key", "UUID"),
    ("row_hash", "UUID"),
)
"""What conditions on a form may speak of."""
