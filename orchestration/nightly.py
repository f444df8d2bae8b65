"""The nightly run as a command starts it: plan, run the job in this process, report.

The job is the same one the schedule starts, on the same Dagster instance, so its runs show in the
orchestrator. When nothing is new, nothing heavy is imported and nothing is written.
"""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Any

import duckdb

from expectations.registry import Registry
from orchestration.landing import unknown_folders
from orchestration.night import Night
from orchestration.nightly_backup import back_up_night, is_owed, owe
from orchestration.nightly_plan import Plan, plan
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse


@dataclass(frozen=True)
class PracticeLine:
    """One practice's night.

    `n_file_rows` are the rows of its files, each once, to be held against what the sender says.
    `n_rows_read` counts a row once for each questionnaire it carries, and a file once for each
    feed; accepted, quarantined and excluded add up to that.
    """

    practice_id: str
    n_files: int = 0
    n_file_rows: int = 0
    n_rows_read: int = 0
    n_accepted: int = 0
    n_quarantined: int = 0
    n_excluded: int = 0
    n_checks_passed: int = 0
    n_checks_warned: int = 0
    n_checks_failed: int = 0


@dataclass(frozen=True)
class NightReport:
    """What a night did, and what a person has to look at."""

    did_anything: bool
    practices: tuple[PracticeLine, ...] = ()
    problems: tuple[str, ...] = ()
    release_id: str | None = None
    is_new_release: bool = False
    needs_a_person: bool = False
    ended_dead_runs: tuple[str, ...] = field(default=())
    removed: tuple[str, ...] = ()
    """What went because the contracts keep it no longer, a line each."""
    withheld: tuple[str, ...] = ()
    """Measures that the release left out because something could be worked out of them."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def run_nightly(
    settings: Settings, registry: Registry, progress: Callable[[str], None] = lambda _: None
) -> NightReport:
    """Take in what is new, rebuild what follows from it, publish.

    Raises WarehouseBusy and NightFailed.
    """
    with Warehouse(settings).writer(waiting=progress):
        todo = plan(settings, registry)
        standing = _standing_problems(settings, registry, todo)
        if not todo.has_work:
            if is_owed(settings, registry.group):
                standing += _problem(back_up_night(settings, registry.group, progress))
            return NightReport(
                did_anything=False,
                problems=standing,
                release_id=current_release(settings),
                needs_a_person=bool(standing),
                removed=todo.removed,
            )
        owe(settings, registry.group)
        before = current_release(settings)
        dead, withheld, backup_problem = _run_job(settings, registry, todo, progress)
        with Warehouse(settings).connect() as con:
            lines = practice_lines(con, todo.published_through, registry.practices)
            fresh = _fresh_problems(con, todo.published_through) + _problem(backup_problem)
        release_id = current_release(settings)
        return NightReport(
            did_anything=True,
            practices=lines,
            problems=(*standing, *fresh),
            release_id=release_id,
            is_new_release=release_id != before,
            needs_a_person=bool(standing or fresh),
            ended_dead_runs=tuple(dead),
            removed=todo.removed,
            withheld=withheld,
        )


def _run_job(
    settings: Settings, registry: Registry, todo: Plan, progress: Callable[[str], None]
) -> tuple[list[str], tuple[str, ...], str | None]:
    """Ids of the dead runs that were ended, what the release withholds, and what is wrong with the
    backup."""
    with closing(Night(settings, registry, progress=progress)) as night:
        night.write_reference()  # the plan has begun the night, under the same lock
        # The worker imports and reads while we import Dagster and dbt.
        night.read_ahead(todo.raw)
        progress("starting the orchestrator")
        from orchestration.definitions import execute_nightly

        dead = execute_nightly(night, todo, progress)
        return dead, night.withheld, night.backup_problem


def _problem(said: str | None) -> tuple[str, ...]:
    return () if said is None else (said,)


def current_release(settings: Settings) -> str | None:
    """The id of the release in force."""
    from orchestration.release.reader import Releases

    return Releases(settings.releases).current_id()


_SUMMED = (
    "n_rows_read",
    "n_accepted",
    "n_quarantined",
    "n_excluded",
    "n_checks_passed",
    "n_checks_warned",
    "n_checks_failed",
)


def practice_lines(
    con: duckdb.DuckDBPyConnection, after_load_seq: int, practices: Iterable[str]
) -> tuple[PracticeLine, ...]:
    """Totals by practice over the deliveries after a number of the ledger."""
    from orchestration.release.contents import query

    rows = con.execute(
        f"""
        with files as (
            select
                practice_id,
                max(n_file_rows) as n_file_rows,
                {", ".join(f"sum({name}) as {name}" for name in _SUMMED)}
            from ({query("deliveries")})
            where load_seq > $after and state <> 'duplicate'
            group by practice_id, file_sha256
        )
        select
            practice_id,
            count(*),
            coalesce(sum(n_file_rows), 0),
            {", ".join(f"sum({name})" for name in _SUMMED)}
        from files
        group by practice_id
        """,
        {"after": after_load_seq},
    ).fetchall()
    found = {row[0]: PracticeLine(row[0], *(int(cell) for cell in row[1:])) for row in rows}
    return tuple(found.get(name, PracticeLine(name)) for name in sorted({*practices, *found}))


def _standing_problems(settings: Settings, registry: Registry, todo: Plan) -> tuple[str, ...]:
    broken = [
        f"practice {practice_id} is left out, its contract is broken: {'; '.join(problems)}"
        for practice_id, problems in registry.broken.items()
    ]
    unknown = [
        f"landing/{name} belongs to no practice; declare it in practices/{name}.yml or remove it"
        for name in unknown_folders(settings.landing, registry)
    ]
    waiting = [
        f"practice {arrival.practice_id}, {arrival.feed}: {arrival.shown_name} still waits in "
        f"landing, {entry.state} earlier: {entry.reason}: {entry.message}"
        for arrival, entry in todo.landing.waiting
    ]
    return (*broken, *unknown, *todo.list_problems, *waiting)


def _fresh_problems(con: duckdb.DuckDBPyConnection, after_load_seq: int) -> tuple[str, ...]:
    rows = con.execute(
        "select practice_id, feed, coalesce(file_name, 'file ' || substr(file_sha256, 1, 12)), "
        "state, reason, message, n_quarantined, n_accepted, is_over_tolerance "
        "from raw.deliveries "
        "where load_seq > ? and (state not in ('loaded', 'duplicate') or is_over_tolerance) "
        "order by load_seq",
        [after_load_seq],
    ).fetchall()
    return tuple(
        f"practice {practice_id}, {feed}, {name}: "
        + (
            f"{set_aside} of {set_aside + accepted} rows in quarantine, more than tolerated; the "
            "others are loaded; look at the failed checks"
            if is_over
            else f"{state}: {reason}: {message}"
        )
        for practice_id, feed, name, state, reason, message, set_aside, accepted, is_over in rows
    )
