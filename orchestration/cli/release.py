"""`alliance release`: what releases say of each other."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.console import (
    WRONG_USE,
    HomeOption,
    JsonOption,
    loaded_warehouse,
    messages,
    open_settings,
    output,
    say_document,
    say_table,
)
from orchestration.release.reader import Releases

if TYPE_CHECKING:
    from orchestration.release.difference import Change, Difference, Removal
    from orchestration.settings import Settings

app = typer.Typer(name="release", help="Hold releases against each other.", no_args_is_help=True)
_SHOWN = 20
_MADE_ON = "select created_at::date from release"


@app.callback()
def _release() -> None:
    """Keeps `diff` a command of its own."""


@app.command("diff")
def diff(
    older: Annotated[str, typer.Argument(metavar="A", help="Id of the older release.")],
    newer: Annotated[
        str, typer.Argument(metavar="B", help="Id of the newer one; `current` is the one in force.")
    ],
    home: HomeOption = None,
    show: Annotated[int, typer.Option(min=0, help="Rows to list; 0 lists all.")] = _SHOWN,
    as_json: JsonOption = False,
) -> None:
    """Why a number changed between two releases: what moved, and what can have moved it.

    Late and corrected deliveries, withdrawn clients, rules, instruments, metrics and settings. A
    row whose own figures stand still and whose limits moved was moved by the other sites.

    Example: alliance release diff r20261124T090000Z_1a2b3c4d current
    """
    settings = open_settings(home)
    files = (_files(settings, older), _files(settings, newer))
    from orchestration.release.difference import difference

    found = difference(*files, _removals(home, settings, files))
    if as_json:
        say_document(found.to_json())
        return
    _say(found, show)


def _files(settings: "Settings", name: str) -> tuple[Path, Path]:
    releases = Releases(settings.releases)
    release_id = (releases.current_id() or name) if name == "current" else name
    files = (releases.path(release_id), releases.quality_path(release_id))
    # An id names a file of the folder and nothing else.
    if Path(release_id).name != release_id or not all(path.is_file() for path in files):
        kept = sorted(
            path.name.removesuffix(".duckdb")
            for path in settings.releases.glob("r*.duckdb")
            if not path.name.endswith(".quality.duckdb")
        )
        messages.print(
            f"there is no such release; kept are: {', '.join(kept) or 'none'}", markup=False
        )
        raise typer.Exit(WRONG_USE)
    return files


def _removals(
    home: Path | None, settings: "Settings", files: tuple[tuple[Path, Path], ...]
) -> "list[Removal]":
    """What the warehouse lost between the two releases' days; none where there is no warehouse."""
    import duckdb

    from orchestration.release.difference import Removal
    from orchestration.warehouse import Warehouse

    if not Warehouse(settings).exists():
        return []
    days: list[date] = []
    for release, _ in files:
        with duckdb.connect(str(release), read_only=True) as con:
            days += [day for (day,) in con.execute(_MADE_ON).fetchall()]
    with loaded_warehouse(home, "nothing was removed") as con:
        rows = con.execute(
            "select distinct practice_id, reason, removed_on from quality.removed_rows "
            "where removed_on between ? and ? order by all",
            days,
        ).fetchall()
    return [Removal(*row) for row in rows]


def _say(found: "Difference", show: int) -> None:
    say_table(
        f"What lies between {found.older} and {found.newer}",
        ("kind", "practice", "what"),
        [(cause.kind, cause.practice_id or "all", cause.what) for cause in found.causes],
    )
    if not found.changes:
        output.print("No figure of any site changed.")
    counts: dict[tuple[str, str, str], int] = {}
    for change in found.changes:
        place = (change.table, change.kind, change.moved_by)
        counts[place] = counts.get(place, 0) + 1
    if counts:
        say_table(
            "Rows that are not the same",
            ("table", "kind", "moved by", "rows"),
            [(*place, number) for place, number in sorted(counts.items())],
        )
    listed = found.changes if show == 0 else found.changes[:show]
    if listed:
        say_table(
            f"{len(listed)} of {len(found.changes)} rows",
            ("row", "what moved", "can have been moved by"),
            [(_row(change), _moved(change), _causes(found, change)) for change in listed],
        )
    for table, holder in found.only_in.items():
        output.print(f"Only {holder} has the table {table}.", markup=False, highlight=False)


def _row(change: "Change") -> str:
    return f"{change.table}: " + " ".join(part for part in change.key.values() if part)


def _moved(change: "Change") -> str:
    if change.kind != "changed":
        return change.kind
    return "; ".join(f"{name} {a} -> {b}" for name, (a, b) in change.moved.items())


def _causes(found: "Difference", change: "Change") -> str:
    kinds = [cause.kind for cause in found.causes_of(change)]
    return ", ".join(dict.fromkeys(kinds)) or "nothing that is known"
