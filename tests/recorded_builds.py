"""The models built by the very statements dbt sends, without dbt's seconds of making them.

What dbt sends depends on nothing but the project, on what is asked of it, and on which of its
tables and views are there: the SQL itself asks the tables for what is new. So the first build of
each such kind is dbt's own, its statements are kept, and later ones send them again. Data tests are
among them, and are judged as dbt judges them.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb

from orchestration import dbt_runner
from orchestration.dbt_runner import DbtBuildFailed, ModelResult
from orchestration.warehouse import KEEPING_DEAD_ROWS

_Statement = tuple[int, str | None]
"""The connection it is sent over, by number, and its SQL; None closes the connection."""
_Kind = tuple[Any, ...]


@dataclass(frozen=True)
class _Recording:
    statements: tuple[_Statement, ...]
    results: tuple[ModelResult, ...]


@dataclass
class RecordedBuilds:
    """Stands where `dbt_runner.build` stands, see `in_place`."""

    _recorded: dict[_Kind, _Recording] = field(default_factory=dict)
    n_by_dbt: int = 0
    n_sent_again: int = 0

    @contextmanager
    def in_place(self) -> Iterator["RecordedBuilds"]:
        """Build with recordings while the block lasts."""
        with patch.object(dbt_runner, "build", partial(self._build, dbt_runner.build)):
            yield self

    def _build(
        self,
        dbt: Callable[..., list[ModelResult]],
        warehouse_path: Path,
        target_dir: Path,
        full_refresh: bool,
        select: Sequence[str] | None = None,
        memory_limit: str = "600MB",
        *,
        is_tested: bool = True,
        with_measures: bool = True,
        with_ratings: bool = True,
        standing: Collection[str] = (),
        is_compacting: bool = True,
    ) -> list[ModelResult]:
        # Which views stand is known from the relations.
        left_out = (with_measures, with_ratings)
        asked = (full_refresh, select and tuple(select), is_tested, *left_out, bool(standing))
        kind = (*asked, _relations(warehouse_path))
        found = self._recorded.get(kind)
        if found is None:
            self.n_by_dbt += 1
            statements: list[_Statement] = []
            with _heard(statements):
                results = dbt(
                    warehouse_path,
                    target_dir,
                    full_refresh,
                    select,
                    memory_limit,
                    is_tested=is_tested,
                    with_measures=with_measures,
                    with_ratings=with_ratings,
                    standing=standing,
                    is_compacting=is_compacting,
                )
            self._recorded[kind] = _Recording(tuple(statements), tuple(results))
            return results
        self.n_sent_again += 1
        _send(warehouse_path, found.statements, is_compacting=is_compacting)
        return list(found.results)


BUILDS = RecordedBuilds()
"""Of this process: what dbt sends depends on the project, not on a home."""


def _relations(warehouse_path: Path) -> tuple[tuple[Any, ...], ...]:
    with duckdb.connect(str(warehouse_path)) as con:
        return tuple(
            con.execute(
                "select table_schema, table_name, table_type from information_schema.tables "
                "where table_schema in ('staging', 'intermediate', 'marts') order by all"
            ).fetchall()
        )


@contextmanager
def _heard(statements: list[_Statement]) -> Iterator[None]:
    from dbt.adapters.duckdb.environments import local

    execute: Any = local.DuckDBCursorWrapper.execute
    close: Any = local.DuckDBConnectionWrapper.close
    fresh, numbers = count(), dict[int, int]()

    def heard(self: Any, sql: str, bindings: Any = None) -> Any:
        assert bindings is None
        if id(self) not in numbers:
            numbers[id(self)] = next(fresh)
        statements.append((numbers[id(self)], sql))
        return execute(self, sql, bindings)

    def closed(self: Any) -> None:
        # Another may get its place in memory; what it left open is rolled back by closing it.
        number = numbers.pop(id(self._cursor), None)
        if number is not None:
            statements.append((number, None))
        close(self)

    with (
        patch.object(local.DuckDBCursorWrapper, "execute", heard),
        patch.object(local.DuckDBConnectionWrapper, "close", closed),
    ):
        yield


def _send(warehouse_path: Path, statements: Sequence[_Statement], *, is_compacting: bool) -> None:
    cursors: dict[int, duckdb.DuckDBPyConnection] = {}
    config = {} if is_compacting else KEEPING_DEAD_ROWS
    with duckdb.connect(str(warehouse_path), config=dict(config)) as con:
        for number, sql in statements:
            if sql is None:
                cursors.pop(number).close()
                continue
            if number not in cursors:
                cursors[number] = con.cursor()
            asked = cursors[number].execute(sql)
            columns = [column[0] for column in asked.description or ()]
            if "should_error" in columns:
                ((*_, is_wrong),) = asked.fetchall()
                if is_wrong:
                    raise DbtBuildFailed("build", [f"a data test found rows: {sql}"])
        for cursor in cursors.values():
            cursor.close()
