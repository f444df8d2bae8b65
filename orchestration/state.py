"""Whether there is anything to do: what the last build and the last release were made from."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from orchestration.dbt_runner import models_digest

_MAKES_RELEASES = ("benchmarking", "measures", "release")
"""Packages beside this module that turn marts into a release."""


@dataclass(frozen=True)
class State:
    """What marts and releases depend on, besides the clock."""

    processed_through: int
    registry_digest: str
    models_digest: str
    code_version: str


@cache
def publishing_digest() -> str:
    """sha256 over the dbt models and over everything that makes a release out of the marts.

    The version alone would let a column that must no longer go out stay in the release in force
    until the next delivery.
    """
    digest = hashlib.sha256(models_digest().encode())
    here = Path(__file__).parent
    for path in sorted(path for name in _MAKES_RELEASES for path in (here / name).rglob("*.*")):
        if path.suffix in (".py", ".sql", ".yml"):
            digest.update(path.relative_to(here).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def ledger_end(con: duckdb.DuckDBPyConnection) -> int:
    """Number of the last delivery in the ledger, whatever became of it; 0 when there is none."""
    ((last,),) = con.execute("select coalesce(max(load_seq), 0) from raw.deliveries").fetchall()
    return int(last)


def last_published(con: duckdb.DuckDBPyConnection) -> State | None:
    """What the newest release was made from, or None."""
    rows = con.execute(
        "select processed_through, registry_digest, models_digest, code_version "
        "from benchmark.published order by published_at desc, processed_through desc limit 1"
    ).fetchall()
    return State(*rows[0]) if rows else None


def last_build(con: duckdb.DuckDBPyConnection) -> tuple[int, str, str] | None:
    """processed_through, registry digest and models digest of the newest dbt build, or None."""
    rows = con.execute(
        "select processed_through, registry_digest, models_digest from raw.builds "
        "order by built_at desc, processed_through desc limit 1"
    ).fetchall()
    return (int(rows[0][0]), str(rows[0][1]), str(rows[0][2])) if rows else None


def has_ratings(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether a process rating is stored; where none is, its models are not built."""
    ((found,),) = con.execute("select exists (select 1 from raw.process_ratings)").fetchall()
    return bool(found)


def build_standing(con: duckdb.DuckDBPyConnection, code_version: str) -> list[tuple[Any, ...]]:
    """When the newest dbt build was and the code's version, as one row; no row before the first.

    What is made of that build and kept needs no making again while this stays.
    """
    return con.execute(
        "select built_at, cast(? as varchar) from raw.builds "
        "order by built_at desc, processed_through desc limit 1",
        [code_version],
    ).fetchall()


def has_loaded_since(con: duckdb.DuckDBPyConnection, load_seq: int) -> bool:
    """Whether a delivery after `load_seq` brought rows, or made other rows stand."""
    ((n,),) = con.execute(
        "select (select count(*) from raw.deliveries where load_seq > $1 and state = 'loaded') "
        "+ (select count(*) from raw.touched_clients where load_seq > $1)",
        [load_seq],
    ).fetchall()
    return bool(n)
