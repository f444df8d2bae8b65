"""`alliance quarantine`: what was set aside and where, and a person's word on what stays open."""

import csv
import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.console import (
    WRONG_USE,
    HomeOption,
    JsonOption,
    current_release,
    loaded_warehouse,
    messages,
    output,
    say_document,
    say_table,
)
from orchestration.ingest.quarantine_closings import REASONS, Closing, closable
from orchestration.ingest.quarantine_closings import close as write_closing
from orchestration.release.intake_report import (
    QUARANTINE_COLUMNS,
    Wanted,
    quarantine_counts,
    quarantine_rows,
)
from orchestration.warehouse import transaction

app = typer.Typer(
    name="quarantine",
    help="Count what is in quarantine; close what no corrected file can.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def quarantine(
    ctx: typer.Context,
    home: HomeOption = None,
    practice: Annotated[str | None, typer.Option("--practice", help="Only this practice.")] = None,
    delivery: Annotated[
        str | None, typer.Option("--delivery", help="Only this delivery id.")
    ] = None,
    rows_to: Annotated[
        Path | None,
        typer.Option("--csv", help="Write row numbers and rules here, for the practice to mend."),
    ] = None,
    with_closed: Annotated[
        bool, typer.Option("--all", help="With what a corrected file has cleared since.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Count what is in quarantine by delivery, rule and column; never a value.

    A row leaves the list once a corrected file brought it, its delivery no longer counts, or a
    person closed it.

    Example: alliance quarantine --practice two_oaks --csv mend_these.csv

    Example: alliance quarantine close two_oaks.sessions.3f2a --because sent_again
    """
    if ctx.invoked_subcommand is not None:
        return
    release = current_release(home)
    is_open = None if with_closed else True
    wanted = Wanted(practice_id=practice, delivery_id=delivery, is_open=is_open)
    if rows_to is not None:
        found = quarantine_rows(release, wanted)
        with rows_to.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, ("row_no", *QUARANTINE_COLUMNS))
            writer.writeheader()
            writer.writerows(found)
        messages.print(f"wrote {len(found)} rows to {rows_to}", markup=False, highlight=False)
    counts = quarantine_counts(release, wanted)
    if as_json:
        say_document({"quarantine": counts})
    elif not counts:
        output.print("Nothing is in quarantine.")
    else:
        header = (*QUARANTINE_COLUMNS, "n_rows")
        say_table("Quarantine", header, [[row[c] for c in header] for row in counts])


@app.command("close")
def close(
    delivery: Annotated[
        str, typer.Argument(metavar="ID", help="Its delivery_id, or the beginning of it.")
    ],
    because: Annotated[str, typer.Option("--because", help=f"One of {', '.join(REASONS)}.")],
    home: HomeOption = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Who decided; default the user of this machine.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Close a delivery's rows whose ids could not be read: no later file can be known to have them.

    Rows whose ids could be read stay: their corrected form, session or episode closes them. The
    next night publishes it.

    Example: alliance quarantine close two_oaks.sessions.3f2a --because sent_again
    """
    if because not in REASONS:
        messages.print(f"--because is one of {', '.join(REASONS)}", markup=False)
        raise typer.Exit(WRONG_USE)
    by = by or getpass.getuser()
    at = datetime.now(UTC).replace(tzinfo=None)
    with loaded_warehouse(home, "nothing is in quarantine") as con:
        found = closable(con)
        chosen = [each for each in found if each.startswith(delivery)]
        if len(chosen) == 1:
            with transaction(con):
                write_closing(con, Closing(chosen[0], because, by, at))
    if len(chosen) != 1:
        which = "no delivery" if not chosen else f"{len(chosen)} deliveries"
        messages.print(
            f"{which} with rows that only a person can close begin with that; there are: "
            f"{', '.join(found) or 'none'}",
            markup=False,
            highlight=False,
        )
        raise typer.Exit(WRONG_USE)
    said = {"delivery_id": chosen[0], "n_rows": found[chosen[0]], "because": because}
    if as_json:
        say_document({"closings": [{**said, "closed_by": by, "closed_at": at.isoformat()}]})
        return
    output.print(
        f"{chosen[0]}: {found[chosen[0]]} rows closed ({because}); the next night publishes it.",
        markup=False,
        highlight=False,
    )
