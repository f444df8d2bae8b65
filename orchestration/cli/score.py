"""`alliance score`: an analyst's own forms, scored by the SQL that scores the warehouse."""

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.console import HomeOption, JsonOption, open_registry, open_settings


def score(
    instrument: Annotated[str, typer.Argument(help="Instrument code, e.g. phq_9.")],
    file: Annotated[Path, typer.Argument(help="CSV, one row a form, columns item_1 ... item_n.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a CSV of item answers.

    Example: alliance score phq_9 answers.csv
    """
    settings = open_settings(home)
    open_registry(settings)
    raise typer.Exit(2)
