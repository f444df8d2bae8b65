"""Dagster's instance in the home, and the runs a killed process left behind.

A dead run keeps its pool slot for good, and the next run waits on it without end. Every run holds
an operating-system lock on a file of its own; a started run whose lock is free is dead.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from orchestration.durable import write_whole
from orchestration.settings import Settings
from orchestration.warehouse import is_held

POOL = "duckdb_writer"
STARTING_SECONDS = 120.0
"""A run launched so lately may not have taken its lock yet."""

_CONFIG = """\
# Written by alliance; the warehouse has one writer, so the pool has one slot.
telemetry:
  enabled: false
concurrency:
  pools:
    granularity: op
    default_limit: 1
freshness:
  enabled: true
"""
_UNFINISHED = [
    DagsterRunStatus.NOT_STARTED,  # of a process that died between the record and the start
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def prepare_instance(settings: Settings) -> None:
    """Write the instance's configuration once, before anything opens it."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    config = settings.dagster_home / "dagster.yaml"
    if not config.exists():
        write_whole(config, _CONFIG)


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The home's instance with its pool registered."""
    prepare_instance(settings)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        instance.event_log_storage.set_concurrency_slots(POOL, 1)
        yield instance


def _lock_path(settings: Settings, run_id: str) -> Path:
    return settings.dagster_home / "running" / f"{run_id}.lock"


@contextmanager
def alive(settings: Settings, run_id: str) -> Iterator[None]:
    """Hold the lock that shows this run to be alive."""
    path = _lock_path(settings, run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
        path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def end_dead_runs(settings: Settings, instance: dg.DagsterInstance) -> list[str]:
    """Mark runs whose process is gone as failed; their ids. Slots of runs that ended are freed."""
    ended = []
    for record in unfinished_runs(settings, instance, alive=False):
        run = record.dagster_run
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        instance.report_run_failed(run, "the process of this run is gone; marked failed")
        _lock_path(settings, run.run_id).unlink(missing_ok=True)
        ended.append(run.run_id)
    # One that a person marked as failed has ended and may hold its slot all the same.
    running = {r.dagster_run.run_id for r in unfinished_runs(settings, instance, alive=True)}
    for slot in instance.event_log_storage.get_concurrency_info(POOL).claimed_slots:
        if slot.run_id not in running:
            instance.event_log_storage.free_concurrency_slots_for_run(slot.run_id)
    return ended


def unfinished_runs(
    settings: Settings, instance: dg.DagsterInstance, *, alive: bool
) -> list[dg.RunRecord]:
    """Runs that began and did not end: those whose process is there, or those whose is gone."""
    found = []
    for record in instance.get_run_records(filters=RunsFilter(statuses=_UNFINISHED)):
        # A queued run may have waited for hours before it was launched.
        launched_at = instance.get_run_stats(record.dagster_run.run_id).launch_time
        began_at = launched_at or record.create_timestamp.timestamp()
        if _is_alive(settings, record.dagster_run.run_id, began_at) == alive:
            found.append(record)
    return found


def _is_alive(settings: Settings, run_id: str, began_at: float) -> bool:
    try:
        return is_held(_lock_path(settings, run_id))
    except FileNotFoundError:
        return time.time() - began_at < STARTING_SECONDS
