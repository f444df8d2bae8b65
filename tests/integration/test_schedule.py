"""The schedule's tick: what is declared now counts, and what needs a reload is said."""

from datetime import date, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

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


@pytest.mark.parametrize("zone", ["Europe/Zurich", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("hour", ["04:00", "02:30", "00:00"])
@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-03-06", "2026-03-31"),  # the hour that is skipped, in either zone
        ("2026-10-23", "2026-11-03"),  # the hour that comes twice
        ("2028-02-27", "2028-03-02"),  # the leap day
        ("2026-12-30", "2027-01-02"),
    ],
)
def test_one_run_for_each_local_date(
    tmp_path: Path, zone: str, hour: str, first: str, last: str
) -> None:
    group_text = GROUP.replace("Europe/Zurich", zone) + f'nightly_at: "{hour}"\n'
    folder = home(tmp_path, lakeside=PRACTICE)
    (folder / "group.yml").write_text(group_text)
    schedule = nightly_schedule(Settings(folder), load_registry([folder]), [])
    local = ZoneInfo(zone)
    start, end = (datetime.fromisoformat(day).replace(tzinfo=local) for day in (first, last))
    ticks = schedule_execution_time_iterator(
        start.timestamp() - 1, str(schedule.cron_schedule), schedule.execution_timezone
    )
    found = list(takewhile(lambda tick: tick < end, ticks))
    n_days = (date.fromisoformat(last) - date.fromisoformat(first)).days
    # The run key is the tick's date; a date that came twice would be a night that is not run.
    assert [tick.astimezone(local).date() for tick in found] == [
        date.fromisoformat(first) + timedelta(days=number) for number in range(n_days)
    ]
