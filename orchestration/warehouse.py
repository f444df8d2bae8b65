"""The warehouse file and the one writer it has.

DuckDB lets one process write and shuts every other out, readers too; so a run first takes an
operating-system lock on a file beside it, which a killed process gives back by dying.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources

import duckdb

from orchestration.settings import Settings

SCHEMA_SQL = "schema.sql"
_POLL_SECONDS = 0.5
_held: dict[str, int] = {}
"""Locks this process holds: a run started inside a run of the same process is the same writer."""


class WarehouseBusy(Exception):
    """Another run is the writer and did not end in time."""


@dataclass
class Warehouse:
    """Access to one home's warehouse file, for the process that holds the writer's lock."""

    settings: Settings

    def exists(self) -> bool:
        """Whether anything was ever loaded here."""
        return self.settings.warehouse.exists()

    @contextmanager
    def writer(
        self,
        waiting: Callable[[str], None] = lambda _: None,
        patience_seconds: float | None = None,
    ) -> Iterator[None]:
        """Be the one writer, waiting for another run to end. Raises WarehouseBusy."""
        self.settings.home.mkdir(parents=True, exist_ok=True)
        name = str(self.settings.writer_lock)
        if _held.get(name):
            yield
            return
        handle = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            limit = self.settings.limits.lock_wait_seconds
            self._take(handle, waiting, limit if patience_seconds is None else patience_seconds)
            _held[name] = handle
            yield
        finally:
            _held.pop(name, None)
            os.close(handle)

    def _take(self, handle: int, waiting: Callable[[str], None], patience: float) -> None:
        deadline = time.monotonic() + patience
        said = False
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise WarehouseBusy(
                        f"another run has been writing to {self.settings.home.name} for "
                        f"{patience:.0f} s or more; look at it in the "
                        "orchestrator, stop it if it hangs, and start again"
                    ) from None
                if not said:
                    waiting("another run is writing; waiting for it to end")
                    said = True
                time.sleep(_POLL_SECONDS)
            else:
                return

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection, closed whatever happens; the caller holds the writer's lock."""
        con = self.open()
        try:
            yield con
        finally:
            con.close()

    def open(self) -> duckdb.DuckDBPyConnection:
        """A connection that the caller closes; others of this process share the open file."""
        spill = self.settings.scratch
        spill.mkdir(mode=0o700, parents=True, exist_ok=True)
        return duckdb.connect(
            str(self.settings.warehouse),
            config={
                "memory_limit": self.settings.limits.warehouse_duckdb_memory,
                "temp_directory": str(spill / "spill"),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "allow_community_extensions": "false",
            },
        )

    def prepare(self) -> None:
        """Create the tables that are not there yet."""
        with self.connect() as con:
            con.execute(read_sql(SCHEMA_SQL))


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All of the block's statements, or none."""
    con.execute("begin transaction")
    try:
        yield
    except BaseException:
        con.execute("rollback")
        raise
    con.execute("commit")


def read_sql(name: str) -> str:
    """An SQL file that ships beside this module."""
    return resources.files("orchestration").joinpath(name).read_text(encoding="utf-8")
