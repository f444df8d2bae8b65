"""Dagster's event log with its connections kept open for the length of one run.

The stock log builds an engine, opens SQLite, commits to the disk and closes again up to three times
for each event, and a night has hundreds: two thirds of a small night went there. The files and
tables are the stock ones, so the webserver and the daemon read the same history. Overrides a
private method, which is one reason why Dagster is held below its next minor version.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

_BUSY_SECONDS = 60


@contextmanager
def connections_kept(instance: dg.DagsterInstance) -> Iterator[None]:
    """Keep one connection a file while the block runs; another kind of log is left as it is."""
    log = instance.event_log_storage
    if not isinstance(log, SqliteEventLogStorage):
        yield
        return
    stock, engines = log._connect, dict[str, Engine]()

    @contextmanager
    def kept(shard: str) -> Iterator[Connection]:
        if shard not in engines:
            with stock(shard):  # makes the file and its tables
                pass
            engines[shard] = _engine(log.conn_string_for_shard(shard))
        with log._db_lock, engines[shard].begin() as connection:
            yield connection

    log._connect = kept  # type: ignore[method-assign]
    try:
        yield
    finally:
        log._connect = stock  # type: ignore[method-assign]
        for engine in engines.values():
            engine.dispose()


def _engine(url: str) -> Engine:
    engine = create_engine(
        url,
        poolclass=StaticPool,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def relax(connection: Any, _: object) -> None:
        # The log is in WAL mode: a power cut may cost its last events, never its consistency, and
        # what was loaded is the ledger's word, not the log's.
        connection.execute("pragma synchronous = normal")

    return engine
