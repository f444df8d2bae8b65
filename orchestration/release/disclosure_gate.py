"""The last look at a release's cells before it goes out: can anything hidden be worked out?

The candidate's file says what readers will see; the true numbers and what they saw before stand in
the warehouse's ledger. What is said of a leak names cells, never a number of them.
"""

from collections.abc import Sequence

import duckdb

from expectations.model import Thresholds
from orchestration.benchmarking.cells import RESPONSE_COLUMNS
from orchestration.benchmarking.protected_sites import CELL
from orchestration.disclosure_file import published_cells
from orchestration.disclosure_ledger import (
    epoch,
    last_number,
    read_changes,
    read_ledger,
    read_rates,
    rules_of,
)

TABLE = "site_benchmarks"
RATES = "response_rates"
RUNBOOK = "docs/runbooks/a_release_is_refused.md"
_NAMED = 5
"""Leaks, and cells that a leak follows from, that a message names; the rest is `and others`."""

_WORDS = {
    "count or score": "a hidden count, or a client's score, can be worked out",
    "a client's score": "the score of a client who came or left can be worked out",
    "shown against the rule": "a cell is shown that is too small",
}


def disclosure_problems(
    candidate: duckdb.DuckDBPyConnection,
    source: duckdb.DuckDBPyConnection,
    thresholds: Thresholds,
    *,
    every_block: bool,
) -> list[str]:
    """What can be worked out of a finished candidate, a sentence each; empty when nothing can.

    `source` is the warehouse. `every_block`: also what did not change since the last release, as
    is needed when protection or attacker are others than then.
    """
    from orchestration.benchmarking.rates_attacked import rate_leaks
    from orchestration.benchmarking.release_attacked import leaks

    number = last_number(source)
    since = epoch(source, number).first
    published = published_cells(candidate)
    found = leaks(
        published,
        read_ledger(source, since, number),
        read_changes(source, since, number),
        rules_of(thresholds),
        number,
        every_block=every_block,
    )
    said = [_sentence(leak.what, leak.cell, leak.by) for leak in found[:_NAMED]]
    if len(found) > _NAMED:
        said.append(f"{TABLE}: and others")
    of_rates = rate_leaks(
        candidate.execute("select * from response_rates").df(),
        source.execute("select * from marts.rpt_response_rates").df(),
        read_rates(source, since),
        rules_of(thresholds),
        number,
    )
    said += [f"{RATES}: {leak.what}: {_named_rate(leak.cell)}" for leak in of_rates[:_NAMED]]
    if len(of_rates) > _NAMED:
        said.append(f"{RATES}: and others")
    return [*said, f"see {RUNBOOK}"] if said else []


def _sentence(what: str, cell: Sequence[object], by: Sequence[Sequence[object]]) -> str:
    told = f"{TABLE}: {_WORDS.get(what, what)}: {_named(cell)}"
    if not by:
        return told
    others = "; ".join(_apart(cell, each) for each in by[:_NAMED])
    return f"{told}; it follows from {others}{' and others' if len(by) > _NAMED else ''}"


def _named(cell: Sequence[object]) -> str:
    name = dict(zip(CELL, map(str, cell), strict=True))
    parts = [f"{name['practice_id']}/{name['site_id']}", f"{name['instrument_code']}"]
    parts += [name[each] for each in ("language", "informant", "collection_mode") if name[each]]
    return ", ".join([*parts, name["metric"], f"stage {name['stage']}", f"period {name['period']}"])


def _named_rate(cell: Sequence[object]) -> str:
    name = dict(zip(RESPONSE_COLUMNS, map(str, cell), strict=True))
    where = f"{name['practice_id']}/{name['site_id']}, {name['instrument_code']}"
    return f"{where}, {name['informant']}, stage {name['stage']}, period {name['period']}"


def _apart(cell: Sequence[object], other: Sequence[object]) -> str:
    """The other cell of the same block by what tells it from this one."""
    if tuple(cell[:-2]) == tuple(other[:-2]):
        return f"stage {other[-2]}, period {other[-1]}"
    return _named(other)
