"""A refused file: taken in once its cause is gone, not read again and not forgotten before."""

import stat
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.dbt_runner import models_digest
from orchestration.ingest.file_job import FileJob, dead
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.pseudonyms import create_key, key_path
from orchestration.ingest.reading import ReadingWorker
from orchestration.night import Night
from orchestration.nightly import run_nightly
from orchestration.state import ledger_end, publishing_digest
from tests.integration import small_group as group

NAME = "forms_20260930.csv"
TOMORROW = str((group.NOW + timedelta(days=1)).date())
PAPER = {"signed_on": TOMORROW, "expires_on": "2099-12-31", "kind": "paper", "purpose": "test"}


def _key(night: Night) -> Path:
    return key_path(night.settings.keys, "brook")


def _rename(night: Night, to: str = NAME) -> None:
    (path,) = (night.settings.landing / "brook").iterdir()
    path.rename(path.with_name(to))


def _next_day(night: Night) -> None:
    night.now += timedelta(days=1)


def _nothing(_: Night) -> None:
    pass


Step = Callable[[Night], Any]
CURES: dict[str, tuple[str, dict[str, Any], Step, Step]] = {
    "identifier_in_file_name": ("forms_20260930_a@b.co.csv", {}, _nothing, _rename),
    "unexpected_file": ("form_20260930.csv", {}, _nothing, _rename),
    "no_export_date": ("forms_20260931.csv", {}, _nothing, _rename),
    "no_contract": (NAME, {"valid_from": TOMORROW}, _nothing, _next_day),
    "agreement_expired": (NAME, {"agreements": [PAPER]}, _nothing, _next_day),
    "key_missing": (
        NAME,
        {},
        lambda night: _key(night).unlink(),
        lambda night: create_key(night.settings.keys, "brook"),
    ),
    "key_readable": (
        NAME,
        {},
        lambda night: _key(night).chmod(0o640),
        lambda night: _key(night).chmod(0o600),
    ),
    "key_unusable": (
        NAME,
        {},
        lambda night: _key(night).write_text("ab"),
        lambda night: _key(night).write_text("ab" * 32),
    ),
}
"""Reason -> the file's name, terms of the contract, what brings it about and what takes it away."""


@pytest.mark.parametrize("reason", CURES)
def test_a_file_is_taken_in_once_its_cause_is_gone(tmp_path: Path, reason: str) -> None:
    name, terms, spoil, cure = CURES[reason]
    night = group.night_in(tmp_path, group.registry(group.practice("brook", **terms)))
    path = group.send(night, "brook", name, group.FORMS)
    spoil(night)
    (outcomes,) = group.run(night).values()
    assert [(o.state, o.reason) for o in outcomes] == [("refused", reason)]
    assert "brook" in str(outcomes[0].message) or "name" in str(outcomes[0].message)
    with night.warehouse.connect() as con:
        end = ledger_end(con)
    # The next night neither reads it again nor writes of it, and still knows of it.
    night.tidy()
    assert group.run(night) == {}
    assert path.exists()
    assert [entry.reason for _, entry in night.landing().waiting] == [reason]
    with night.warehouse.connect() as con:
        assert ledger_end(con) == end
    cure(night)
    (outcomes,) = group.run(night).values()
    assert [outcome.state for outcome in outcomes] == ["loaded"]
    assert len(group.rows(night, "brook")["administrations"]) == 5


def test_the_same_bytes_sent_again_under_a_good_name_are_taken_in(tmp_path: Path) -> None:
    """The bad name stays for a person to look at until its bytes are loaded, then goes too."""
    night = group.night_in(tmp_path, group.registry(group.practice("brook")))
    group.send(night, "brook", "forms_20260930_a@b.co.csv", group.FORMS)
    group.send(night, "brook", NAME, group.FORMS)
    group.run(night)
    group.run(night)
    assert len(group.rows(night, "brook")["administrations"]) == 5
    assert not list((night.settings.landing / "brook").iterdir())


def test_a_standing_cause_is_said_every_night_and_leaves_no_trace(tmp_path: Path) -> None:
    night = group.night_in(tmp_path, group.registry(group.practice("brook")))
    night.now = datetime.now(UTC)
    group.send(night, "brook", NAME, group.FORMS)
    _key(night).unlink()
    group.run(night)
    _as_published(night)
    before = night.settings.warehouse.read_bytes()
    report = run_nightly(night.settings, night.registry)
    assert not report.did_anything
    assert report.needs_a_person
    (problem,) = report.problems
    for word in ("brook", NAME, "key_missing", "has no key", "alliance keys create"):
        assert word in problem
    assert night.settings.warehouse.read_bytes() == before


def _as_published(night: Night) -> None:
    """As after a night that ended in a release."""
    with night.warehouse.connect() as con:
        con.execute(
            "insert into benchmark.published values ('r1', ?, ?, ?, ?, now()::timestamp)",
            [
                ledger_end(con),
                night.registry.digest,
                publishing_digest(),
                night.settings.code_version,
            ],
        )
        con.execute(
            "insert into raw.builds values (?, ?, ?, now()::timestamp)",
            [ledger_end(con), night.registry.digest, models_digest()],
        )


def test_a_file_that_killed_its_reader_is_tried_anew_after_an_upgrade(tmp_path: Path) -> None:
    night = group.night_in(tmp_path, group.registry(group.practice("brook")))
    group.send(night, "brook", NAME, group.FORMS)
    worker, night.reading.worker = night.reading.worker, DyingWorker(night.settings)
    for _ in range(night.settings.limits.attempts):
        (outcomes,) = group.run(night).values()
        assert [outcome.state for outcome in outcomes] == ["dead"]
    assert group.run(night) == {}
    night.settings.__dict__["code_version"] = "the next"
    group.run(night)
    night.reading.worker = worker
    (outcomes,) = group.run(night).values()
    assert [outcome.state for outcome in outcomes] == ["loaded"]
    with night.warehouse.connect() as con:
        numbers = con.execute("select n_attempts from raw.deliveries order by load_seq").fetchall()
    assert numbers == [(1,), (2,), (3,), (1,), (2,)]


class DyingWorker(ReadingWorker):
    """Every file kills it."""

    def take_in(self, jobs: Sequence[FileJob], scratch: Path) -> list[Outcome]:
        return [dead(job, "the reading process died") for job in jobs]


def test_a_tidy_start_leaves_no_loaded_export_and_no_scratch(tmp_path: Path) -> None:
    """A run killed between commit and clearing, a copy sent again, and nothing else to do."""
    night = group.night_in(tmp_path, group.registry(group.practice("brook")))
    night.now = datetime.now(UTC)
    group.send(night, "brook", NAME, group.FORMS)
    group.run(night)
    _as_published(night)
    left = [group.send(night, "brook", name, group.FORMS) for name in (NAME, "forms_20261001.csv")]
    spill = night.settings.scratch / "intake" / "x.spill" / "duckdb_temp_storage-0.tmp"
    spill.parent.mkdir(parents=True)
    spill.write_text("left by a killed run")
    # Bytes that came again are news, of which the release tells; there is nothing to read in them.
    (line,) = run_nightly(night.settings, night.registry).practices
    assert (line.practice_id, line.n_files) == ("brook", 0)
    assert not [path for path in (*left, spill) if path.exists()]
    assert not run_nightly(night.settings, night.registry).did_anything


def test_the_end_of_reading_leaves_nothing_the_worker_spilled(tmp_path: Path) -> None:
    """A worker that was killed cannot take its spill away; it holds sender ids."""
    night = group.night_in(tmp_path, group.registry(group.practice("brook")))
    spill = night.reading.scratch / "x.spill" / "duckdb_temp_storage-0.tmp"
    spill.parent.mkdir(parents=True)
    spill.write_text("left by a killed worker")
    night.close()
    assert not spill.exists()
    assert stat.S_IMODE(night.settings.scratch.stat().st_mode) == 0o700


def test_a_loaded_export_that_is_not_archived_stays(tmp_path: Path) -> None:
    """As after a warehouse was restored without its archive: it may be the only copy."""
    night = group.night_in(tmp_path, group.registry(group.practice("brook")))
    group.send(night, "brook", NAME, group.FORMS)
    group.run(night)
    for kept in (night.settings.archive / "brook").glob("*[0-9a-f]"):
        kept.unlink()
    path = group.send(night, "brook", NAME, group.FORMS)
    night.tidy()
    assert path.exists()


def test_a_key_lost_while_files_are_read_is_no_fault_of_the_night(tmp_path: Path) -> None:
    night = group.night_in(tmp_path, group.registry(group.practice("brook")))
    group.send(night, "brook", NAME, group.FORMS)
    (arrival,) = night.landing().new
    worker = night.reading.worker
    read = worker.take_in([night._job(arrival)], night.settings.scratch)
    _key(night).unlink()
    worker.take_in = lambda *_: read  # type: ignore[method-assign]
    (outcomes,) = group.run(night).values()
    assert [outcome.reason for outcome in outcomes] == ["key_missing"]


@pytest.mark.parametrize(
    ("hour", "day"), [(2, "2026-09-30"), (8, "2026-10-01")], ids=["evening before", "night"]
)
def test_a_delivery_is_received_on_the_groups_own_day(tmp_path: Path, hour: int, day: str) -> None:
    """02:00 UTC is the evening before in New York; received_at stays in UTC."""
    night = group.night_in(tmp_path, group.registry(group.practice("brook")))
    assert night.registry.group.time_zone == "America/New_York"
    night.now = group.NOW.replace(hour=hour)
    group.send(night, "brook", NAME, group.FORMS)
    group.run(night)
    with night.warehouse.connect() as con:
        assert con.execute(
            "select received_on::varchar, received_at from raw.deliveries"
        ).fetchall() == [(day, datetime(2026, 10, 1, hour))]
