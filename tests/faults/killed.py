"""A night killed and started again: its home, and what must hold after either."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path

import duckdb

from expectations.registry import load_registry
from orchestration.content_digest import table_digests
from orchestration.ingest.pseudonyms import create_key
from orchestration.landing import arrivals
from orchestration.nightly_plan import plan
from orchestration.release.reader import Releases
from orchestration.settings import Settings
from tests.faults import forked_nights as nights
from tests.faults.deliveries import PRACTICE, Delivery, delimited, deliveries, write_home

SHAPES = ("wide", "long", "totals", "episodes")
_OF_A_NIGHT = ("published", "psychometrics_made", "disclosure_releases")
"""Tables of when, not of what."""
_FEEDS = ("episodes", "sessions", "administrations")

Digests = dict[str, str]


def template(folder: Path, parsed: Path) -> tuple[ForkServerContext, Path]:
    """A home after a first night, with a second night's files in landing: corrections of forms and
    episodes, new questionnaires, a file sent again under another name, and a broken one.

    The first night is the one the fork server runs for itself."""
    found = deliveries()
    chosen = [found[shape] for shape in SHAPES]
    home = folder / "home"
    write_home(home, chosen)
    settings = Settings(home)
    create_key(settings.keys, PRACTICE)
    shutil.copytree(parsed, settings.dbt_target)
    wide, episodes = found["wide"], found["episodes"]
    _send(home, "forms_20260801.csv", wide.content)
    _send(home, "episodes_20260801.csv", episodes.content)
    context = nights.fork_server(home)
    nights.wait_for(context, home)
    _send(home, "forms_20260930.csv", _corrected(wide))
    _send(home, "forms_20260801_again.csv", wide.content)
    _send(home, "forms_20260929.csv", wide.content[:-9])
    _send(home, "episodes_20260930.csv", episodes.content.replace(b"open", b"never_started", 2))
    for shape in ("long", "totals"):
        _send(home, found[shape].name, found[shape].content)
    return context, home


def with_measures(home: Path) -> None:
    """From its next night on a home builds the measures."""
    group = home / "group.yml"
    group.write_text(f"{group.read_text(encoding='utf-8')}with_measures: true\n", encoding="utf-8")


def _send(home: Path, name: str, content: bytes) -> None:
    folder = home / "landing" / PRACTICE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def send_more(home: Path) -> None:
    """An export that was not there yet."""
    content = deliveries()["wide"].content.replace(b"\n", b"1\n").replace(b"batch1", b"batch", 1)
    _send(home, "forms_20261001.csv", content)


def _corrected(wide: Delivery) -> bytes:
    """Other answers, a form out of range, and a client more."""
    header, *rows = [list(row) for row in wide.grid]
    rows[0][4:7] = ["3", "3", "3"]
    rows[1][4] = "77"
    rows.append([f"{rows[0][0]}9", f"{rows[0][1]}9", "20.02.2026", "done", "1", "1", "4", "x"])
    return delimited([header, *rows], delimiter=";")


def digests(home: Path) -> Digests:
    """What the marts and the raw rows say, by table."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as con:
        return {
            f"{schema}.{name}": found
            for schema in ("marts", "benchmark")
            for name, found in table_digests(con, schema).items()
            if name not in _OF_A_NIGHT
        }


def broken_promises(home: Path, sent: dict[str, str]) -> Iterator[str]:
    """What does not hold of a home at this moment, whatever was going on. `sent` are names and
    hashes of the files that lay in landing."""
    pointer = Releases(home / "releases").current()
    if pointer is None:
        yield "no release is in force"
    else:
        for path in (pointer.release, pointer.quality):
            with duckdb.connect(str(path), read_only=True) as con:
                con.execute("select * from release").fetchall()
    loaded: set[str] = set()
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        ((unaccounted,),) = con.execute(
            "select count(*) from raw.deliveries "
            "where n_rows_read <> n_accepted + n_quarantined + n_excluded"
        ).fetchall()
        if unaccounted:
            yield f"{unaccounted} deliveries whose rows are not accounted for"
        for table in (*_FEEDS, "answers", "touched_clients"):
            ((orphans,),) = con.execute(
                f"select count(*) from raw.{table} where load_seq not in "
                "(select load_seq from raw.deliveries where state = 'loaded')"
            ).fetchall()
            if orphans:
                yield f"{orphans} rows of raw.{table} without a loaded delivery in the ledger"
        stored = " union all ".join(f"select load_seq from raw.{name}" for name in _FEEDS)
        for accepted, n in con.execute(
            "select n_accepted, (select count(*) from "
            f"({stored}) as stored where stored.load_seq = d.load_seq) as n "
            "from raw.deliveries as d where (n_accepted > 0) <> (n > 0) or n > n_accepted"
        ).fetchall():
            yield f"{accepted} rows accepted, {n} stored"
        for delivery_id, times in con.execute(
            "select delivery_id, count(*) from raw.deliveries where state = 'loaded' "
            "group by all having count(*) > 1"
        ).fetchall():
            yield f"{delivery_id} is loaded {times} times"
        loaded = {
            row[0]
            for row in con.execute(
                "select file_sha256 from raw.deliveries where state = 'loaded'"
            ).fetchall()
        }
    for name, sha256 in sent.items():
        is_here = (home / "landing" / PRACTICE / name).exists()
        if not is_here and not (sha256 in loaded and _archived(home, sha256)):
            yield f"{name} is neither in landing nor loaded and archived"


def _archived(home: Path, sha256: str) -> bool:
    return (home / "archive" / PRACTICE / sha256).exists()


def in_landing(home: Path) -> dict[str, str]:
    """Names and hashes of what lies there."""
    registry = load_registry([home])
    from orchestration.night import Night

    today = Night(Settings(home), registry).today
    return {a.path.name: a.sha256 for a in arrivals(home / "landing", registry, today)}


def loose_ends(home: Path) -> Iterator[str]:
    """What a finished night must not leave behind."""
    settings = Settings(home)
    left = set(in_landing(home))
    if left != {"forms_20260929.csv"}:
        yield f"in landing: {sorted(left)}"
    if settings.scratch.exists() and any(p.is_file() for p in settings.scratch.rglob("*")):
        yield "scratch is not empty"
    if list(settings.releases.glob(".candidate*")):
        yield "a candidate of a release is left"
    if list(settings.archive.rglob("*.writing")):
        yield "a half-written archive file is left"
    with sqlite3.connect(settings.dagster_home / "history" / "runs" / "index.db") as con:
        slots = con.execute("select run_id from concurrency_slots where run_id is not null")
        for row in slots.fetchall():
            yield f"a slot of the pool is held by run {row}"
    with sqlite3.connect(settings.dagster_home / "history" / "runs.db") as con:
        unfinished = con.execute(
            "select run_id, status from runs where status not in ('SUCCESS', 'FAILURE')"
        ).fetchall()
    for run_id, status in unfinished:
        # Killed before it took its lock, a run counts as starting for two minutes; it holds no
        # slot, and a night after that ends it.
        if (settings.dagster_home / "running" / f"{run_id}.lock").exists():
            yield f"a run is {status} and dead"
    if plan(settings, load_registry([home])).has_work:
        yield "the next night would find work"


def copied(home: Path, folder: Path) -> Path:
    """The home once more."""
    target = folder / "home"
    shutil.copytree(home, target)
    return target


def state_of(home: Path) -> str:
    """The pointer's text."""
    return str(json.loads((home / "releases" / "current.json").read_text())["release_id"])
