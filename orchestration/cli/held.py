"""`alliance deliveries release | refuse | as-of`: a word on what was held, and the past."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.console import (
    NEEDS_A_PERSON,
    WRONG_USE,
    HomeOption,
    JsonOption,
    loaded_warehouse,
    messages,
    open_registry,
    open_settings,
    output,
    progress,
    say_document,
    say_table,
)
from orchestration.ingest.held import Decision, decide, held_now
from orchestration.warehouse import WarehouseBusy, transaction

DeliveryArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Its delivery_id, or the beginning of it.")
]
ByOption = Annotated[
    str | None, typer.Option("--by", help="Who decided; default the user of this machine.")
]


def release(
    delivery: DeliveryArgument,
    home: HomeOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a held delivery in: the next night loads it as it is.

    Example: alliance deliveries release harbor_counseling.sessions.3f2a
    """
    _decided(home, delivery, by, as_json, is_released=True)


def refuse(
    delivery: DeliveryArgument,
    home: HomeOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn a held delivery away for good: the next night removes its file from landing.

    The same bytes are turned away whenever they come again.

    Example: alliance deliveries refuse harbor_counseling.sessions.3f2a --by "Data office"
    """
    _decided(home, delivery, by, as_json, is_released=False)


def _decided(
    home: Path | None, delivery: str, by: str | None, as_json: bool, *, is_released: bool
) -> None:
    by = by or getpass.getuser()
    with loaded_warehouse(home, "nothing is held") as con:
        held = held_now(con)
        chosen = [each for each in held if each.startswith(delivery)]
        at = datetime.now(UTC).replace(tzinfo=None)
        words = [Decision(each, is_released, by, at) for each in chosen]
        if len(words) == 1:
            with transaction(con):
                decide(con, words[0])
    if len(words) != 1:
        which = "no held delivery begins" if not words else f"{len(words)} held deliveries begin"
        messages.print(
            f"{which} with that; held are: {', '.join(held) or 'none'}",
            markup=False,
            highlight=False,
        )
        raise typer.Exit(WRONG_USE)
    (word,) = words
    if as_json:
        said = {"delivery_id": word.delivery_id, "decision": word.word, "decided_by": word.by}
        say_document({"decisions": [{**said, "decided_at": word.at.isoformat()}]})
        return
    then = "loads it" if is_released else "removes its file from landing"
    output.print(f"{word.delivery_id}: the next night {then}.", markup=False, highlight=False)


def as_of(
    day: Annotated[
        datetime | None,
        typer.Argument(metavar="[DATE]", formats=["%Y-%m-%d"], help="The group's local date."),
    ] = None,
    load_seq: Annotated[
        int | None, typer.Option("--load", help="A number of the ledger instead of a date.")
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", help="Keep the built warehouse here, for questions of your own."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what stood at the end of a day: rows by practice and feed, and a digest of the content.

    The marts are built aside over the deliveries that had come by then, under today's rules.

    Example: alliance deliveries as-of 2026-09-30 --keep as_of.duckdb
    """
    from orchestration.as_of import NothingByThen
    from orchestration.as_of import as_of as built_as_of
    from orchestration.dbt_runner import DbtBuildFailed

    if (day is None) == (load_seq is None) or (keep is not None and keep.exists()):
        messages.print("give a date or --load, and for --keep a file that is not there yet")
        raise typer.Exit(WRONG_USE)
    settings = open_settings(home)
    registry = open_registry(settings)
    until = load_seq if load_seq is not None else day.date() if day else 0
    try:
        with progress("looking at the ledger") as step:
            found = built_as_of(settings, registry, until, keep, step)
    except (NothingByThen, WarehouseBusy, DbtBuildFailed) as problem:
        messages.print(str(problem), markup=False, highlight=False)
        raise typer.Exit(NEEDS_A_PERSON) from problem
    if as_json:
        say_document({"as_of": found.to_json()})
        return
    rows = [(each.practice_id, each.feed, each.n_rows) for each in found.standing]
    say_table(f"Standing rows after load {found.load_seq}", ("practice_id", "feed", "n_rows"), rows)
    output.print(f"Content digest of the marts: {found.content_digest}", highlight=False)
