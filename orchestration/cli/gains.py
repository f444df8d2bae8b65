"""`alliance gains`: sudden gains and losses between sessions, in an analyst's own file."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from orchestration.cli.analyst_file import FileArgument, finite, refusing, say_figures
from orchestration.cli.change import BetterOption
from orchestration.cli.console import JsonOption, say_table

if TYPE_CHECKING:
    from orchestration.analyst_csv import AnalystFile
    from orchestration.analyst_series import Series


Critical = Literal["adjusted", "fixed"]


def gains(
    file: FileArgument,
    person: Annotated[str, typer.Option("--id", help="Column that names the person.")],
    cutoff: Annotated[
        float,
        typer.Option(help="Smallest step, in points: the reliable change.", callback=finite),
    ],
    time: Annotated[
        str | None, typer.Option(help="Column of the session's number (long form).")
    ] = None,
    value: Annotated[str | None, typer.Option(help="Column of the score (long form).")] = None,
    wide: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLS",
            help="One row a person: the sessions' columns in order (names, first:last, bdi_*).",
        ),
    ] = None,
    better: BetterOption = "lower",
    percentage: Annotated[
        float,
        typer.Option(
            help="Smallest step as a share of the score before it: 25, or 0.25; 0 leaves it out.",
            callback=finite,
        ),
    ] = 25.0,
    critical: Annotated[
        Critical,
        typer.Option(help="t by the number of scores there are, or 2.776 always."),
    ] = "adjusted",
    as_json: JsonOption = False,
) -> None:
    """Sudden gains and losses (Tang & DeRubeis 1999; R package suddengains).

    Sessions are the distinct numbers in the time column, or the columns of --wide as 1, 2, 3 ...
    An event's time is the session before the step; its magnitude is above 0 for a gain.

    Example: alliance gains bdi.csv --id client --time session --value bdi --cutoff 7
    """
    from orchestration.analyst_csv import FileRefused, read_analyst_csv
    from orchestration.measures.sudden_gains import sudden_steps

    with refusing(file):
        if cutoff <= 0:
            raise FileRefused("--cutoff must be above 0; losses are found with the same number")
        if not 0 <= percentage <= 100:
            raise FileRefused("--percentage must be between 0 and 100")
        series = _series(read_analyst_csv(file), person, time, value, wide)
        steps = sudden_steps(
            series.scores,
            cutoff=cutoff,
            better=better,
            share=percentage if percentage < 1 else percentage / 100,
            critical=critical,
        )
    events: list[dict[str, Any]] = [
        {
            "id": series.ids[step.person],
            "time": _plain(series.times[step.session]),
            "kind": step.kind,
            "magnitude": step.magnitude,
            "reversed": step.is_reversed,
        }
        for step in steps
    ]
    found = {
        kind: [event for event in events if event["kind"] == kind] for kind in ("gain", "loss")
    }
    counts = {
        "n_gains": len(found["gain"]),
        "n_losses": len(found["loss"]),
        "n_persons_with_gain": len({event["id"] for event in found["gain"]}),
        "n_persons_with_loss": len({event["id"] for event in found["loss"]}),
        "n_reversals": sum(event["reversed"] for event in found["gain"]),
    }
    if as_json:
        say_figures(file, {**counts, "events": events})
        return
    title = ", ".join(f"{name} {count}" for name, count in counts.items())
    columns = ["id", "time", "kind", "magnitude", "reversed"]
    say_table(
        f"{len(series.ids)} persons: {title}",
        columns,
        [[event[name] for name in columns] for event in events],
    )


def _series(
    table: "AnalystFile", person: str, time: str | None, value: str | None, wide: list[str] | None
) -> "Series":
    from orchestration.analyst_csv import FileRefused
    from orchestration.analyst_series import long_series, wide_series

    if wide is not None:
        if time is not None or value is not None:
            raise FileRefused("--wide takes the place of --time and --value")
        return wide_series(table, person, table.chosen(",".join(wide)))
    if time is None or value is None:
        raise FileRefused("needs --time and --value, or --wide with the sessions' columns")
    series = long_series(table, person, time, value)
    if any(isinstance(moment, str) for moment in series.times):
        raise FileRefused(
            f"column {time}: sessions need numbers to have an order; number them, or use --wide"
        )
    return series


def _plain(moment: float | str) -> float | int | str:
    """A session's number without the point it does not need."""
    return int(moment) if isinstance(moment, float) and moment.is_integer() else moment
