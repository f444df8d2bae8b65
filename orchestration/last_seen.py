"""What was last taken in of a kind of file, as the current release says; reads, never writes.

A loaded file had exactly the columns of the contract of its day, so that contract says what they
were: no cell and no archived file is opened for it.
"""

from dataclasses import dataclass
from datetime import date

import duckdb

from expectations.practice import FileSpec, Practice
from orchestration.release.reader import Releases
from orchestration.settings import Settings
from orchestration.sql import path_literal


@dataclass(frozen=True)
class LastSeen:
    """The newest loaded delivery of one kind of file and feed, and what has changed since.

    `n_file_rows` counts rows as the sender does; None where that was not kept. Columns are those
    the contract names today and did not then, or the other way round.
    """

    received_on: date
    n_file_rows: int | None
    n_accepted: int
    columns_added: tuple[str, ...]
    columns_gone: tuple[str, ...]


def last_seen(settings: Settings, practice: Practice, spec: FileSpec, feed: str) -> LastSeen | None:
    """The last delivery of `spec` for a feed; None before the first one is released."""
    pointer = Releases(settings.releases).current()
    if pointer is None or not pointer.release.exists():
        return None
    con = duckdb.connect()
    try:
        con.execute(f"attach {path_literal(pointer.release)} as released (read_only)")
        row = con.execute(
            "select cast(received_at as date), n_file_rows, n_accepted from released.deliveries "
            "where practice_id = ? and file = ? and feed = ? and state = 'loaded' "
            "order by received_at desc, load_seq desc limit 1",
            [practice.practice_id, spec.file, feed],
        ).fetchone()
    finally:
        con.close()
    if row is None:
        return None
    received_on, n_file_rows, n_accepted = row
    then = practice.contract_on(received_on)
    old = next((each for each in then.files if each.file == spec.file), None) if then else None
    before, now = _columns(old or spec), _columns(spec)
    return LastSeen(
        received_on=received_on,
        n_file_rows=n_file_rows,
        n_accepted=n_accepted,
        columns_added=tuple(name for name in now if name not in before),
        columns_gone=tuple(name for name in before if name not in now),
    )


def _columns(spec: FileSpec) -> tuple[str, ...]:
    return (*spec.wanted_columns, *spec.discard)
