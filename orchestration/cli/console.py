"""How commands speak: tables and documents on standard output, progress and errors on the other."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from expectations.registry import Registry, RegistryError, load_registry
from orchestration.release.reader import Pointer, Releases
from orchestration.settings import Settings, from_environment

if TYPE_CHECKING:
    import duckdb

_FILE_WIDTH = 140
"""Of what goes to a file or a pipe, where there is no window to fit."""
output = Console(width=None if sys.stdout.isatty() else _FILE_WIDTH)
messages = Console(stderr=True, width=None if sys.stderr.isatty() else _FILE_WIDTH)

DONE, NEEDS_A_PERSON, WRONG_USE = 0, 1, 2

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="The home folder; default $ALLIANCE_HOME, else ./warehouse."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def open_settings(home: Path | None) -> Settings:
    """Settings of the chosen home."""
    return from_environment(home)


@contextmanager
def loaded_warehouse(home: Path | None, nothing: str) -> Iterator["duckdb.DuckDBPyConnection"]:
    """A connection to the home's warehouse, under the writer's lock, for a person's decision.

    Exits with `nothing` said where nothing was ever loaded, and when another writer does not end.
    """
    from orchestration.warehouse import Warehouse, WarehouseBusy

    warehouse = Warehouse(open_settings(home))
    if not warehouse.exists():
        messages.print(f"Nothing was loaded here yet, so {nothing}.", markup=False)
        raise typer.Exit(WRONG_USE)
    try:
        with warehouse.writer(waiting=lambda said: messages.print(said, markup=False)):
            warehouse.prepare()
            with warehouse.connect() as con:
                yield con
    except WarehouseBusy as busy:
        messages.print(str(busy), markup=False, highlight=False)
        raise typer.Exit(NEEDS_A_PERSON) from busy


def open_registry(settings: Settings) -> Registry:
    """The registry of a home, or an exit that lists every problem by file and line."""
    try:
        return load_registry([settings.home])
    except RegistryError as error:
        messages.print("[bold red]The declarations cannot be used:[/]", highlight=False)
        for problem in error.problems:
            messages.print(f"  {problem}", markup=False, highlight=False)
        raise typer.Exit(NEEDS_A_PERSON) from error


def say_document(document: Any) -> None:
    """One JSON document on standard output; coloured on a screen alone, where it is read by eye."""
    if output.is_terminal:
        output.print_json(json.dumps(document, default=str, allow_nan=False))
    else:
        typer.echo(json.dumps(document, default=str, allow_nan=False, indent=2, ensure_ascii=False))


def say_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on standard output; numbers to the right."""
    table = Table(title=title, title_justify="left")
    numeric = [
        bool(rows) and all(isinstance(row[place], int | float | None) for row in rows)
        for place in range(len(header))
    ]
    for name, is_number in zip(header, numeric, strict=True):
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    output.print(table)


@contextmanager
def progress(start: str) -> Iterator["Reporter"]:
    """A spinner with the current step and the time, on standard error."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=messages,
        transient=True,
    ) as bar:
        task = bar.add_task(start, total=None)
        yield Reporter(bar, task)


class Reporter:
    """Takes the name of the step that runs now."""

    def __init__(self, bar: Progress, task: Any) -> None:
        self._bar, self._task = bar, task

    def __call__(self, step: str) -> None:
        """Show `step`."""
        self._bar.update(self._task, description=step)


def current_release(home: Path | None) -> Pointer:
    """The release in force; ends the command when there is none."""
    release = Releases(open_settings(home).releases).current()
    if release is None:
        messages.print("There is no release yet; run `alliance nightly` first.", markup=False)
        raise typer.Exit(NEEDS_A_PERSON)
    return release
