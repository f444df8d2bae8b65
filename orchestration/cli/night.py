"""`alliance nightly`: take in what lies in landing, and say what became of it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from orchestration.cli.console import (
    DONE,
    NEEDS_A_PERSON,
    HomeOption,
    JsonOption,
    messages,
    open_registry,
    open_settings,
    output,
    progress,
    say_document,
    say_table,
)
from orchestration.nightly import NightReport, run_nightly
from orchestration.nightly_plan import NightFailed
from orchestration.warehouse import WarehouseBusy, trouble

COLUMNS = (
    "practice",
    "files",
    "rows",
    "readings",
    "accepted",
    "quarantined",
    "excluded",
    "checks passed",
    "warned",
    "failed",
)


def nightly(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Run the nightly load: everything new in landing, then marts, benchmarks and a release.

    Exits 1 when a file was refused, died while being read, or has too much in quarantine.

    Example: alliance nightly --home ./warehouse
    """
    settings = open_settings(home)
    registry = open_registry(settings)
    try:
        with progress("looking at landing") as step, _collecting_seldom():
            report = run_nightly(settings, registry, step)
    except (WarehouseBusy, NightFailed) as failure:
        messages.print(str(failure), markup=False, highlight=False)
        raise typer.Exit(NEEDS_A_PERSON) from failure
    except Exception as error:
        # A full disk shows in whatever writes next: the engine, the event log, the archive.
        found = trouble(error)
        if found is None:
            raise
        messages.print(str(found), markup=False, highlight=False)
        raise typer.Exit(NEEDS_A_PERSON) from error
    if as_json:
        say_document(report.to_json())
    else:
        _say(report)
    raise typer.Exit(NEEDS_A_PERSON if report.needs_a_person else DONE)


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Dagster and dbt keep hundreds of thousands of objects for the whole night; to look through
    them for cycles at every few thousand new ones takes a tenth of a small night."""
    usual = gc.get_threshold()
    gc.set_threshold(200_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _say(report: NightReport) -> None:
    if report.did_anything:
        rows = [
            (
                line.practice_id,
                line.n_files,
                line.n_file_rows,
                line.n_rows_read,
                line.n_accepted,
                line.n_quarantined,
                line.n_excluded,
                line.n_checks_passed,
                line.n_checks_warned,
                line.n_checks_failed,
            )
            for line in report.practices
        ]
        say_table("Nightly load", COLUMNS, rows)
    else:
        rest = "" if report.removed else "; nothing was changed"
        output.print(f"Nothing new in landing{rest}.")
    for line in (*report.removed, *report.withheld):
        output.print(line, markup=False, highlight=False)
    for problem in report.problems:
        messages.print(f"! {problem}", markup=False, highlight=False)
    if report.release_id is None:
        messages.print("There is no release yet.")
    else:
        news = "Published release" if report.is_new_release else "Release in force"
        output.print(f"{news}: {report.release_id}", highlight=False)
        output.print("Open the dashboard with: make dashboard   (or: alliance dashboard)")
