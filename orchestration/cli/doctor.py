"""`alliance doctor`: what would keep tonight's load from running, and what to do about it."""

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import typer

from expectations.registry import Registry
from orchestration.cli.console import (
    DONE,
    NEEDS_A_PERSON,
    HomeOption,
    JsonOption,
    open_registry,
    open_settings,
    say_document,
    say_table,
)
from orchestration.ingest.pseudonyms import load_key
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import TELEMETRY_OFF, Settings

FREE_BYTES = 5 * 2**30


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    subject: str
    state: Literal["good", "look"]
    message: str


def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Look at home, declarations, keys, disk, lock and telemetry. Changes nothing.

    Example: alliance doctor
    """
    settings = open_settings(home)
    registry = open_registry(settings)
    findings = list(examine(settings, registry))
    if as_json:
        say_document([asdict(finding) for finding in findings])
    else:
        rows = [(finding.state, finding.subject, finding.message) for finding in findings]
        say_table("Doctor", ("state", "what", "finding"), rows)
    needs = any(finding.state == "look" for finding in findings)
    raise typer.Exit(NEEDS_A_PERSON if needs else DONE)


def examine(settings: Settings, registry: Registry) -> Iterator[Finding]:
    """Findings on one home."""
    if not settings.group_file.exists():
        yield Finding("home", "look", f"{settings.home} has no group.yml; run `alliance init`")
        return
    yield Finding("home", "good", str(settings.home))
    for practice_id, problems in registry.broken.items():
        yield Finding(f"contract of {practice_id}", "look", "; ".join(problems))
    for practice_id in registry.practices:
        yield _key(settings, practice_id)
    free = shutil.disk_usage(settings.home).free
    yield Finding(
        "disk",
        "good" if free >= FREE_BYTES else "look",
        f"{free / 2**30:.0f} GiB free"
        + ("" if free >= FREE_BYTES else f"; make room, {FREE_BYTES // 2**30} GiB are wanted"),
    )
    yield _lock(settings)
    wrong = [name for name, value in TELEMETRY_OFF.items() if os.environ.get(name) != value]
    yield Finding(
        "telemetry", "look" if wrong else "good", f"not off: {', '.join(wrong)}" if wrong else "off"
    )


def _key(settings: Settings, practice_id: str) -> Finding:
    subject = f"key of {practice_id}"
    try:
        load_key(settings.keys, practice_id)
    except DeliveryRefused as refusal:
        return Finding(subject, "look", refusal.message)
    if stat.S_IMODE(settings.keys.stat().st_mode) & 0o077:
        return Finding(subject, "look", "the folder of keys can be read by others; mode 0700")
    return Finding(subject, "good", "there, and read by its owner only")


def _lock(settings: Settings) -> Finding:
    if not settings.writer_lock.exists():
        return Finding("writer's lock", "good", "free")
    handle = os.open(settings.writer_lock, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return Finding("writer's lock", "look", "a run is writing now; see the orchestrator")
    finally:
        os.close(handle)
    return Finding("writer's lock", "good", "free")
