"""Runs whose process is gone are ended; one that waited in the queue and just began is not."""

import time
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster import DagsterEvent, DagsterEventType, DagsterInstance

from orchestration import instance as instances
from orchestration.examination.finding import Finding
from orchestration.examination.locks import runs_and_slots
from orchestration.instance import POOL, STARTING_SECONDS, alive, end_dead_runs, open_instance
from orchestration.settings import Settings

HOUR = 3600.0


@dg.job
def nothing() -> None:
    """A job to have runs of."""


def _run_in(instance: DagsterInstance, event: DagsterEventType, at: float) -> str:
    """A run that was created now and comes to `event` at another time."""
    run_id = str(instance.create_run_for_job(nothing).run_id)
    instance.report_dagster_event(
        DagsterEvent(event_type_value=event.value, job_name="nothing"), run_id, timestamp=at
    )
    return run_id


@pytest.mark.parametrize(
    ("event", "after_creation", "is_dead"),
    [
        (DagsterEventType.PIPELINE_STARTING, HOUR, False),
        (DagsterEventType.PIPELINE_STARTING, HOUR + STARTING_SECONDS + 60, True),
        # A run in its caller's process is never launched: it counts from its creation.
        (DagsterEventType.PIPELINE_START, STARTING_SECONDS - 60, False),
        (DagsterEventType.PIPELINE_START, STARTING_SECONDS + 60, True),
    ],
)
def test_a_run_without_a_lock_is_dead_some_time_after_it_was_launched(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    event: DagsterEventType,
    after_creation: float,
    is_dead: bool,
) -> None:
    settings, now = Settings(tmp_path), time.time()
    with open_instance(settings) as instance:
        run_id = _run_in(instance, event, now + HOUR)
        later = SimpleNamespace(time=lambda: now + after_creation)
        monkeypatch.setattr(instances, "time", later)
        assert end_dead_runs(settings, instance) == ([run_id] if is_dead else [])


def test_a_run_that_was_recorded_and_never_started_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, now = Settings(tmp_path), time.time()
    with open_instance(settings) as instance:
        run_id = str(instance.create_run_for_job(nothing).run_id)
        assert end_dead_runs(settings, instance) == []
        later = SimpleNamespace(time=lambda: now + STARTING_SECONDS + 60)
        monkeypatch.setattr(instances, "time", later)
        assert end_dead_runs(settings, instance) == [run_id]


def _slots(settings: Settings) -> Finding:
    found = {finding.subject: finding for finding in runs_and_slots(settings)}
    return found["pool slots"]


def _claim(instance: DagsterInstance, run_id: str) -> None:
    storage = instance.event_log_storage
    assert storage.claim_concurrency_slot(POOL, run_id, "raw").is_claimed


@pytest.mark.parametrize("is_marked_failed", [False, True])
def test_doctor_tells_of_a_slot_that_a_dead_run_holds_and_the_next_night_frees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_marked_failed: bool
) -> None:
    settings, now = Settings(tmp_path), time.time()
    with open_instance(settings) as instance:
        run_id = _run_in(instance, DagsterEventType.PIPELINE_START, now)
        _claim(instance, run_id)
        with alive(settings, run_id):
            assert _slots(settings).state == "good"
        if is_marked_failed:
            run = instance.get_run_by_id(run_id)
            assert run is not None
            instance.report_run_failed(run, "by a person")
        later = SimpleNamespace(time=lambda: now + STARTING_SECONDS + 60)
        monkeypatch.setattr(instances, "time", later)
        told = _slots(settings)
        assert told.state == "look"
        assert f"1 held by runs that are over ({run_id})" in told.message
        assert "`alliance nightly`" in told.message
        end_dead_runs(settings, instance)
        assert _slots(settings).state == "good"
        _claim(instance, str(instance.create_run_for_job(nothing).run_id))


def test_the_slot_of_a_run_that_is_alive_is_left_alone(tmp_path: Path) -> None:
    settings = Settings(tmp_path)
    with open_instance(settings) as instance:
        run_id = _run_in(instance, DagsterEventType.PIPELINE_START, time.time())
        _claim(instance, run_id)
        with alive(settings, run_id):
            end_dead_runs(settings, instance)
        (slot,) = instance.event_log_storage.get_concurrency_info(POOL).claimed_slots
        assert slot.run_id == run_id


def test_a_run_that_holds_its_lock_is_alive_however_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, now = Settings(tmp_path), time.time()
    with open_instance(settings) as instance:
        run_id = _run_in(instance, DagsterEventType.PIPELINE_STARTING, now)
        monkeypatch.setattr(instances, "time", SimpleNamespace(time=lambda: now + 48 * HOUR))
        with alive(settings, run_id):
            assert end_dead_runs(settings, instance) == []
        assert end_dead_runs(settings, instance) == [run_id]
