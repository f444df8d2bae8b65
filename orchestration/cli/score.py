"""`alliance score`: an analyst's own forms, scored by the SQL that scores the warehouse."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from expectations.instrument import Instrument
from expectations.registry import Registry
from orchestration.cli.console import (
    DONE,
    NEEDS_A_PERSON,
    WRONG_USE,
    HomeOption,
    JsonOption,
    messages,
    open_registry,
    open_settings,
    progress,
    say_document,
    say_table,
)
from orchestration.settings import Settings

SHOWN = ("row", "id", "scale", "score", "pomp", "n_answered", "n_missing", "null_reason")
"""Columns of the table; the JSON document has all of them."""


def score(
    instrument: Annotated[str, typer.Argument(help="Instrument code, e.g. phq_9.")],
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV, one row a form, columns item_1 ... item_n.", exists=True, dir_okay=False
        ),
    ],
    home: HomeOption = None,
    version: Annotated[
        str | None, typer.Option(help="Needed when the instrument has several.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score a CSV of item answers: every scale, by the instrument's own rules.

    A form with an answer the instrument does not offer is refused, named by row and item; then the
    exit status is 1. Where the file's columns are not the instrument's items it is 2.

    Example: alliance score phq_9 answers.csv
    """
    from orchestration.answers_csv import AnswersRefused, score_csv
    from orchestration.scoring import ScoringEngine

    settings = open_settings(home)
    chosen = _instrument(open_registry(settings), instrument, version)
    try:
        with (
            progress("scoring"),
            _compiled(settings) as target,
            ScoringEngine(target) as engine,
        ):
            found = score_csv(file, chosen, engine)
    except AnswersRefused as refusal:
        messages.print(f"{file.name}: {refusal}", markup=False, highlight=False)
        raise typer.Exit(WRONG_USE) from refusal
    columns = list(found.scores.columns)
    rows = [[_cell(value) for value in row] for row in found.scores.itertuples(index=False)]
    if as_json:
        say_document(
            {
                "instrument_code": chosen.instrument_code,
                "version": chosen.version,
                "key_status": chosen.key_status,
                "n_forms": found.n_forms,
                "scores": [dict(zip(columns, row, strict=True)) for row in rows],
                "refused": [{"row": bad.row, "item": bad.item} for bad in found.refused],
            }
        )
    else:
        shown = [place for place, name in enumerate(columns) if name in SHOWN]
        say_table(
            f"{chosen.name}, version {chosen.version}, scoring key {chosen.key_status}",
            [columns[place] for place in shown],
            [[_short(row[place]) for place in shown] for row in rows],
        )
    for bad in found.refused:
        messages.print(
            f"{file.name}, row {bad.row}: item {bad.item} is no answer of {chosen.name}; "
            "the form was not scored",
            highlight=False,
        )
    raise typer.Exit(NEEDS_A_PERSON if found.refused else DONE)


@contextmanager
def _compiled(settings: Settings) -> Iterator[Path]:
    """Where dbt keeps what it compiled: in the home, or nowhere when there is none."""
    if settings.home.is_dir():
        yield settings.dbt_target
        return
    with TemporaryDirectory() as folder:
        yield Path(folder)


def _short(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def _instrument(registry: Registry, code: str, version: str | None) -> Instrument:
    known = {key: one for key, one in registry.instruments.items() if key[0] == code}
    if version is not None:
        known = {key: one for key, one in known.items() if key[1] == version}
    if len(known) == 1:
        return next(iter(known.values()))
    if known:
        versions = ", ".join(key[1] for key in known)
        messages.print(f"{code} has the versions {versions}; choose one with --version")
    else:
        codes = ", ".join(sorted({key[0] for key in registry.instruments}))
        messages.print(f"no such instrument; declared are {codes}", highlight=False)
    raise typer.Exit(WRONG_USE)


def _cell(value: Any) -> Any:
    """A frame's cell as a plain value; not-a-number is null."""
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and math.isnan(plain) else plain
