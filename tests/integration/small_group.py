"""Two small practices in a home of their own, and a night over them without an orchestrator."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from expectations.model import FeedName
from expectations.practice import Practice
from expectations.registry import Registry, load_registry
from orchestration.ingest.file_job import FileJob
from orchestration.ingest.intake import take_in
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.pseudonyms import create_key, load_key
from orchestration.ingest.reading import ReadingWorker
from orchestration.night import Night, selection
from orchestration.settings import Settings
from tests.unit.ingest import declarations

NOW = datetime(2026, 10, 1, 8, tzinfo=UTC)
HEADER = "client;visit;day;state;a;b;c;batch"
FORMS = "\n".join(
    [
        HEADER,
        "P1;V1;03.02.2026;done;1;2;3;x",
        "P1;V2;10.02.2026;done;4;0;2;x",
        "P2;V3;11.02.2026;done;3;3;3;x",
        "P2;V4;12.02.2026;no;;;;x",
        "P3;V5;13.02.2026;done;0;-99;1;x",
        "",
    ]
)
EPISODES = "episode,client,place,start,state,age\nE1,P1,N,2026-01-05,open,17\n"


@dataclass
class HereWorker(ReadingWorker):
    """Reads in this process: Great Expectations is imported once for all tests."""

    registry: Registry = field(kw_only=True)

    def take_in(self, jobs: Sequence[FileJob], scratch: Path) -> list[Outcome]:
        if not jobs:
            return []
        scratch.mkdir(parents=True, exist_ok=True)
        key_of = partial(load_key, self.settings.keys)
        path = scratch / f"{jobs[0].delivery_id}.duckdb"
        return take_in(jobs, self.registry, key_of, path, self.settings.limits, lambda _: None)


def practice(name: str, **contract: Any) -> Practice:
    """A practice called `name` that sends wide forms and episodes."""
    files = (declarations.WIDE_FILE, declarations.EPISODES_FILE)
    return declarations.practice(*files, **contract).model_copy(update={"practice_id": name})


def registry(*practices: Practice) -> Registry:
    """The given practices with the shipped feeds."""
    shipped = load_registry()
    return Registry(
        shipped.group,
        {each.practice_id: each for each in practices},
        shipped.feeds,
        {("short_form", "1"): declarations.INSTRUMENT},
        {},
    )


def night_in(home: Path, declared: Registry) -> Night:
    """A night over a home with keys for every practice."""
    settings = Settings(home)
    for practice_id in declared.practices:
        create_key(settings.keys, practice_id)
        (settings.landing / practice_id).mkdir(parents=True, exist_ok=True)
    night = Night(settings, declared, NOW)
    night.reading.worker = HereWorker(settings, registry=declared)
    night.warehouse.prepare()
    return night


def night_over_twins(home: Path) -> Night:
    """A night, done and closed, over two practices that sent the same files."""
    night = night_in(home, registry(practice("brook"), practice("creek")))
    for name in ("brook", "creek"):
        send(night, name, "forms_20260301.csv", FORMS)
        send(night, name, "episodes_1.csv", EPISODES)
    night.prepare()
    run(night)
    night.close()
    return night


def copied(night: Night, home: Path) -> Night:
    """Another night over a copy of a closed one's home."""
    shutil.copytree(night.settings.home, home)
    return night_in(home, night.registry)


def send(night: Night, practice_id: str, name: str, content: str | bytes) -> Path:
    """Put a file into a practice's landing folder."""
    path = night.settings.landing / practice_id / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def run(night: Night) -> dict[tuple[str, FeedName], list[Outcome]]:
    """Take in everything new; outcomes by practice and feed."""
    return {
        chosen: [outcome for _, outcome in night.take_in(*chosen)]
        for chosen in selection(night.landing())
    }


def rows(night: Night, practice_id: str) -> dict[str, list[tuple[Any, ...]]]:
    """A practice's raw rows without what depends on the order of loading."""
    with night.warehouse.connect() as con:
        found = {
            table: con.execute(
                f"select * exclude (load_seq{extra}) from raw.{table} "
                "where practice_id = ? order by all",
                [practice_id],
            ).fetchall()
            for table, extra in (("episodes", ""), ("administrations", ", administration_row"))
        }
        found["answers"] = con.execute(
            "select form_key, item_no, value from raw.answers join raw.administrations "
            "using (administration_row) where practice_id = ? order by all",
            [practice_id],
        ).fetchall()
    return found
