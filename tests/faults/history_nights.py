"""The nights of a history: taken in, killed on the way, decided upon, and looked at.

A night here is a night up to its tables, read in this process; marts are built apart. It is killed
in a fork of this process, which has everything imported and no file of the warehouse open.
"""

import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from expectations.registry import Registry
from orchestration.assets.dbt import build_models
from orchestration.content_digest import table_digests
from orchestration.ingest.held import Decision, decide
from orchestration.ingest.pseudonyms import create_key, key_path
from orchestration.night import Night
from orchestration.note_taking import note_withdrawals
from orchestration.replay import Replayed, Wanted, replay
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse, transaction
from orchestration.withdrawal import withdraw
from tests.faults.commit_points import CommitPoint, arm
from tests.faults.sent_files import PRACTICE, declared
from tests.integration import small_group as group

LONGEST_SECONDS = 240.0
CRASHES = (
    CommitPoint("orchestration.night.Night", "prepare", "after"),
    CommitPoint("orchestration.archive.Archive", "store", "before"),
    CommitPoint("orchestration.archive.Archive", "store", "after"),
    CommitPoint("orchestration.ingest.standing", "touch", "after"),
    CommitPoint("orchestration.ingest.load", "insert_attempt", "after"),
    CommitPoint("orchestration.ingest.load", "load", "after"),
    CommitPoint("orchestration.ingest.read_ahead.ReadAhead", "loaded", "after"),
    CommitPoint("orchestration.night.Night", "clear_landing", "after", nth=2),
)

_read_once = cache(declared)


def made_home(parsed: Path, home: Path | None = None, *, beside: Path | None = None) -> Path:
    """An empty home with a key, and dbt's project parsed. It has the key of the home `beside` it:
    sessions of one client on one day are numbered in the order of their pseudonyms."""
    home = home or Path(tempfile.mkdtemp(prefix="history-"))
    settings = Settings(home)
    create_key(settings.keys, PRACTICE)
    if beside is not None:
        shutil.copy(key_path(Settings(beside).keys, PRACTICE), key_path(settings.keys, PRACTICE))
    (settings.landing / PRACTICE).mkdir(parents=True)
    settings.dbt_target.symlink_to(parsed)
    return home


def registry_of(*, is_holding: bool = True) -> Registry:
    """The declarations, read once: the YAML behind them takes longer than a night."""
    return _read_once(is_holding=is_holding)


def take_in(home: Path, *, is_holding: bool = True, with_marts: bool = False) -> None:
    """A night up to its tables, or up to the marts."""
    registry = registry_of(is_holding=is_holding)
    night = Night(Settings(home), registry, group.NOW)
    night.reading.worker = group.HereWorker(night.settings, registry=registry)
    night.prepare()
    group.run(night)
    night.close()
    if with_marts:
        build_models(night)


def take_in_killed(home: Path, point: CommitPoint) -> None:
    """A night that is killed at `point`, if it comes there."""
    process = multiprocessing.get_context("fork").Process(target=_doomed, args=(home, point))
    process.start()
    process.join(LONGEST_SECONDS)
    if process.is_alive():
        process.kill()
        raise AssertionError(f"a night hangs that was to die {point}")
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode


def _doomed(home: Path, point: CommitPoint) -> None:
    arm(point, lambda: os.kill(os.getpid(), signal.SIGKILL))
    take_in(home)
    os._exit(0)


def withdrawn(home: Path, client: int) -> None:
    """What `alliance withdraw --not-yet-seen` does."""
    settings = Settings(home)
    with Warehouse(settings).writer():
        withdraw(settings, PRACTICE, f"P{client}", group.NOW.date(), may_be_unknown=True)
        with Warehouse(settings).connect() as con:
            note_withdrawals(settings, con)


def replayed(home: Path, delivery_id: str) -> Replayed:
    """What `alliance replay ID --load` does."""
    settings, registry = Settings(home), registry_of()
    worker = group.HereWorker(settings, registry=registry)
    wanted = Wanted(delivery_id=delivery_id)
    (found,), _ = replay(
        settings, registry, wanted, "today", is_loading=True, now=group.NOW, worker=worker
    )
    return found


def decided(home: Path, delivery_id: str, *, is_released: bool) -> None:
    """What `alliance deliveries release` and `refuse` do."""
    with Warehouse(Settings(home)).connect() as con, transaction(con):
        at = datetime.now(UTC).replace(tzinfo=None)
        decide(con, Decision(delivery_id, is_released, "test", at))


@contextmanager
def opened(home: Path) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
    """Ask a home's tables; nothing is there before its first night."""
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        yield lambda sql: con.execute(sql).fetchall()


def has_ledger(home: Path) -> bool:
    """Whether a night has got so far as to make it."""
    if not (home / "warehouse.duckdb").exists():
        return False
    with opened(home) as ask:
        return bool(ask("select 1 from duckdb_tables() where table_name = 'deliveries'"))


def digests(home: Path) -> dict[str, str]:
    """Content of the marts, by table."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as con:
        return table_digests(con)


def remove(home: Path) -> None:
    """Take a home away."""
    shutil.rmtree(home, ignore_errors=True)


STANDING = {
    "forms": """
        with newest as (
            select * from raw.administrations
            inner join raw.deliveries_ordered using (load_seq)
            where version_rank is not null
            qualify row_number() over (partition by form_key order by version_rank desc) = 1
        )
        select
            completed_on::varchar,
            status,
            coalesce(string_agg(value::integer::varchar, ' ' order by item_no), '')
        from newest left join raw.answers using (administration_row)
        group by administration_row, completed_on, status order by all
        """,
    "episodes": """
        select site_id, age_band_at_intake from raw.episodes
        inner join raw.snapshot_rows_standing using (row_hash) order by all
        """,
    "sessions": """
        select scheduled_on::varchar, attendance from (
            select * from raw.sessions
            inner join raw.deliveries_ordered as places using (load_seq)
            where version_rank is not null and not exists (
                select 1 from raw.periods_taken_over as taken where
                    taken.load_seq = places.load_seq
                    and scheduled_on between taken_from_on and taken_to_on
            )
            qualify row_number() over (partition by session_key order by version_rank desc) = 1
        ) order by all
        """,
}
"""What stands of the raw rows, by the views over the ledger."""
IN_MARTS = {
    "forms": """
        select
            completed_on::varchar,
            status,
            coalesce(string_agg(value::integer::varchar, ' ' order by item_no), '')
        from marts.fct_administrations left join raw.answers using (administration_row)
        group by administration_row, completed_on, status order by all
        """,
    "episodes": "select site_id, age_band_at_intake from marts.fct_episodes order by all",
    "sessions": "select scheduled_on::varchar, attendance from marts.fct_sessions order by all",
}
"""The same in the marts."""
