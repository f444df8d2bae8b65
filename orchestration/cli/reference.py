"""`alliance reference`: the network's frozen norms, and a person's word to freeze new ones."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import typer

from expectations.frozen_reference import FOLDER, FrozenReference
from expectations.published_norm import MINIMUM_PEOPLE
from orchestration.cli.console import (
    NEEDS_A_PERSON,
    HomeOption,
    JsonOption,
    loaded_warehouse,
    messages,
    open_registry,
    open_settings,
    output,
    say_document,
    say_table,
)
from orchestration.release.reader import Releases

app = typer.Typer(
    name="reference",
    help="List the network's frozen norms; freeze new ones.",
    invoke_without_command=True,
    rich_markup_mode=None,
)

_SHOWN = (
    *("instrument_code", "version", "language", "informant", "stage", "n_forms", "n_clients"),
    *("p10", "p25", "median", "p75", "p90", "mean", "sd"),
)


@app.callback()
def reference(ctx: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the frozen norms, the newest last. Each is in force from its day to the next one's.

    The newest ones of 100 clients or more are the bands on the page "Compare sites".

    Example: alliance reference

    Example: alliance reference freeze
    """
    if ctx.invoked_subcommand is not None:
        return
    found = open_registry(open_settings(home)).references
    if as_json:
        say_document({"references": [each.model_dump(mode="json") for each in found]})
    elif not found:
        output.print("No reference is frozen; `alliance reference freeze` makes one.")
    for each in () if as_json else found:
        _show(each)
    if found and not as_json:
        output.print(f"In force since {found[-1].frozen_on}: {_bands(found[-1])}.")


@app.command("freeze")
def freeze(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Freeze today's norms of the network: percentiles by instrument, language, informant, stage.

    They go into a file in the home's folder `references`, dated today. No night rewrites it, and
    forms from today on are held against it: the low-alliance flag needs one. A norm needs 100
    forms, and as many clients and therapists as a site's cell. With 100 clients it is also a band
    on the page "Compare sites", with today's date, from the next night on.

    Example: alliance reference freeze
    """
    from orchestration.freezing import FreezeRefused, frozen_reference, write_reference_file

    settings = open_settings(home)
    registry = open_registry(settings)
    today = datetime.now(UTC).astimezone(ZoneInfo(registry.group.time_zone)).date()
    release = Releases(settings.releases).current_id()
    try:
        with loaded_warehouse(home, "there is nothing to freeze") as con:
            found = frozen_reference(con, registry, today, release)
            path = write_reference_file(settings.home / FOLDER, found)
    except FreezeRefused as refusal:
        messages.print(str(refusal), markup=False, highlight=False)
        raise typer.Exit(NEEDS_A_PERSON) from refusal
    if as_json:
        say_document(found.model_dump(mode="json"))
    else:
        _show(found)
    messages.print(
        f"wrote {path}; in force for forms from {today} on, from the next night; {_bands(found)}",
        markup=False,
        highlight=False,
    )


def _bands(each: FrozenReference) -> str:
    shown = sum(norm.n_clients >= MINIMUM_PEOPLE for norm in each.norms)
    return (
        f"{shown} of {len(each.norms)} norms have {MINIMUM_PEOPLE} clients and are bands on the "
        f"page Compare sites, frozen on {each.frozen_on}"
    )


def _show(each: FrozenReference) -> None:
    title = f"Frozen on {each.frozen_on}, data through {each.data_through_on}"
    say_table(title, _SHOWN, [[getattr(norm, name) for name in _SHOWN] for norm in each.norms])
