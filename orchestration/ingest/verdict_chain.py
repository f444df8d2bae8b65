"""Verdicts into quality.check_results, each chained to the one before it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from orchestration.ingest.outcome import RuleOutcome

FIRST_HASH = "0" * 64


@dataclass(frozen=True)
class Judged:
    """The delivery a verdict is on."""

    practice_id: str
    delivery_id: str
    load_seq: int
    file_sha256: str
    feed: str


def insert_verdicts(
    con: duckdb.DuckDBPyConnection,
    verdicts: Sequence[tuple[Judged, RuleOutcome]],
    *,
    code_version: str,
    registry_digest: str,
    checked_at: datetime,
) -> None:
    """Add verdicts at the chain's end, in order. `checked_at` is UTC without its zone; the caller
    has a transaction open."""
    last = con.execute(
        "select check_seq, row_hash from quality.check_results order by check_seq desc limit 1"
    ).fetchall()
    check_seq, previous = last[0] if last else (0, FIRST_HASH)
    rows = []
    for judged, verdict in verdicts:
        check_seq += 1
        row = (
            check_seq,
            verdict.check_id,
            judged.practice_id,
            judged.delivery_id,
            judged.load_seq,
            judged.file_sha256,
            judged.feed,
            verdict.instrument_code,
            verdict.column,
            verdict.rule,
            verdict.rule_version,
            verdict.rule_text,
            verdict.category,
            verdict.severity,
            verdict.threshold,
            verdict.n_evaluated,
            verdict.n_failed,
            verdict.failed_share,
            verdict.status,
            verdict.message,
            code_version,
            registry_digest,
            checked_at,
            previous,
        )
        previous = chained_hash(row)
        rows.append((*row, previous))
    if rows:
        # One statement: the engine's price is by the statement, not by the row.
        marks = "(" + ", ".join(["?"] * len(rows[0])) + ")"
        con.execute(
            f"insert into quality.check_results values {', '.join([marks] * len(rows))}",
            [cell for row in rows for cell in row],
        )


def chained_hash(row: Sequence[object]) -> str:
    """SHA-256 over a verdict's columns, the previous row's hash included.

    A row edited later no longer gives the hash that the next one carries.
    """
    text = json.dumps([None if cell is None else str(cell) for cell in row])
    return hashlib.sha256(text.encode()).hexdigest()
