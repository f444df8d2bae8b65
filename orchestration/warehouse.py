"""The warehouse file and the one writer it has.

DuckDB lets one process write and shuts every other out, readers too; so a run first takes an
operating-system lock on a file beside it, which a killed process gives back by dying.
"""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import duckdb

from orchestration.settings import Settings
from orchestration.sql import identifier

KEEPING_DEAD_ROWS = {"max_vacuum_tasks": "0"}
"""DuckDB's settings under which a checkpoint leaves deleted rows where they are. By default it
writes most of every table anew that a night deletes rows of, which takes it as long as the night's
own rows: the models have it done when enough is dead (`is_worth_compacting`)."""
_ROW_GROUP = 122_880
_DEAD_SHARE = 0.25
_SCHEMA = ("schema.sql", "disclosure.sql", "standing.sql")
_POLL_SECONDS = 0.5
_held: dict[str, int] = {}
"""Locks this process holds: a run started inside a run of the same process is the same writer."""


class WarehouseBusy(Exception):
    """Another run is the writer and did not end in time."""


class WarehouseUnusable(Exception):
    """The file cannot be worked with; the last release stays served."""


class WarehouseDamaged(WarehouseUnusable):
    """The file is not what was written to it: broken, cut, gone, or short of a commit."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the warehouse is damaged ({what}); nothing was loaded or published and the last "
            "release stays in force; run `alliance rebuild` (from the archive) or `alliance "
            "restore` (a backup into an empty home)"
        )


class DiskFull(WarehouseUnusable):
    """There is no room for what the night writes."""

    def __init__(self) -> None:
        super().__init__(
            "the disk is full: nothing half done is in force and the last release stays served; "
            "make room (`alliance doctor` says how much a night wants) and start again"
        )


_DAMAGE = (
    "Corrupt",
    "not a valid DuckDB database file",
    "Could not read enough bytes",
    "replaying WAL",
    "has been invalidated",
)
_NO_ROOM = ("No space left on device", "File too large", "Disk quota exceeded", "disk is full")


def trouble(error: BaseException) -> WarehouseUnusable | None:
    """What an engine's or the system's error means for the file; None when it is another fault.

    The engine's own words stay out of it: they may quote a row.
    """
    if isinstance(error, WarehouseUnusable):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return DiskFull()
    said = str(error)
    if any(mark in said for mark in _NO_ROOM):
        return DiskFull()
    if isinstance(error, duckdb.Error) and any(mark in said for mark in _DAMAGE):
        return WarehouseDamaged("the file does not hold what was written to it")
    return None


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
        """A connection, closed whatever happens; the caller holds the writer's lock.

        Raises WarehouseDamaged and DiskFull in place of the engine's errors that mean so.
        """
        con = self.open()
        try:
            yield con
        except (duckdb.Error, OSError) as error:
            found = trouble(error)
            if found is None:
                raise
            raise found from error
        finally:
            con.close()

    def open(self) -> duckdb.DuckDBPyConnection:
        """A connection that the caller closes; others of this process share the open file."""
        spill = self.settings.scratch
        spill.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return duckdb.connect(
                str(self.settings.warehouse),
                config={
                    "memory_limit": self.settings.limits.warehouse_duckdb_memory,
                    "temp_directory": str(spill / "spill"),
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                    "allow_community_extensions": "false",
                    **KEEPING_DEAD_ROWS,
                },
            )
        except duckdb.Error as error:
            found = trouble(error)
            if found is None:
                raise
            raise found from error

    def prepare(self) -> None:
        """Create the tables that are not there yet."""
        with self.connect() as con:
            con.execute(schema_sql())


def is_worth_compacting(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether a quarter of a table's rows are deleted ones, which every query still goes past.

    Tables of less than a row group are let be.
    """
    large = con.execute(
        "select schema_name, table_name, estimated_size from duckdb_tables() "
        "where not temporary and estimated_size > ?",
        [_ROW_GROUP],
    ).fetchall()
    for schema, table, n_rows in large:
        name = f"{identifier(schema)}.{identifier(table)}"
        ((n_live,),) = con.execute(f"select count(*) from {name}").fetchall()
        if n_live < (1 - _DEAD_SHARE) * n_rows:
            return True
    return False


def is_held(lock: Path) -> bool:
    """Whether a process holds an operating-system lock on a file. Raises FileNotFoundError."""
    handle = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


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


def schema_sql() -> str:
    """Every table our own code writes, and the views that say which rows count."""
    return "\n".join(map(read_sql, _SCHEMA))


def read_sql(name: str) -> str:
    """An SQL file that ships beside this module."""
    return resources.files("orchestration").joinpath(name).read_text(encoding="utf-8")
