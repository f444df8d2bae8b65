"""`alliance contract`: a practice's contract is tried, and its editor told what may stand in it."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from expectations.json_schema import DECLARED, editor_line, json_schema, schema_file
from expectations.registry import load_registry
from orchestration.cli.console import (
    DONE,
    NEEDS_A_PERSON,
    WRONG_USE,
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
from orchestration.durable import write_whole
from orchestration.ingest.privacy import is_showable
from orchestration.ingest.reading import ReadingWorker
from orchestration.ingest.refusal import DeliveryRefused

if TYPE_CHECKING:
    from orchestration.contract_check import FileCheck
    from orchestration.last_seen import LastSeen

app = typer.Typer(
    name="contract",
    help="Try a practice's contract on files, and help to write one.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Files = Annotated[
    list[Path], typer.Argument(help="Exports of the practice.", exists=True, dir_okay=False)
]


@app.command("check")
def check(
    practice: Annotated[str, typer.Argument(help="The practice's practice_id.")],
    files: Files,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Dry run: what tonight's load would make of these files. Writes nothing.

    It takes the night's own way up to loading: pattern, columns, privacy gate, contract, every
    check. Exits 1 when a file would be refused, die, or have too much in quarantine.

    Example: alliance contract check north_clinic sessions_20260930.csv srs_20260930.csv
    """
    # Reading and checking import pandas, which an empty night does without.
    from orchestration.contract_check import check_files

    settings = open_settings(home)
    registry = open_registry(settings)
    if practice in registry.broken:
        for problem in registry.broken[practice]:
            messages.print(problem, markup=False, highlight=False)
        raise typer.Exit(NEEDS_A_PERSON)
    if practice not in registry.practices:
        known = ", ".join(registry.practices) or "none"
        messages.print(f"no such practice; declared are {known}", markup=False, highlight=False)
        raise typer.Exit(WRONG_USE)
    today = datetime.now(UTC).astimezone(ZoneInfo(registry.group.time_zone)).date()
    with progress("checking") as step:

        def worker(its_settings: object) -> ReadingWorker:
            return ReadingWorker(settings, progress=step)

        checks = check_files(settings, registry, practice, files, today, worker)
    is_fine = all(each.is_fine for each in checks)
    if as_json:
        say_document(
            {
                "practice_id": practice,
                "is_fine": is_fine,
                "files": [each.to_json() for each in checks],
            }
        )
    else:
        for each in checks:
            _say(each)
        output.print("Fine: tonight's load would take these files in." if is_fine else "Not yet.")
    raise typer.Exit(DONE if is_fine else NEEDS_A_PERSON)


def _say(each: "FileCheck") -> None:
    from orchestration.contract_check import in_words

    outcome = each.outcome

    def line(text: str) -> None:
        output.print(text, markup=False, highlight=False)

    fits = f"fits {each.pattern} ({each.kind})" if each.pattern else "fits no pattern"
    line(f"{each.file}: {fits}, feed {each.feed}")
    if outcome.message:
        line(f"  ! {outcome.reason}: {outcome.message}")
    if each.drift is not None:
        for name in each.drift.unknown:
            line(f"  ! unknown column {name}")
        for name in each.drift.missing:
            guess = each.drift.renamed.get(name)
            line(f"  ! missing column {name}" + (f"; renamed to {guess}?" if guess else ""))
    if each.last_seen is not None:
        _say_last_seen(each.last_seen)
    if each.column_map:
        rows = [(column, ", ".join(uses)) for column, uses in each.column_map.items()]
        say_table("Columns", ("file", "becomes"), rows)
    if not outcome.is_loadable:
        return
    why = "".join(f", {n} {reason}" for reason, n in sorted(outcome.exclusions.items()))
    line(
        f"  {outcome.n_file_rows} rows, {outcome.n_rows_read} readings: {outcome.n_accepted} "
        f"accepted, {outcome.n_quarantined} quarantined, {outcome.n_excluded} excluded{why}"
    )
    if outcome.is_over_tolerance:
        line("  ! more is quarantined than the contract tolerates")
    counts = [in_words(verdict) for verdict in outcome.verdicts]
    line("  checks: " + ", ".join(f"{counts.count(w)} {w}" for w in dict.fromkeys(counts)))
    failed = [
        (
            v.check_id,
            v.instrument_code,
            v.severity,
            in_words(v),
            v.n_evaluated,
            v.n_failed,
        )
        for v in outcome.verdicts
        if v.n_failed or v.status == "error"
    ]
    if failed:
        header = ("check", "instrument", "severity", "status", "evaluated", "failed")
        say_table("Checks that found something", header, failed)


def _say_last_seen(seen: "LastSeen") -> None:
    rows = "" if seen.n_file_rows is None else f", {seen.n_file_rows} rows"
    changes = [*(f"+{name}" for name in seen.columns_added)]
    changes += [f"-{name}" for name in seen.columns_gone]
    differ = f"; the contract's columns since: {', '.join(changes)}" if changes else ""
    output.print(
        f"  last seen {seen.received_on}{rows}, {seen.n_accepted} accepted{differ}",
        markup=False,
        highlight=False,
    )


@app.command("draft")
def draft(
    files: Files,
    practice: Annotated[
        str, typer.Option("--practice", help="The new practice's practice_id: a-z, 0-9 and _.")
    ] = "new_practice",
    home: HomeOption = None,
) -> None:
    """A first contract out of sample exports, as YAML on standard output.

    Give one export of each kind of file: delimited text (gzip too), XLSX, Parquet, REDCap,
    Qualtrics or FHIR. REDCap's data dictionary may be among them: it says what codes stand for.
    Each guess has its reason beside it (`why:`), each doubt is a question (`open:`). No cell of a
    client is repeated: of enumerations only known words are, and the words of a site column become
    sites.

    Example: alliance contract draft --practice north_clinic exports/*.csv > north_clinic.yml
    """
    from orchestration.drafting.contract import draft_contract
    from orchestration.drafting.data_dictionary import Labels, read_labels
    from orchestration.drafting.formats import read_sample

    settings = open_settings(home)
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", practice):
        messages.print("--practice must be a word of a-z, 0-9 and _, like north_clinic")
        raise typer.Exit(WRONG_USE)
    # A home is not needed to draft; where there is one, its own instruments are known too.
    registry = open_registry(settings) if settings.group_file.exists() else load_registry()
    samples = []
    labels: Labels = {}
    for number, file in enumerate(files, start=1):
        try:
            if (found := read_labels(file)) is not None:
                labels |= found
                continue
            samples.append(read_sample(file))
        except DeliveryRefused as refusal:
            shown = file.name if is_showable(file.name) else f"file {number}"
            messages.print(f"{shown}: {refusal}", markup=False, highlight=False)
            raise typer.Exit(NEEDS_A_PERSON) from refusal
    today = datetime.now(UTC).astimezone(ZoneInfo(registry.group.time_zone)).date()
    try:
        samples = [replace(sample, labels=labels) for sample in samples]
        text = draft_contract(samples, practice, registry.feeds, registry.instruments, today)
    except DeliveryRefused as refusal:
        messages.print(str(refusal), markup=False, highlight=False)
        raise typer.Exit(NEEDS_A_PERSON) from refusal
    typer.echo(text, nl=False)
    messages.print(f"{text.count('open:')} open questions; answer them, then `contract check`")


@app.command("schema")
def schema(
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder for the files; default standard output.", file_okay=False
        ),
    ] = None,
) -> None:
    """JSON Schema of group, practice and instrument files, for editors that complete YAML.

    With --out, one file each; the line that ties a YAML file to its schema is printed too.

    Example: alliance contract schema --out warehouse/schemas
    """
    schemas = {kind: json_schema(kind) for kind in DECLARED}
    if out is None:
        say_document(schemas)
        return
    out.mkdir(parents=True, exist_ok=True)
    for kind, document in schemas.items():
        write_whole(out / schema_file(kind), json.dumps(document, indent=2) + "\n")
    output.print("First line of a file, for the editor:", highlight=False)
    for kind in DECLARED:
        where = (out / schema_file(kind)).resolve().as_uri()
        output.print(f"  {editor_line(where)}", markup=False, highlight=False, soft_wrap=True)
