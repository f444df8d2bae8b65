"""The schedule's tick: what is declared now counts, and what needs a reload is said."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from expectations.registry import RegistryError, load_registry
from orchestration.assets.raw import practice_key, raw_assets
from orchestration.ingest.pseudonyms import create_key
from orchestration.instance import open_instance
from orchestration.night import Night
from orchestration.schedules import RELOAD_TAG, nightly_schedule
from orchestration.settings import Settings
from orchestration.state import ledger_end, publishing_digest
from tests.integration import small_group as group
from tests.unit.expectations.homes import GROUP, PRACTICE, home

FOUR = datetime(2026, 11, 1, 4, tzinfo=ZoneInfo("Europe/Zurich"))
SESSIONS = "SessionNo,ClientNo,Tag,Kept,room\nS1,C1,01.10.2026,came,1\n"
CREEKSIDE = PRACTICE.replace("lakeside", "creekside").replace("{from: Day}", "{from: Tag}")


class Orchestrator:
    """A home and its schedule, as loaded while only lakeside was declared."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home(folder, lakeside=PRACTICE))
        for practice_id in ("lakeside", "creekside"):
            create_key(self.settings.keys, practice_id)
            (self.settings.landing / practice_id).mkdir(parents=True)
        registry = load_registry([folder])
        keys = [key for asset in raw_assets(registry) for key in asset.keys]
        self.schedule = nightly_schedule(self.settings, registry, keys)

    def declare(self, name: str, text: str) -> None:
        (self.settings.home / name).write_text(text)

    def send(self, practice_id: str) -> None:
        path = self.settings.landing / practice_id / "sessions_20261031.csv"
        path.write_text(SESSIONS)

    def night(self) -> None:
        """Everything new taken in and, as far as a tick can see, built and published."""
        registry = load_registry([self.settings.home])
        night = Night(self.settings, registry)
        night.reading.worker = group.HereWorker(self.settings, registry=registry)
        night.prepare()
        group.run(night)
        with night.warehouse.connect() as con:
            con.execute(
                "insert into raw.builds values (?, '', '', now()::timestamp)", [ledger_end(con)]
            )
            con.execute(
                "insert into benchmark.published values ('r1', ?, ?, ?, ?, now()::timestamp)",
                [
                    ledger_end(con),
                    registry.digest,
                    publishing_digest(),
                    self.settings.code_version,
                ],
            )
        night.close()

    def tick(self) -> dg.RunRequest | str:
        """The run it asks for, or why it asks for none."""
        with open_instance(self.settings) as instance:
            context = dg.build_schedule_context(instance, scheduled_execution_time=FOUR)
            result = self.schedule.evaluate_tick(context)
        if result.run_requests:
            (request,) = result.run_requests
            return request
        return str(result.skip_message)


@pytest.fixture
def orchestrator(tmp_path: Path) -> Orchestrator:
    return Orchestrator(tmp_path)


def test_a_contract_mended_since_the_orchestrator_was_loaded_counts(
    orchestrator: Orchestrator,
) -> None:
    orchestrator.send("lakeside")
    orchestrator.night()
    said = orchestrator.tick()
    assert isinstance(said, str)
    assert said.startswith("nothing new in landing; refused earlier and waiting for a person: ")
    assert said.endswith("lakeside/sessions wrong_columns")
    mended = PRACTICE.replace("{from: Day}", "{from: Tag}")
    orchestrator.declare("practices/lakeside.yml", mended)
    request = orchestrator.tick()
    assert isinstance(request, dg.RunRequest)
    assert practice_key("lakeside", "sessions") in (request.asset_selection or [])
    assert RELOAD_TAG not in request.tags


def test_a_practice_the_orchestrator_does_not_know_yet_is_said(orchestrator: Orchestrator) -> None:
    orchestrator.send("lakeside")
    orchestrator.night()
    orchestrator.declare("practices/creekside.yml", CREEKSIDE)
    orchestrator.send("creekside")
    # The new declaration alone is work for the marts: the run goes on without the practice.
    request = orchestrator.tick()
    assert isinstance(request, dg.RunRequest)
    assert practice_key("creekside", "sessions") not in (request.asset_selection or [])
    assert "creekside/sessions" in request.tags[RELOAD_TAG]
    # Nothing else to do: no run, and the reason is no quiet "nothing new".
    (orchestrator.settings.landing / "creekside" / "sessions_20261031.csv").unlink()
    orchestrator.night()
    orchestrator.send("creekside")
    said = orchestrator.tick()
    assert isinstance(said, str)
    assert "reload the orchestrator" in said
    assert "creekside/sessions" in said


def test_an_hour_declared_anew_is_said(orchestrator: Orchestrator) -> None:
    orchestrator.declare("group.yml", GROUP + 'nightly_at: "02:30"\n')
    orchestrator.send("lakeside")
    request = orchestrator.tick()
    assert isinstance(request, dg.RunRequest)
    assert "02:30 Europe/Zurich" in request.tags[RELOAD_TAG]


def test_declarations_that_cannot_be_used_fail_the_tick_by_file_and_line(
    orchestrator: Orchestrator,
) -> None:
    orchestrator.declare("group.yml", GROUP.replace("Europe/Zurich", "Zurich"))
    with pytest.raises(Exception) as raised:  # noqa: PT011 Dagster wraps it
        orchestrator.tick()
    assert isinstance(raised.value.__cause__, RegistryError)
    assert "group.yml:3: time_zone" in str(raised.value.__cause__)
