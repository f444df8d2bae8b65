"""Files delivered, sent twice, renamed, corrected, late or spoilt, and nights killed, in any order:
what stands in the end is what one clean night makes of the same exports in theirs."""

import os
import shutil
import signal
import tempfile
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from expectations.registry import Registry
from orchestration.assets.dbt import build_models
from orchestration.content_digest import table_digests
from orchestration.dbt_runner import ensure_manifest
from orchestration.ingest.pseudonyms import create_key
from orchestration.night import Night
from orchestration.settings import Settings
from tests.faults.commit_points import CommitPoint, arm
from tests.faults.forked_nights import fork_server
from tests.faults.sent_files import (
    CLIENTS,
    LAST_VISIT,
    Answers,
    File,
    standing_episodes,
    standing_forms,
)
from tests.integration import small_group as group

PRACTICE = "brook"
SAMPLE, CAMPAIGN = (2, 12), (100, 30)
"""Histories and steps of each: of `make test`, and with --campaign full."""
BUILDS = 2
"""How often the marts are built on the way, besides at the end."""
FIRST, LATEST = 40, 150
"""Days of the first export, which leaves room for late ones, and of those that are refused."""
CRASHES = (
    CommitPoint("orchestration.night.Night", "prepare", "after"),
    CommitPoint("orchestration.archive.Archive", "store", "before"),
    CommitPoint("orchestration.archive.Archive", "store", "after"),
    CommitPoint("orchestration.ingest.load", "_insert_touched", "after"),
    CommitPoint("orchestration.ingest.load", "insert_attempt", "after"),
    CommitPoint("orchestration.ingest.load", "load", "after"),
    CommitPoint("orchestration.ingest.read_ahead.ReadAhead", "loaded", "after"),
    CommitPoint("orchestration.night.Night", "clear_landing", "after", nth=2),
)


def declared() -> Registry:
    return group.registry(group.practice(PRACTICE))


def night_over(home: Path) -> Night:
    night = Night(Settings(home), declared(), group.NOW)
    night.reading.worker = group.HereWorker(night.settings, registry=night.registry)
    return night


def take_in(night: Night) -> None:
    """A night up to its tables."""
    night.prepare()
    group.run(night)
    night.close()


def night_killed(home: str, point: CommitPoint) -> None:
    """A night in a process of its own that is killed at `point`, if it comes there."""
    arm(point, lambda: os.kill(os.getpid(), signal.SIGKILL))
    take_in(night_over(Path(home)))


def marts(home: Path) -> dict[str, str]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as con:
        return table_digests(con)


_ANSWERS = st.one_of(st.none(), st.tuples(*[st.integers(0, 4)] * 3))
_THEN = st.booleans()
_FORMS = st.dictionaries(st.integers(1, LAST_VISIT), _ANSWERS, min_size=1)
_EPISODES = st.dictionaries(
    st.integers(1, CLIENTS), st.tuples(st.sampled_from("NS"), st.integers(14, 20)), min_size=1
)


class AnyHistory(RuleBasedStateMachine):
    """One home. `sent` are the distinct exports so far, by day; `pending` says whether a night is
    due before what stands can be looked at."""

    context: ClassVar[ForkServerContext]
    parsed: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="history-"))
        self._make(self.home)
        self.sent: dict[int, File] = {}
        self.n_copies = self.n_builds = 0

    def _make(self, home: Path) -> None:
        create_key(Settings(home).keys, PRACTICE)
        (home / "landing" / PRACTICE).mkdir(parents=True)
        shutil.copytree(self.parsed, Settings(home).dbt_target)

    def _land(self, name: str, content: str) -> None:
        (self.home / "landing" / PRACTICE / name).write_text(content)

    def _send(self, file: File) -> None:
        self.sent[file.day] = file
        self._land(file.name, file.content)

    def _later(self) -> int:
        return max(self.sent, default=FIRST - 1) + 1

    @initialize(forms=_FORMS)
    def begin(self, forms: dict[int, Answers]) -> None:
        self._send(File("forms", self._later(), forms=forms))

    @rule(forms=_FORMS, then=_THEN)
    def deliver_forms(self, forms: dict[int, Answers], then: bool) -> None:
        self._send(File("forms", self._later(), forms=forms))
        self._then(then)

    @rule(episodes=_EPISODES, then=_THEN)
    def deliver_episodes(self, episodes: dict[int, Any], then: bool) -> None:
        self._send(File("episodes", self._later(), episodes=episodes))
        self._then(then)

    @precondition(lambda self: any(file.forms for file in self.sent.values()))
    @rule(data=st.data(), answers=_ANSWERS, then=_THEN)
    def correct(self, data: st.DataObject, answers: Answers, then: bool) -> None:
        """A form that was sent comes again with other answers."""
        known = sorted({visit for file in self.sent.values() for visit in file.forms})
        visit = data.draw(st.sampled_from(known))
        self._send(File("forms", self._later(), forms={visit: answers}))
        self._then(then)

    @precondition(lambda self: self.sent)
    @rule(forms=_FORMS, data=st.data(), then=_THEN)
    def deliver_late(self, forms: dict[int, Answers], data: st.DataObject, then: bool) -> None:
        """An older export than one that is here already."""
        free = [day for day in range(max(self.sent)) if day not in self.sent]
        day = data.draw(st.sampled_from(free))
        self._send(File("forms", day, forms=forms))
        self._then(then)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), then=_THEN)
    def duplicate(self, data: st.DataObject, then: bool) -> None:
        file = self.sent[data.draw(st.sampled_from(sorted(self.sent)))]
        self._land(file.name, file.content)
        self._then(then)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), then=_THEN)
    def rename(self, data: st.DataObject, then: bool) -> None:
        file = self.sent[data.draw(st.sampled_from(sorted(self.sent)))]
        self.n_copies += 1
        self._land(file.renamed(self.n_copies), file.content)
        self._then(then)

    @rule(forms=_FORMS, then=_THEN)
    def spoil(self, forms: dict[int, Answers], then: bool) -> None:
        """A file that is cut off: it is refused and changes nothing."""
        self.n_copies += 1
        file = File("forms", LATEST + self.n_copies, forms=forms)
        self._land(file.name, file.content[:-3])
        self._then(then)

    @rule(point=st.sampled_from(CRASHES))
    def crash(self, point: CommitPoint) -> None:
        """A night is killed; the next step finds what it left."""
        process = self.context.Process(target=night_killed, args=(str(self.home), point))
        process.start()
        process.join(240)
        assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
        self._conserves()

    def _then(self, is_night: bool) -> None:
        """Some files come alone, some with others of the same night."""
        if is_night:
            take_in(night_over(self.home))
            self._stands()

    @precondition(lambda self: self.sent and self.n_builds < BUILDS)
    @rule()
    def night_with_marts(self) -> None:
        """Marts that stand before the next delivery: later builds are by clients touched."""
        self.n_builds += 1
        self._whole_night(self.home)
        self._stands()

    def _whole_night(self, home: Path) -> None:
        night = night_over(home)
        take_in(night)
        build_models(night)

    def _query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.home / "warehouse.duckdb")) as con:
            return con.execute(sql).fetchall()

    def _conserves(self) -> None:
        if not (self.home / "warehouse.duckdb").exists():
            return
        tables = self._query("select 1 from duckdb_tables() where table_name = 'deliveries'")
        if not tables:
            return
        assert self._query(
            "select count(*) from raw.deliveries "
            "where n_rows_read <> n_accepted + n_quarantined + n_excluded"
        ) == [(0,)]
        for table in ("administrations", "episodes", "answers", "touched_clients"):
            assert self._query(
                f"select count(*) from raw.{table} where load_seq not in "
                "(select load_seq from raw.deliveries where state = 'loaded')"
            ) == [(0,)]

    def _stands(self) -> None:
        """Raw rows of the newest exports are those the model expects; no file is loaded twice."""
        self._conserves()
        assert self._query(_STANDING_FORMS) == standing_forms(self.sent.values())
        assert self._query(_STANDING_EPISODES) == standing_episodes(self.sent.values())
        assert self._query(
            "select count(*), count(distinct file_sha256) from raw.deliveries "
            "where state = 'loaded'"
        ) == [(len(self.sent), len({file.content for file in self.sent.values()}))]

    def teardown(self) -> None:
        try:
            if self.sent:
                self._whole_night(self.home)
                self._stands()
                self._ends_as_in_order()
        finally:
            shutil.rmtree(self.home, ignore_errors=True)

    def _ends_as_in_order(self) -> None:
        clean = Path(tempfile.mkdtemp(prefix="in-order-"))
        try:
            self._make(clean)
            for _, file in sorted(self.sent.items()):
                (clean / "landing" / PRACTICE / file.name).write_text(file.content)
            self._whole_night(clean)
            assert marts(self.home) == marts(clean)
        finally:
            shutil.rmtree(clean, ignore_errors=True)


_NEWEST = "qualify row_number() over (partition by {} order by exported_on desc, load_seq desc) = 1"
_STANDING_FORMS = f"""
    with newest as (
        select * from raw.administrations {_NEWEST.format("form_key")}
    )
    select
        completed_on::varchar as day,
        status,
        coalesce(
            list(value::double order by item_no) filter (value is not null), []
        ) as answers
    from newest left join raw.answers using (administration_row)
    group by administration_row, day, status order by all
    """
_STANDING_EPISODES = f"""
    with newest as (select * from raw.episodes {_NEWEST.format("episode_key")})
    select site_id, age_band_at_intake from newest order by all
    """


@pytest.mark.slow
def test_any_history_ends_as_in_order(
    tmp_path_factory: pytest.TempPathFactory, is_full_campaign: bool
) -> None:
    AnyHistory.parsed = tmp_path_factory.mktemp("parsed") / "dbt"
    ensure_manifest(AnyHistory.parsed)
    AnyHistory.context = fork_server()
    n_histories, n_steps = CAMPAIGN if is_full_campaign else SAMPLE
    run_state_machine_as_test(
        AnyHistory,
        settings=settings(
            max_examples=n_histories,
            stateful_step_count=n_steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
