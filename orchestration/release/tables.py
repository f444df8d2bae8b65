"""The allow-list of tables and columns, read once from its files."""

from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from expectations.base import Declaration, Identifier
from expectations.yaml_source import read_yaml
from orchestration.sql import identifier

ColumnType = Literal["varchar", "integer", "bigint", "double", "boolean", "date", "timestamp"]
ReleaseFile = Literal["release", "quality"]
ChangesCounted = Literal[
    "by_cell", "by_questionnaire", "by_cell_or_questionnaire", "by_network", "by_site_benchmarks"
]
"""How it is told that enough clients of a published row changed for it to be written anew: by the
sketches of its cell in the marts; by who has other forms of its questionnaire, at its site where it
names one; by the first where it is of such a cell, else the second; by who has other forms of its
network in the period of the case mix; by whether its cell of site_benchmarks was written anew."""
_FILES = ("tables.yml", "tables_of_measures.yml", "tables_of_comparison.yml")


class ReleaseColumn(Declaration):
    """A column that may leave the warehouse."""

    name: Identifier
    type: ColumnType
    description: str
    follows_data: bool = False
    """Says how far a practice's data reach and nothing of clients: in a row that stands it is as
    it is tonight."""


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
    is_measure: bool = False
    """Filled only where the group asks for measures; there, but empty, where it does not."""
    changes_counted: ChangesCounted | None = None
    """Of measures: by what a published row stands until enough of its clients changed."""
    begins_with: Identifier | None = None
    """The set of columns that stands before its own."""

    @model_validator(mode="after")
    def _key_is_among_the_columns(self) -> "ReleaseTable":
        if len(set(self.names)) != len(self.names) or not set(self.key) <= set(self.names):
            raise ValueError(f"{self.table}: columns must be distinct and hold the key")
        return self

    @model_validator(mode="after")
    def _measures_say_how_they_are_refreshed(self) -> "ReleaseTable":
        if self.is_measure != (self.changes_counted is not None):
            raise ValueError(f"{self.table}: changes_counted is for every table of measures")
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
    """One file. Tables are whole only with the columns they begin with, and are checked then."""

    column_sets: dict[Identifier, tuple[ReleaseColumn, ...]] = Field(default_factory=dict)
    tables: tuple[dict[str, Any], ...]

    @property
    def whole_tables(self) -> tuple[ReleaseTable, ...]:
        """Every table with all its columns. Raises ValueError where the declaration is wrong."""
        return tuple(
            ReleaseTable.model_validate(
                {**table, "columns": (*self._leading(table), *table["columns"])}
            )
            for table in self.tables
        )

    def _leading(self, table: dict[str, Any]) -> tuple[ReleaseColumn, ...]:
        name = table.get("begins_with")
        return self.column_sets[name] if name else ()


def tables_of_measures() -> tuple[ReleaseTable, ...]:
    """Those that a group's measures fill."""
    return tuple(table for table in tables_of("release") if table.is_measure)


@cache
def tables_of(file: ReleaseFile) -> tuple[ReleaseTable, ...]:
    """The tables that one of the two files of a release holds."""
    listed = (
        table
        for name in _FILES
        for table in read_yaml(Path(__file__).with_name(name)).parse(_AllowList).whole_tables
    )
    return tuple(table for table in listed if table.file in (file, "both"))
