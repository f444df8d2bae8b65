"""`alliance rebuild`, `replay`, `backup`, `restore`: what was, got back or seen anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, cast

import typer

from orchestration.archived_files import COUNTS, CannotBeRead
from orchestration.backup import KEPT, back_up
from orchestration.backup_folder import BackupRefused
from orchestration.cli.console import (
    DONE,
    NEEDS_A_PERSON,
    WRONG_USE,
    HomeOption,
    JsonOption,
    messages,
    open_registry,
    open_settings,
    output,
    progress,
    say_document,
    say_table,
)
from orchestration.rebuild import RebuildReport
from orchestration.rebuild import rebuild as rebuilt
from orchestration.replay import Replayed, RulesOf, Wanted
from orchestration.replay import replay as replayed
from orchestration.restore import restore as restored
from orchestration.warehouse import WarehouseBusy, WarehouseUnusable


def _line(text: str) -> None:
    output.print(text, markup=False, highlight=False)


@contextmanager
def _said() -> Iterator[None]:
    """Faults that a person has to see to, in one line."""
    try:
        yield
    except (WarehouseBusy, WarehouseUnusable, BackupRefused, CannotBeRead) as fault:
        messages.print(str(fault), markup=False, highlight=False)
        raise typer.Exit(NEEDS_A_PERSON) from fault


def rebuild(
    home: HomeOption = None,
    accept_difference: Annotated[
        bool,
        typer.Option(
            "--accept-difference",
            help="Put the new file in force although it differs; read first in what.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the warehouse anew from the archive, and put it in force when it says the same.

    Every loaded delivery is read again under its own day's contract. Where the old file can still
    be read the new one must be equal to it in content; otherwise the old one stays in force, the
    differing tables and deliveries are named, and the command exits 1. The releases stay as they
    are; `alliance nightly` publishes when something is to be published.

    Example: alliance rebuild --home ./warehouse
    """
    settings = open_settings(home)
    registry = open_registry(settings)
    with _said(), progress("rebuilding") as step:
        report = rebuilt(settings, registry, progress=step, accept_difference=accept_difference)
    if as_json:
        say_document(report.to_json())
    else:
        _say_rebuilt(report)
    raise typer.Exit(DONE if report.is_in_force else NEEDS_A_PERSON)


def _say_rebuilt(report: RebuildReport) -> None:
    for remark in report.remarks:
        messages.print(f"! {remark}", markup=False, highlight=False)
    for what, found in (
        ("not rebuilt", report.not_rebuilt),
        ("copied from the old file", report.carried_over),
        ("counts otherwise", report.differing_loads),
        ("table differs", report.differing_tables),
    ):
        for each in found:
            _line(f"! {what}: {each}")
    compared = "equal to" if report.is_equal else "different from"
    against = (
        f"{compared} the old warehouse" if report.is_compared else "no old one to compare with"
    )
    _line(f"{report.n_loads} loads, content {report.content_digest[:16]}, {against}")
    if report.is_in_force:
        _line("The rebuilt warehouse is in force. Run `alliance nightly` next.")
    else:
        _line(
            "The old warehouse stays in force. Mend what is named, or accept the difference with "
            "--accept-difference."
        )


def replay(
    delivery: Annotated[str | None, typer.Argument(help="A delivery id, as listed.")] = None,
    home: HomeOption = None,
    practice: Annotated[str | None, typer.Option("--practice", help="All of a practice.")] = None,
    from_on: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day of receipt.")
    ] = None,
    to_on: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day of receipt.")
    ] = None,
    rules: Annotated[
        str, typer.Option("--rules", help="today: the declarations as they are; then: that day's.")
    ] = "today",
    is_loading: Annotated[
        bool, typer.Option("--load", help="Put it in force as a new load of the same delivery.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read archived deliveries again and show what would come out otherwise. A dry run.

    With --load the new rows take the place of the delivery's earlier ones; `alliance nightly`
    builds and publishes. Exits 1 when a delivery could not be taken in again.

    Example: alliance replay --practice two_oaks --from 2026-09-01 --to 2026-09-30 --rules today
    """
    if rules not in ("today", "then") or (delivery is None) == (practice is None):
        messages.print(
            "say which: a delivery id, or --practice with --from and --to; --rules is today or "
            "then",
            markup=False,
        )
        raise typer.Exit(WRONG_USE)
    settings = open_settings(home)
    registry = open_registry(settings)
    wanted = Wanted(delivery, practice, from_on and from_on.date(), to_on and to_on.date())
    with _said(), progress("replaying") as step:
        found, remarks = replayed(
            settings,
            registry,
            wanted,
            cast("RulesOf", rules),
            is_loading=is_loading,
            progress=step,
        )
    if not found:
        messages.print("no loaded delivery is meant; `alliance deliveries` lists them")
        raise typer.Exit(WRONG_USE)
    if as_json:
        say_document({"replayed": [each.to_json() for each in found], "remarks": remarks})
    else:
        _say_replayed(found, remarks)
    failed = any(each.state != "loaded" or each.is_over_tolerance for each in found)
    raise typer.Exit(NEEDS_A_PERSON if failed else DONE)


def _say_replayed(found: list[Replayed], remarks: tuple[str, ...]) -> None:
    for remark in remarks:
        messages.print(f"! {remark}", markup=False, highlight=False)
    for each in found:
        news = f"loaded again as {each.load_seq}" if each.load_seq else "dry run"
        verdict = "changed" if each.is_changed else "the same"
        _line(f"{each.delivery_id} ({each.file_name or 'unnamed'}): {verdict}, {news}")
        if each.state != "loaded":
            _line(f"  ! {each.state}: {each.reason}: {each.message}")
            continue
        for name in COUNTS:
            if each.before[name] != each.after[name]:
                _line(f"  {name}: {each.before[name]} -> {each.after[name]}")
        if each.is_over_tolerance:
            _line("  ! more is quarantined than the contract tolerates")
        if each.checks:
            header = ("check", "instrument", "before", "failed", "after", "failed")
            rows = [
                (
                    change.check_id,
                    change.instrument_code,
                    change.status_before,
                    change.n_failed_before,
                    change.status_after,
                    change.n_failed_after,
                )
                for change in each.checks
            ]
            say_table("Verdicts that differ", header, rows)


def backup(
    folder: Annotated[Path, typer.Argument(help="Where backups are kept; not in the home.")],
    home: HomeOption = None,
    keep: Annotated[int, typer.Option("--keep", help="Newest backups that stay.", min=1)] = KEPT,
    as_json: JsonOption = False,
) -> None:
    """Copy warehouse, archive, releases and declarations into a folder, without keys.

    Only what the folder does not hold yet is written. Keys are left out on purpose, since with them
    a backup would give the clients' ids away: copy keys/ to another place, kept by someone else.

    Example: alliance backup /mnt/backup/alliance
    """
    settings = open_settings(home)
    with _said(), progress("copying") as step:
        report = back_up(settings, folder, kept=keep, progress=step)
    if as_json:
        say_document(asdict(report))
        return
    _line(
        f"Backup {report.manifest}: {report.n_files} files, {report.n_bytes / 2**20:.1f} MiB, of "
        f"which {report.n_copied} files and {report.n_bytes_copied / 2**20:.1f} MiB are new; "
        f"{report.n_manifests_kept} backups kept."
    )
    messages.print(
        f"The keys are not in it: keep a copy of {settings.keys} somewhere else.",
        markup=False,
        highlight=False,
    )


def restore(
    folder: Annotated[
        Path, typer.Argument(help="A folder with backups.", exists=True, file_okay=False)
    ],
    home: HomeOption = None,
    name: Annotated[
        str | None, typer.Option("--backup", help="Which backup; default the newest.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make an empty home what it was at a backup. Every file is verified before any is in place.

    Put the keys back into keys/ before or after; without them the dashboard serves the release all
    the same, and nothing new is taken in.

    Example: alliance restore /mnt/backup/alliance --home ./warehouse
    """
    settings = open_settings(home)
    with _said(), progress("putting back") as step:
        report = restored(settings, folder, manifest=name, progress=step)
    if as_json:
        say_document(asdict(report))
    else:
        _line(
            f"Restored {report.manifest}: {report.n_files} files, "
            f"{report.n_bytes / 2**20:.1f} MiB; release in force: {report.release_id or 'none'}"
        )
    for practice_id in report.practices_without_key:
        messages.print(
            f"! practice {practice_id} has no key here; put keys/{practice_id}.key back (mode 600)",
            markup=False,
            highlight=False,
        )
    raise typer.Exit(NEEDS_A_PERSON if report.practices_without_key else DONE)
