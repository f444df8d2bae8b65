"""The warehouse written into a new file: what leaves it leaves no bytes behind in freed pages.

DuckDB gives deleted and changed rows' pages back to itself and leaves their content standing. So a
replaced key, a client who withdrew and rows past their term are never changed in place: the tables
are written anew as they are to be, the new file takes the old one's name in one step, and the old
one is gone. This is the one exception to raw being append-only.

Only tables that deliveries made are carried over. What dbt and the benchmarks make of them is left
out, and made again by the next night's build, which finds that there was none.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.durable import fsync_directory
from orchestration.settings import Settings
from orchestration.sql import identifier, literal
from orchestration.warehouse import Warehouse, schema_sql

CARRIED = ("raw", "quality")
HISTORY = (
    "published",
    "disclosure_releases",
    "disclosure_ledger",
    "disclosure_changes",
    "disclosure_errors",
    "disclosure_networks",
    "disclosure_members",
    "disclosure_rates",
    "disclosure_measures",
)
"""Of the schema benchmark: which releases went out and what they showed is history, the rest is
made again."""
_MADE_AGAIN = ("raw.builds",)

Step = Callable[[str], None]
"""Called at each point at which a kill leaves something else behind; for tests."""


class RewritingFailed(Exception):
    """The file could not be written anew; the old one is in force and unchanged."""


@dataclass(frozen=True)
class Table:
    """A table to be carried over."""

    schema: str
    name: str
    columns: tuple[tuple[str, str], ...]
    """Names and types."""

    @property
    def full_name(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"

    @property
    def former(self) -> str:
        """The old file's table, in SQL."""
        return f"former.{identifier(self.schema)}.{identifier(self.name)}"

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that hold pseudonyms, or names made of them."""
        return tuple(n for n, t in self.columns if t == "UUID" and n.endswith("_key"))

    def has(self, column: str) -> bool:
        """Whether there is a column of that name."""
        return any(name == column for name, _ in self.columns)


@dataclass(frozen=True)
class Rewriting:
    """What is to be different. SQL over the catalogs `former` (read only) and `rewritten`."""

    select: Callable[[Table], str]
    """The query whose rows a table is to have, by name."""
    before: Callable[[duckdb.DuckDBPyConnection], None] = lambda _: None
    after: Callable[[duckdb.DuckDBPyConnection], None] = lambda _: None


def unchanged(table: Table) -> str:
    """Every row as it is."""
    return f"select * from {table.former}"


def candidate_path(settings: Settings) -> Path:
    """The new file until it is in force."""
    return settings.warehouse.with_name("rewritten.duckdb")


def remove_candidate(settings: Settings) -> None:
    """Take away what a killed rewriting left."""
    path = candidate_path(settings)
    for each in (path, path.with_name(path.name + ".wal")):
        each.unlink(missing_ok=True)


def rewrite(settings: Settings, change: Rewriting, step: Step = lambda _: None) -> None:
    """Put a new file in the old one's place, in one step. The caller holds the writer's lock and
    has the warehouse open nowhere.

    Raises RewritingFailed; whatever goes wrong before the last step leaves the old file in force.
    """
    warehouse, candidate = Warehouse(settings), candidate_path(settings)
    warehouse.prepare()
    with warehouse.connect() as con:
        con.execute("checkpoint")
    remove_candidate(settings)
    with duckdb.connect(str(candidate)) as con:
        con.execute(schema_sql())
    candidate.chmod(settings.warehouse.stat().st_mode & 0o777)
    step("candidate begun")
    with _both_open(settings, candidate) as con:
        change.before(con)
        for table in _tables(con):
            _carry_over(con, table, change)
        change.after(con)
        con.execute("checkpoint rewritten")
    step("candidate written")
    _put_in_force(settings.warehouse, candidate)
    step("candidate in force")


def _both_open(settings: Settings, candidate: Path) -> duckdb.DuckDBPyConnection:
    settings.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    con = duckdb.connect(
        config={
            "memory_limit": settings.limits.warehouse_duckdb_memory,
            "temp_directory": str(settings.scratch / "spill"),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    con.execute(f"attach {literal(str(settings.warehouse))} as former (read_only)")
    con.execute(f"attach {literal(str(candidate))} as rewritten")
    return con


def _tables(con: duckdb.DuckDBPyConnection) -> Sequence[Table]:
    """Tables to carry over. One that the schema does not make would be lost, so it is refused."""
    found = con.execute(
        """
        select columns.schema_name, columns.table_name,
            list((columns.column_name, columns.data_type) order by columns.column_index),
            bool_or(made.table_name is not null) as is_made
        from duckdb_columns() as columns
        inner join duckdb_tables() as tables using (database_name, schema_name, table_name)
        left join duckdb_tables() as made
            on made.database_name = 'rewritten' and made.schema_name = columns.schema_name
            and made.table_name = columns.table_name
        where columns.database_name = 'former' and (
            columns.schema_name in $carried
            or (columns.schema_name = 'benchmark' and columns.table_name in $history)
        )
        group by all order by all
        """,
        {"carried": list(CARRIED), "history": list(HISTORY)},
    ).fetchall()
    unknown = [f"{schema}.{name}" for schema, name, _, is_made in found if not is_made]
    if unknown:
        raise RewritingFailed(
            f"the warehouse has tables this version does not make ({', '.join(unknown)}); use the "
            "version that made them, or remove them"
        )
    tables = [Table(schema, name, tuple(columns)) for schema, name, columns, _ in found]
    return [table for table in tables if table.full_name not in _MADE_AGAIN]


def _carry_over(con: duckdb.DuckDBPyConnection, table: Table, change: Rewriting) -> None:
    target = f"rewritten.{identifier(table.schema)}.{identifier(table.name)}"
    con.execute(f"delete from {target}")  # what the schema itself puts in
    con.execute(f"insert into {target} by name {change.select(table)}")


def _put_in_force(old: Path, new: Path) -> None:
    leftovers = [
        path for each in (old, new) if (path := each.with_name(each.name + ".wal")).exists()
    ]
    if leftovers:
        raise RewritingFailed(
            f"{leftovers[0].name} is still there, so a file was not closed; stop what has the "
            "warehouse open and start again"
        )
    handle = os.open(new, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    new.replace(old)
    fsync_directory(old.parent)
