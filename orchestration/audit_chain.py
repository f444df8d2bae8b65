"""The chain of verdicts: checked link by link, also across what retention has taken out.

Each verdict carries the hash of the one before it. Taking rows out of the middle would break the
chain, so a run of them leaves a gap row: the hash its first row was chained to, and the hash of its
last. The links before and after hold through it; what the removed rows said is gone. Whoever can
write the file can also write a gap; that is found by whoever keeps the last `row_hash` elsewhere,
as every release of the quality file does.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from heapq import merge
from typing import Any

import duckdb

from orchestration.ingest.verdict_chain import FIRST_HASH, chained_hash


def broken_links(
    con: duckdb.DuckDBPyConnection,
    verdicts: str = "quality.check_results",
    gaps: str | None = "quality.check_gaps",
) -> list[str]:
    """What does not hold, in order, by number of the verdict; empty for a whole chain.

    `verdicts` and `gaps` name the tables; a release has no gaps.
    """
    problems: list[str] = []
    expected, number = FIRST_HASH, 0
    for first, last, previous, found, row in _links(con, verdicts, gaps):
        if first != number + 1:
            problems.append(f"verdicts {number + 1} to {first - 1} are missing")
        if previous != expected:
            problems.append(f"verdict {first} is not chained to the one before it")
        if row is not None and chained_hash(row) != found:
            problems.append(f"verdict {first} is not what was written")
        expected, number = found, last
    return problems


def _links(
    con: duckdb.DuckDBPyConnection, verdicts: str, gaps: str | None
) -> Iterator[tuple[int, int, str, str, Sequence[Any] | None]]:
    """In order, and never all in memory: a year of nights gives hundreds of thousands."""
    removed: Sequence[Any] = []
    if gaps is not None:
        removed = con.execute(
            f"select first_check_seq, last_check_seq, prev_hash, row_hash, null from {gaps}"
        ).fetchall()
    found = con.execute(f"select * from {verdicts} order by check_seq")
    rows = (row for some in iter(lambda: found.fetchmany(_AT_ONCE), []) for row in some)
    links = ((row[0], row[0], row[-2], row[-1], row[:-1]) for row in rows)
    yield from merge(links, sorted(removed), key=lambda link: link[:2])


_AT_ONCE = 10_000


def remove_verdicts(con: duckdb.DuckDBPyConnection, goes: str, on: date) -> int:
    """Take out verdicts for which a condition holds, each run of them leaving a gap row; how many.

    The newest verdict stays whatever its age: the next one is chained to it. The caller has a
    transaction open.
    """
    condition = f"({goes}) and check_seq < (select max(check_seq) from quality.check_results)"
    ((n_rows,),) = con.execute(
        f"select count(*) from quality.check_results where {condition}"
    ).fetchall()
    if n_rows:
        con.execute(
            f"""
            insert into quality.check_gaps by name
            select
                min(check_seq) as first_check_seq,
                max(check_seq) as last_check_seq,
                arg_min(prev_hash, check_seq) as prev_hash,
                arg_max(row_hash, check_seq) as row_hash,
                ?::date as removed_on
            from (
                select
                    check_seq,
                    prev_hash,
                    row_hash,
                    check_seq - row_number() over (order by check_seq) as run
                from quality.check_results where {condition}
            )
            group by run
            """,
            [on],
        )
        con.execute(f"delete from quality.check_results where {condition}")
    return int(n_rows)
