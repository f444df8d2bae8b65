"""`alliance doctor`: what would keep tonight's load from running, and what to do about it."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from expectations.registry import Registry
from orchestration.cli.console import (
    DONE,
    NEEDS_A_PERSON,
    HomeOption,
    JsonOption,
    open_registry,
    open_settings,
    progress,
    say_document,
    say_table,
)
from orchestration.examination.finding import Finding
from orchestration.examination.home import examine_home
from orchestration.examination.locks import runs_and_slots, writers_lock
from orchestration.examination.machine import examine_machine
from orchestration.examination.stored import examine_stored
from orchestration.settings import Settings


def doctor(
    home: HomeOption = None,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Read every block and decrypt every archived file: minutes."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at versions, home, keys, disk, locks, warehouse, archive, releases and backup.

    Changes nothing. Each finding says what to do; exits 1 when one needs a person.

    Example: alliance doctor --deep
    """
    settings = open_settings(home)
    registry = open_registry(settings)
    with progress("looking"):
        findings = list(examine(settings, registry, deep=deep))
    if as_json:
        say_document([asdict(finding) for finding in findings])
    else:
        rows = [(finding.state, finding.subject, finding.message) for finding in findings]
        say_table("Doctor", ("state", "what", "finding"), rows)
    needs = any(finding.state == "look" for finding in findings)
    raise typer.Exit(NEEDS_A_PERSON if needs else DONE)


def examine(
    settings: Settings, registry: Registry, *, deep: bool = False, now: datetime | None = None
) -> Iterator[Finding]:
    """Findings on one home and the machine it is on."""
    at = now or datetime.now(UTC)
    yield from examine_machine(settings)
    if not settings.group_file.exists():
        yield Finding("home", "look", f"{settings.home} has no group.yml; run `alliance init`")
        return
    yield Finding("home", "good", str(settings.home))
    yield from examine_home(settings, registry)
    yield writers_lock(settings, at)
    yield from runs_and_slots(settings)
    yield from examine_stored(settings, registry, at, deep=deep)
