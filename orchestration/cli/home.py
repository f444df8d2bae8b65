"""`alliance init` and `alliance simulate`: a home to work in, and exports to work on."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from expectations.registry import SHIPPED, Registry
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

SPAN = timedelta(days=730)
FOLDERS = ("practices", "instruments", "landing", "archive", "releases", "keys")


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
            from orchestration.simulation import SimulationSettings
            from orchestration.simulation import simulate as write

            write(
                registry,
                settings.landing,
                SimulationSettings(from_on=_yesterday() - SPAN, through_on=_yesterday()),
                truth_path=settings.home / "truth.parquet",
                progress=step,
            )
        messages.print(f"filled {settings.landing} with simulated exports", highlight=False)
    messages.print(f"home is ready: {settings.home}", highlight=False)


def _group_text(sample: bool) -> str:
    shipped = (SHIPPED / "group.yml").read_text(encoding="utf-8")
    if sample:
        return shipped
    return shipped.replace("sample_practices: true", "sample_practices: false")


def _never_delivered(settings: Settings) -> bool:
    if settings.warehouse.exists():
        return False
    return not any(p.is_file() for p in settings.landing.rglob("*") if not p.name.startswith("."))


def _yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


def simulate(
    home: HomeOption = None,
    clients: Annotated[int, typer.Option(help="Clients in the whole network.", min=1)] = 3000,
    seed: Annotated[int, typer.Option(help="Same seed, same files.")] = 20260930,
    through: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day of the exports.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only what became visible after this day."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A landing folder; default the home's own.")
    ] = None,
) -> None:
    """Write simulated exports of the practices in the registry, each in its own shape.

    The truth behind them goes to truth.parquet beside the landing folder; nothing reads it but
    the studies.

    Example: alliance simulate --clients 3000 --through 2026-09-30
    """
    from orchestration.simulation import SimulationSettings
    from orchestration.simulation import simulate as write

    settings = open_settings(home)
    registry: Registry = open_registry(settings)
    if not registry.practices:
        messages.print("no practice is declared; `alliance init --sample` brings the samples")
        raise typer.Exit(WRONG_USE)
    last = through.date() if through else _yesterday()
    chosen = SimulationSettings(
        seed=seed, n_clients=clients, from_on=last - SPAN, through_on=last
    )
    if since is not None:
        chosen = replace(chosen, window=(since.date() + timedelta(days=1), last))
    landing = out or settings.landing
    with progress("simulating") as step:
        write(registry, landing, chosen, truth_path=landing.parent / "truth.parquet", progress=step)
    messages.print(f"wrote simulated exports to {landing}", highlight=False)
