"""`alliance keys`: make, look at, replace and destroy practices' keys."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal, NoReturn

import typer

from expectations.registry import Registry
from orchestration.archive import ArchiveDamaged
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
from orchestration.erasure import STAYS, ErasureRefused, destroy
from orchestration.ingest.pseudonyms import create_key, key_source, load_key
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.key_changes import finish_key_changes
from orchestration.key_rotation import RotationRefused, rotate
from orchestration.key_versions import KeyVersion, check_registered, registered
from orchestration.rewriting import RewritingFailed
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse, WarehouseBusy

app = typer.Typer(
    name="keys",
    help="Make, look at, replace and destroy practices' keys.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
PracticeArgument = Annotated[str, typer.Argument(metavar="PRACTICE", help="The practice_id.")]
_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class KeyState:
    """One practice's key, for a person."""

    practice_id: str
    state: Literal["good", "look", "destroyed"]
    key_version: int | None
    valid_from_at: datetime | None
    source: str | None
    """The file or the variable it comes from; None when there is none."""
    message: str


@app.command("list")
def list_keys(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Which practice has which version of its key, and whether it can be used. Changes nothing.

    Example: alliance keys list --json
    """
    settings = open_settings(home)
    registry = open_registry(settings)
    try:
        with Warehouse(settings).writer(patience_seconds=_PATIENCE_SECONDS):
            known = _known(settings)
    except WarehouseBusy as busy:
        _stop(str(busy))
    states = [_state(settings, name, known.get(name)) for name in sorted(registry.practices)]
    if as_json:
        say_document([asdict(state) for state in states])
    else:
        header = ("practice", "state", "version", "since (UTC)", "from", "finding")
        say_table("Keys", header, [tuple(asdict(state).values()) for state in states])
    raise typer.Exit(NEEDS_A_PERSON if any(s.state == "look" for s in states) else DONE)


def _known(settings: Settings) -> dict[str, KeyVersion]:
    if not settings.warehouse.exists():
        return {}
    warehouse = Warehouse(settings)
    warehouse.prepare()
    with warehouse.connect() as con:
        return registered(con)


def _state(settings: Settings, practice_id: str, known: KeyVersion | None) -> KeyState:
    version = known.key_version if known else None
    since = known.valid_from_at if known else None
    source = key_source(settings.keys, practice_id)
    try:
        key = load_key(settings.keys, practice_id)
        check_registered(key, known)
    except DeliveryRefused as refusal:
        state: Literal["look", "destroyed"] = (
            "destroyed" if refusal.reason == "key_destroyed" else "look"
        )
        return KeyState(practice_id, state, version, since, source, refusal.message)
    said = "in use" if known else "not used yet"
    return KeyState(practice_id, "good", key.version, since, source, said)


@app.command("create")
def create(
    practice: Annotated[
        str | None, typer.Argument(metavar="[PRACTICE]", help="Without it: all that have none.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the first key of a practice. No key is ever overwritten.

    A practice whose rows were made with a key that is gone gets no other one: put that key back.

    Example: alliance keys create two_oaks
    """
    settings = open_settings(home)
    registry = open_registry(settings)
    _known_practice(registry, practice)
    chosen = sorted(registry.practices) if practice is None else [practice]
    made, refused = [], []
    try:
        with Warehouse(settings).writer(patience_seconds=_PATIENCE_SECONDS):
            known = _known(settings)
            for name in chosen:
                if key_source(settings.keys, name) is not None:
                    continue
                if name in known:
                    refused.append(name)
                elif create_key(settings.keys, name):
                    made.append(name)
                else:
                    refused.append(name)
    except WarehouseBusy as busy:
        _stop(str(busy))
    for name in refused:
        messages.print(
            f"practice {name} had a key, and its rows were made with it: put that key back; a new "
            "one would count every client twice (after `destroy`, declare a new practice_id)",
            markup=False,
        )
    if as_json:
        say_document({"made": made, "refused": refused})
    else:
        messages.print(f"made {len(made)} keys: {', '.join(made) or 'none was missing'}")
    raise typer.Exit(NEEDS_A_PERSON if refused else DONE)


@app.command("rotate")
def rotate_key(
    practice: PracticeArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Replace a practice's key: its stored pseudonyms and archived files are written anew.

    Clients keep one pseudonym over old and later deliveries. The next nightly load builds all marts
    again. What this protects against, and what not: docs/runbooks/keys_and_erasure.md.

    Example: alliance keys rotate two_oaks
    """
    settings = open_settings(home)
    _known_practice(open_registry(settings), practice)
    try:
        with (
            Warehouse(settings).writer(patience_seconds=_PATIENCE_SECONDS),
            progress("writing the warehouse and the archive anew") as step,
        ):
            finish_key_changes(settings)
            key = rotate(settings, practice, datetime.now(UTC).replace(tzinfo=None), step)
    except (WarehouseBusy, RotationRefused, RewritingFailed, DeliveryRefused) as problem:
        _stop(str(getattr(problem, "message", problem)))
    except ArchiveDamaged as damage:
        _stop(f"{damage}; nothing was changed; restore the archive of {practice} first")
    if as_json:
        say_document({"practice_id": practice, "key_version": key.version})
    else:
        messages.print(
            f"practice {practice} has version {key.version} of its key; copy the key's file to "
            "where keys are kept, and destroy older copies of it",
            markup=False,
        )


@app.command("destroy")
def destroy_key(
    practice: PracticeArgument,
    home: HomeOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Destroy a practice's key, its archive and its files in landing: erasure, for good.

    Its stored rows stay, under pseudonyms that nobody can link to an id any more.

    Example: alliance keys destroy two_oaks --yes
    """
    settings = open_settings(home)
    registry = open_registry(settings)
    if practice not in {*registry.practices, *registry.broken}:
        _unknown(practice)
    if not yes and not typer.confirm(
        f"Destroy the key of {practice}, its archive and its files in landing? "
        "Nothing brings them back",
        err=True,
    ):
        messages.print("nothing was changed")
        raise typer.Exit(NEEDS_A_PERSON)
    try:
        with Warehouse(settings).writer(patience_seconds=_PATIENCE_SECONDS):
            destroy(settings, practice)
    except (WarehouseBusy, ErasureRefused) as problem:
        _stop(str(problem))
    except OSError as problem:
        _stop(f"not everything could be removed ({problem.strerror}); mend that and run it again")
    if as_json:
        say_document({"practice_id": practice, "is_destroyed": True, "stays": list(STAYS)})
    else:
        messages.print(f"the key of practice {practice} is destroyed", markup=False)
        for line in STAYS:
            messages.print(f"  {line}", markup=False)


def _known_practice(registry: Registry, practice: str | None) -> None:
    if practice is not None and practice not in registry.practices:
        _unknown(practice)


def _unknown(practice: str) -> NoReturn:
    messages.print(f"no practice {practice} is declared; `alliance keys list`", markup=False)
    raise typer.Exit(WRONG_USE)


def _stop(why: str) -> NoReturn:
    messages.print(why, markup=False, highlight=False)
    raise typer.Exit(NEEDS_A_PERSON)
