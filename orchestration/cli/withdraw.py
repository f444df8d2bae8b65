"""`alliance withdraw`: one client out of everything stored and everything that comes later."""

import sys
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from orchestration.cli.console import (
    NEEDS_A_PERSON,
    WRONG_USE,
    HomeOption,
    JsonOption,
    messages,
    open_registry,
    open_settings,
    progress,
    say_document,
)
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.key_changes import finish_key_changes
from orchestration.note_taking import note_withdrawals
from orchestration.rewriting import RewritingFailed
from orchestration.warehouse import Warehouse, WarehouseBusy
from orchestration.withdrawal import REASONS, NotWithdrawn
from orchestration.withdrawal import withdraw as take_out

_PATIENCE_SECONDS = 5.0


def withdraw(
    practice: Annotated[str, typer.Argument(metavar="PRACTICE", help="The practice_id.")],
    home: HomeOption = None,
    reason: Annotated[
        str, typer.Option(help=f"Kept beside the pseudonym: {', '.join(REASONS)}.")
    ] = REASONS[0],
    not_yet_seen: Annotated[
        bool, typer.Option("--not-yet-seen", help="Also when no row of the client is stored yet.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Take one client out: of what is stored, of the next release, of every later delivery.

    The client's id, as the practice sends it, is asked for, or read from standard input; it is
    never an argument, so no shell's history has it, and it is kept as a pseudonym only.

    Example: alliance withdraw two_oaks --reason client_request
    """
    settings = open_settings(home)
    registry = open_registry(settings)
    if practice not in registry.practices:
        messages.print(f"no practice {practice} is declared; `alliance keys list`", markup=False)
        raise typer.Exit(WRONG_USE)
    if reason not in REASONS:
        messages.print(f"--reason is one of {', '.join(REASONS)}", markup=False)
        raise typer.Exit(WRONG_USE)
    sender_id = _asked()
    if not sender_id:
        messages.print("no id was given; nothing was changed")
        raise typer.Exit(WRONG_USE)
    today = datetime.now(UTC).astimezone(ZoneInfo(registry.group.time_zone)).date()
    try:
        with (
            Warehouse(settings).writer(patience_seconds=_PATIENCE_SECONDS),
            progress("writing the warehouse anew") as step,
        ):
            finish_key_changes(settings)
            done = take_out(
                settings, practice, sender_id, today, reason, may_be_unknown=not_yet_seen, step=step
            )
            with Warehouse(settings).connect() as con:
                note_withdrawals(settings, con)
    except (WarehouseBusy, NotWithdrawn, RewritingFailed, DeliveryRefused) as problem:
        messages.print(str(getattr(problem, "message", problem)), markup=False, highlight=False)
        raise typer.Exit(NEEDS_A_PERSON) from problem
    if as_json:
        say_document(
            {"practice_id": practice, "removed": done.removed, "was_known": done.was_known}
        )
        return
    for table, n_rows in done.removed.items():
        messages.print(f"removed {n_rows} rows from {table}", markup=False, highlight=False)
    messages.print(
        "the client is out of the warehouse; the next nightly load publishes without them, and "
        "leaves their rows out of every later delivery",
        markup=False,
    )


def _asked() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("The client's id", hide_input=True, err=True)).strip()
    return sys.stdin.readline().strip()
