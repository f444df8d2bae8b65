"""The warehouse as it stood: what the models make of the deliveries that had come by then.

No second wording of the rules by which rows stand: the deliveries up to a number of the ledger are
copied aside and the models are built over the copy, so either version of a correction can be asked.
Rules and instruments are today's.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from expectations.model import FEED_NAMES
from expectations.registry import Registry
from orchestration import dbt_runner
from orchestration.content_digest import content_digest
from orchestration.reference import write_reference
from orchestration.settings import Settings
from orchestration.sql import identifier, literal
from orchestration.state import has_ratings
from orchestration.warehouse import Warehouse, schema_sql

COPIED = ("deliveries", *FEED_NAMES, "answers", "snapshot_changes")
MARTS = (*(f"+fct_{feed}" for feed in FEED_NAMES), "+fct_scores")


@dataclass(frozen=True)
class Standing:
    """How many rows of one practice and feed stood."""

    practice_id: str
    feed: str
    n_rows: int


@dataclass(frozen=True)
class AsOf:
    """What stood once the delivery `load_seq` was in. Equal content has an equal digest."""

    load_seq: int
    content_digest: str
    standing: tuple[Standing, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class NothingByThen(Exception):
    """No delivery had come by then."""


def as_of(
    settings: Settings,
    registry: Registry,
    until: date | int,
    keep: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> AsOf:
    """Build the marts as of a local date, its deliveries included, or as of a number of the ledger.

    `keep` names a file that the built warehouse is moved to. Raises NothingByThen, WarehouseBusy
    and DbtBuildFailed.
    """
    with Warehouse(settings).writer(waiting=progress), _folder(settings) as folder:
        progress("copying the deliveries")
        path = folder / f"{dbt_runner.CATALOG}.duckdb"
        load_seq, with_ratings = _copy(settings, registry, until, path)
        progress("building the models")
        dbt_runner.build(
            path,
            settings.dbt_target,
            full_refresh=True,
            select=MARTS,
            is_tested=False,
            with_measures=registry.group.with_measures,
            with_ratings=with_ratings,
        )
        with duckdb.connect(str(path)) as con:
            found = AsOf(load_seq, content_digest(con), _standing(con))
        if keep is not None:
            shutil.move(path, keep)
            keep.chmod(0o600)
        return found


@contextmanager
def _folder(settings: Settings) -> Iterator[Path]:
    folder = settings.scratch / "as_of"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(
    settings: Settings, registry: Registry, until: date | int, path: Path
) -> tuple[int, bool]:
    """The last delivery that was copied, and whether one of them was of process ratings."""
    if not settings.warehouse.exists():
        raise NothingByThen("nothing has been loaded yet")
    with duckdb.connect(str(path)) as con:
        con.execute(schema_sql())
        con.execute(f"attach {literal(str(settings.warehouse))} as source (read_only)")
        column = "load_seq" if isinstance(until, int) else "received_on"
        ((last,),) = con.execute(
            f"select max(load_seq) from source.raw.deliveries where {column} <= ?", [until]
        ).fetchall()
        if last is None:
            raise NothingByThen(f"no delivery had come by {until}")
        for table in COPIED:
            con.execute(
                f"insert into raw.{identifier(table)} by name "
                f"select * from source.raw.{identifier(table)} where load_seq <= {last}"
            )
        con.execute("detach source")
        write_reference(con, registry)
        return int(last), has_ratings(con)


def _standing(con: duckdb.DuckDBPyConnection) -> tuple[Standing, ...]:
    built = con.execute(
        "select table_name from information_schema.tables where table_schema = 'marts'"
    ).fetchall()
    counts = " union all ".join(
        f"select practice_id, {literal(feed)} as feed, count(*) as n_rows "
        f"from marts.{identifier(f'fct_{feed}')} group by practice_id"
        for feed in FEED_NAMES
        if (f"fct_{feed}",) in built
    )
    return tuple(Standing(*row) for row in con.execute(f"{counts} order by all").fetchall())
