"""`alliance pseudonymise`: the sender's side, where the group's software is at hand.

A practice without it runs orchestration/pseudonymise.py by itself, with any Python.
"""

import csv
from pathlib import Path
from typing import Annotated

import typer

from orchestration import pseudonymise as sender
from orchestration.cli.console import (
    DONE,
    NEEDS_A_PERSON,
    JsonOption,
    messages,
    output,
    say_document,
)


def pseudonymise(
    file: Annotated[
        Path, typer.Argument(help="The export, CSV of any dialect.", exists=True, dir_okay=False)
    ],
    columns: Annotated[
        str,
        typer.Option(help="Columns of ids, with commas between; NAME=KIND keeps kinds apart."),
    ],
    table: Annotated[Path, typer.Option(help="Where the pairs are kept; never sent.")],
    out: Annotated[Path, typer.Option(help="The file to write and to send.")],
    delimiter: Annotated[
        str | None, typer.Option(help="comma, semicolon, tab or bar; found if not said.")
    ] = None,
    quote: Annotated[str, typer.Option(help="Quote character.")] = '"',
    encoding: Annotated[str, typer.Option(help="utf-8, latin-1, utf-16, ...")] = "utf-8",
    header_rows: Annotated[int, typer.Option(help="3 for Qualtrics.", min=1)] = 1,
    missing: Annotated[str, typer.Option(help="Words that are no ids, commas between.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Replace ids of an export by random ones before it leaves the practice.

    The pairs stay in a table on the practice's side (mode 0600); the same id gets the same random
    one on the next run. No file is overwritten.

    Example: alliance pseudonymise sessions.csv --columns chart_no,therapist_no
    --table private/pseudonyms.csv --out outbox/sessions_20260930.csv
    """
    chosen = sender.DELIMITERS.get(delimiter, delimiter) if delimiter else None
    dialect = sender.Dialect(chosen, quote, encoding, header_rows)
    words = [word.strip() for word in missing.split(",") if word.strip()]
    try:
        named = sender.columns_named(columns)
        done = sender.pseudonymise(file, named, table, out, dialect, words)
    except (sender.Stopped, OSError, LookupError, csv.Error, TypeError) as stopped:
        messages.print(f"nothing was written: {stopped}", markup=False, highlight=False)
        raise typer.Exit(NEEDS_A_PERSON) from stopped
    if as_json:
        say_document(done._asdict())
    else:
        output.print(sender.said(done), markup=False, highlight=False)
    raise typer.Exit(DONE)
