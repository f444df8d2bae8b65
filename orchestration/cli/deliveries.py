"""`alliance deliveries`: what came, what was to come, and what a person has to do."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from orchestration.cli import held
from orchestration.cli.console import (
    WRONG_USE,
    HomeOption,
    JsonOption,
    current_release,
    messages,
    output,
    say_document,
    say_table,
)
from orchestration.release.expected import DAYS_BACK
from orchestration.release.intake_report import (
    CALENDAR_STATES,
    Wanted,
)
from orchestration.release.intake_report import calendar as calendar_of
from orchestration.release.intake_report import deliveries as listed

STATES = (
    *("loaded", "duplicate", "superseded", "held", "refused", "dead"),
    *("expected", "declaration_broken"),
)
_SHOWN = (
    "practice_id",
    "feed",
    "file_name",
    "state",
    "n_file_rows",
    "n_accepted",
    "n_quarantined",
    "message",
)

_ON_THE_CALENDAR = (
    "due_on",
    "practice_id",
    "file",
    "state",
    "expected_by_at",
    "received_at",
    "n_file_rows",
    "n_quarantined",
    "reason",
)

PracticeOption = Annotated[str | None, typer.Option("--practice", help="Only this practice.")]


app = typer.Typer(
    name="deliveries",
    help="List deliveries; say what becomes of a held one; ask what stood on an earlier day.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
app.command("release")(held.release)
app.command("refuse")(held.refuse)
app.command("as-of")(held.as_of)


@app.callback()
def deliveries(
    ctx: typer.Context,
    home: HomeOption = None,
    practice: PracticeOption = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state", help=f"Only this state: {', '.join(STATES)}, or one of the calendar's."
        ),
    ] = None,
    calendar: Annotated[
        bool,
        typer.Option(
            "--calendar", help="What was to come day by day, and what came of it, by the clock."
        ),
    ] = False,
    days: Annotated[int, typer.Option(min=1, max=DAYS_BACK, help="Of the calendar.")] = 14,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, newest first, with what became of each and what a person has to do.

    Example: alliance deliveries --practice harbor_counseling --state refused

    Example: alliance deliveries --calendar --days 30 --state missing
    """
    if ctx.invoked_subcommand is not None:
        return
    states = CALENDAR_STATES if calendar else STATES
    if state is not None and state not in states:
        messages.print(f"no state is called {state}; one of {', '.join(states)}", markup=False)
        raise typer.Exit(WRONG_USE)
    if calendar:
        wanted = Wanted(practice_id=practice, state=state)
        _say_calendar(calendar_of(current_release(home), wanted, datetime.now(UTC), days), as_json)
        return
    found = listed(current_release(home), Wanted(practice_id=practice, state=state))
    if as_json:
        say_document({"deliveries": found})
        return
    say_table("Deliveries", _SHOWN, [[row[column] for column in _SHOWN] for row in found])


def _say_calendar(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        say_document({"calendar": found})
    elif not found:
        output.print("Nothing was to come in these days.")
    else:
        rows = [[row[column] for column in _ON_THE_CALENDAR] for row in found]
        say_table("Expected deliveries (times in UTC)", _ON_THE_CALENDAR, rows)
