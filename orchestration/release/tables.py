"""The allow-list of tables and columns, read once from tables.yml."""

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from expectations.base import Declaration, Identifier
from expectations.yaml_source import read_yaml
from orchestration.sql import identifier

ColumnType = Literal["varchar", "integer", "bigint", "double", "boolean", "date", "timestamp"]
ReleaseFile = Literal["release", "quality"]


class ReleaseColumn(Declaration):
    """A column that may leave the warehouse."""

    name: Identifier
    type: ColumnType
    description: str


class ReleaseTable(Declaration):
    """A table of a release: its grain in words, its key, its columns in order."""

    table: Identifier
    file: Literal["release", "quality", "both"]
    grain: str
    key: tuple[Identifier, ...]
    columns: tuple[ReleaseColumn, ...]
    follows_clock: bool = False
    """Moves with the night it was written in; all else in it follows from other tables. Alone it
    makes no release new."""

    @model_validator(mode="after")
    def _key_is_among_the_columns(self) -> "ReleaseTable":
        if len(set(self.names)) != len(self.names) or not set(self.key) <= set(self.names):
            raise ValueError(f"{self.table}: columns must be distinct and hold the key")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def create_statement(self) -> str:
        """SQL that makes the empty table."""
        columns = ", ".join(f"{identifier(column.name)} {column.type}" for column in self.columns)
        return f"create table {identifier(self.table)} ({columns})"

    def select(self, query: str) -> str:
        """`query` narrowed to the allow-list, in its order and types, sorted by the key."""
        columns = ", ".join(
            f"cast({identifier(column.name)} as {column.type}) as {identifier(column.name)}"
            for column in self.columns
        )
        order = ", ".join(identifier(name) for name in self.key)
        return f"select {columns} from ({query}) order by {order}"


class _AllowList(Declaration):
    tables: tuple[ReleaseTable, ...]


@cache
def tables_of(file: ReleaseFile) -> tuple[ReleaseTable, ...]:
    """The tables that one of the two files of a release holds."""
    source = read_yaml(Path(__file__).with_name("tables.yml"))
    return tuple(table for table in source.parse(_AllowList).tables if table.file in (file, "both"))
