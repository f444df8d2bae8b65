"""What the commands on an analyst's own CSV share: the file, how they refuse, how they warn."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.console import WRONG_USE, messages

FileArgument = Annotated[
    Path,
    typer.Argument(
        help="CSV (comma, semicolon or tab; UTF-8), first line names the columns.",
        exists=True,
        dir_okay=False,
    ),
]
ItemsOption = Annotated[
    list[str],
    typer.Option(help="Item columns: names with commas between, first:last, or item_*."),
]


def finite(value: float | None) -> float | None:
    """Option callback: infinity and not-a-number are no settings."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("expected a finite number")
    return value


ReversedOption = Annotated[
    list[str] | None,
    typer.Option(
        "--reversed", help="Items keyed the other way: names as in --items, or places among them."
    ),
]
MinimumOption = Annotated[
    float | None,
    typer.Option(
        "--min", help="Lowest possible answer; default the lowest given.", callback=finite
    ),
]
MaximumOption = Annotated[
    float | None,
    typer.Option(
        "--max", help="Highest possible answer; default the highest given.", callback=finite
    ),
]


def say(file: Path, text: str) -> None:
    """One line on standard error, about `file`."""
    messages.print(f"{file.name}: {text}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def refusing(file: Path) -> Iterator[None]:
    """Turn what the file or the figures do not allow into one line and exit status 2."""
    from orchestration.analyst_csv import FileRefused
    from orchestration.measures.arrays import MeasureUndefined

    try:
        yield
    except (FileRefused, MeasureUndefined) as refusal:
        say(file, str(refusal))
        raise typer.Exit(WRONG_USE) from refusal
