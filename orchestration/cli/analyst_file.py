"""What the commands on an analyst's own CSV share: the file, how they refuse, how they warn."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.cli.console import WRONG_USE, messages, say_document

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

_BEYOND = "the numbers are too large, or too small, to reckon with; give them in other units"


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
    """Turn what the file or the figures do not allow into one line and exit status 2.

    Numbers that overflow on the way are refused like that too: what would come of them is no
    figure.
    """
    import numpy as np

    from orchestration.analyst_csv import FileRefused
    from orchestration.measures.arrays import MeasureUndefined

    try:
        with np.errstate(over="raise", divide="ignore", invalid="ignore"):
            yield
    except (FileRefused, MeasureUndefined) as refusal:
        say(file, str(refusal))
        raise typer.Exit(WRONG_USE) from refusal
    except (FloatingPointError, OverflowError, np.linalg.LinAlgError) as overflow:
        say(file, _BEYOND)
        raise typer.Exit(WRONG_USE) from overflow


def say_figures(file: Path, document: dict[str, Any]) -> None:
    """The document on standard output; refused where a figure in it is infinite or no number."""
    try:
        say_document(document)
    except ValueError as beyond:
        say(file, _BEYOND)
        raise typer.Exit(WRONG_USE) from beyond
