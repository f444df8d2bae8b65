"""`alliance init` and `alliance simulate`: a home to work in, and exports to work on."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from expectations.registry import SHIPPED
from orchestration import dbt_runner
from orchestration.cli.console import (
    WRONG_USE,
    HomeOption,
    messages,
    open_registry,
    open_settings,
    progress,
)
from orchestration.durable import write_whole
from orchestration.ingest.pseudonyms import create_key
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.simulation import SimulationSettings

SPAN = timedelta(days=730)
_ALL_THERE_IS = """\
# With months: two years of simulated data are too few quarters for a line's limits.
periods: [month, quarter, year, last_12_months, all]
# With measures: adjusted means and what a site's distance is made of need them.
with_measures: true
"""
FOLDERS = ("practices", "instruments", "references", "landing", "archive", "releases", "keys")


def init(
    home: HomeOption = None,
    sample: Annotated[
        bool,
        typer.Option("--sample", help="Include the sample practices and fill an empty landing."),
    ] = False,
) -> None:
    """Make a home: folders, group.yml, a key for each practice. What is there stays as it is.

    Example: alliance init --sample
    """
    settings = open_settings(home)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in FOLDERS:
        (settings.home / folder).mkdir(
            mode=0o700 if folder == "keys" else 0o755, parents=True, exist_ok=True
        )
    if not settings.group_file.exists():
        write_whole(settings.group_file, _group_text(sample))
        messages.print(f"wrote {settings.group_file}", highlight=False)
    registry = open_registry(settings)
    for practice_id in registry.practices:
        (settings.landing / practice_id).mkdir(exist_ok=True)
        if create_key(settings.keys, practice_id):
            messages.print(f"made a key for practice {practice_id}", highlight=False)
    if sample and registry.practices and _never_delivered(settings):
        with progress("writing the sample practices' exports") as step:
            from orchestration.simulation import simulate as write

            world = _new_world(_yesterday())
            _remember(settings, world)
            write(
                registry,
                settings.landing,
                world,
                truth_path=settings.home / "truth.parquet",
                progress=step,
            )
        messages.print(f"filled {settings.landing} with simulated exports", highlight=False)
    with progress("reading the dbt project"):
        dbt_runner.ensure_manifest(settings.dbt_target)
    messages.print(f"home is ready: {settings.home}", highlight=False)


def _group_text(sample: bool) -> str:
    shipped = (SHIPPED / "group.yml").read_text(encoding="utf-8")
    if sample:
        return shipped + _ALL_THERE_IS
    return shipped.replace("sample_practices: true", "sample_practices: false")


def _never_delivered(settings: Settings) -> bool:
    if settings.warehouse.exists():
        return False
    return not any(p.is_file() for p in settings.landing.rglob("*") if not p.name.startswith("."))


def _yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


def _new_world(through: date, clients: int = 3600, seed: int = 20260930) -> "SimulationSettings":
    from orchestration.simulation import SimulationSettings

    return SimulationSettings(
        seed=seed, n_clients=clients, from_on=through - SPAN, through_on=through
    )


def _world_file(settings: Settings) -> Path:
    return settings.home / "simulation.json"


def _remember(settings: Settings, world: "SimulationSettings") -> None:
    """Later nights must come from the same world, or the same ids would be other people."""
    facts = {
        "seed": world.seed,
        "n_clients": world.n_clients,
        "from_on": world.from_on.isoformat(),
        "through_on": world.through_on.isoformat(),
    }
    write_whole(_world_file(settings), json.dumps(facts, indent=2) + "\n")


def _remembered(settings: Settings) -> "SimulationSettings | None":
    from orchestration.simulation import SimulationSettings

    if not _world_file(settings).exists():
        return None
    facts = json.loads(_world_file(settings).read_text(encoding="utf-8"))
    return SimulationSettings(
        seed=facts["seed"],
        n_clients=facts["n_clients"],
        from_on=date.fromisoformat(facts["from_on"]),
        through_on=date.fromisoformat(facts["through_on"]),
    )


def simulate(
    home: HomeOption = None,
    clients: Annotated[int, typer.Option(help="Clients in a new world.", min=1)] = 3600,
    seed: Annotated[int, typer.Option(help="Of a new world; same seed, same files.")] = 20260930,
    through: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last day of the exports; default yesterday."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="A later night of the home's world: only what came after this day.",
        ),
    ] = None,
) -> None:
    """Write simulated exports of the registry's practices into landing, each in its own shape.

    The first call makes a world and remembers it in simulation.json; with --since it goes on in
    that world. The truth behind the numbers goes to truth.parquet; nothing but the studies reads
    it.

    Example: alliance simulate --since 2026-09-30 --through 2026-10-07
    """
    from orchestration.simulation import simulate as write

    settings = open_settings(home)
    registry = open_registry(settings)
    if not registry.practices:
        messages.print("no practice is declared; `alliance init --sample` brings the samples")
        raise typer.Exit(WRONG_USE)
    last = through.date() if through else _yesterday()
    if since is None:
        world = _new_world(last, clients, seed)
        _remember(settings, world)
    else:
        known = _remembered(settings)
        if known is None:
            messages.print("this home has no simulated world yet; leave --since out first")
            raise typer.Exit(WRONG_USE)
        world = replace(known, window=(since.date() + timedelta(days=1), last))
    truth = None if since else settings.home / "truth.parquet"
    with progress("simulating") as step:
        summary = write(registry, settings.landing, world, truth_path=truth, progress=step)
    messages.print(f"wrote {len(summary.files)} files to {settings.landing}", highlight=False)
