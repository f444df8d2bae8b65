"""Files delivered, sent twice, renamed, dated anew, corrected, late, spoilt, held and let in or
turned away, clients withdrawn, deliveries replayed and nights killed, in any order: what stands in
the end is what one clean night makes of the same exports in theirs.

After every night the ledger and the standing rows are held against a pure model
(`expected_history`); after every build the marts are, too; at the end the marts' digest is that of
a home from which the same clients withdrew first, and which then took in, in one night and in
their order, the files that count. Not covered: several practices, rows that fail a check, a
contract or key that changes, the orchestrator and the release (test_killed_nights has those).
"""

import hashlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.faults import history_nights as nights
from tests.faults.campaigns import Campaign
from tests.faults.commit_points import CommitPoint
from tests.faults.expected_history import Delivery, History
from tests.faults.sent_files import (
    CLIENTS,
    CROWD,
    FEEDS,
    PRACTICE,
    VISIT_DAYS,
    Answers,
    Episode,
    File,
    Kind,
    Session,
)
from tests.recorded_builds import BUILDS

SAMPLE, CAMPAIGN = (1, 2, 14), (20, 6, 30)
"""Batches, histories of each and steps: of `make test`, and with --campaign full. The first of each
batch is the shortest there is, so the campaign has a hundred whole ones."""
FIRST, LATEST = 40, 150
"""Days of the first export, which leaves room for late ones, and of those that are refused."""
MOST_WITHDRAWN = CLIENTS - 1

_ANSWERS = st.one_of(st.none(), st.tuples(*[st.integers(0, 4)] * 3))
# Some files come alone, most with others of the same night.
_THEN = st.sampled_from((False, False, True))
_FORMS = st.dictionaries(st.integers(1, VISIT_DAYS), _ANSWERS, min_size=1)
_EPISODES = st.dictionaries(
    st.integers(1, CLIENTS),
    st.builds(Episode, st.integers(1, CLIENTS), st.sampled_from("NS"), st.integers(14, 20)),
    min_size=1,
)
_SESSIONS = st.dictionaries(
    st.integers(1, VISIT_DAYS),
    st.builds(Session, st.integers(1, VISIT_DAYS), st.booleans()),
    min_size=1,
)
_ROWS = st.one_of(
    st.tuples(st.just("forms"), _FORMS),
    st.tuples(st.just("episodes"), _EPISODES),
    st.tuples(st.just("sessions"), _SESSIONS),
)


class AnyHistory(RuleBasedStateMachine):
    """One home, and the model of what should have become of it."""

    parsed: ClassVar[Path]
    told: ClassVar[Callable[[str], None]] = print

    def __init__(self) -> None:
        super().__init__()
        self.began = time.process_time()
        self.home = nights.made_home(self.parsed)
        self.model = History()
        self.days: set[tuple[str, int]] = set()
        self.n_copies = self.n_steps = 0

    def _land(self, name: str, content: str) -> None:
        (self.home / "landing" / PRACTICE / name).write_text(content)
        self.n_steps += 1

    def _send(self, kind: Kind, day: int, rows: Any) -> None:
        file = File(kind, day, rows)
        self.days.add((kind, day))
        self.model.send(file, file.name)
        self._land(file.name, file.content)

    def _later(self) -> int:
        return max((day for _, day in self.days), default=FIRST - 1) + 1

    @initialize(forms=_FORMS)
    def begin(self, forms: dict[int, Answers]) -> None:
        self._send("forms", self._later(), forms)
        self._night()

    @rule(sent=_ROWS, then=_THEN)
    def deliver(self, sent: tuple[Kind, Any], then: bool) -> None:
        self._send(sent[0], self._later(), sent[1])
        self._then(then)

    @rule(sent=_ROWS, data=st.data(), then=_THEN)
    def deliver_late(self, sent: tuple[Kind, Any], data: st.DataObject, then: bool) -> None:
        """An older export than one that is here already."""
        kind, rows = sent
        free = [day for day in range(FIRST) if (kind, day) not in self.days]
        self._send(kind, data.draw(st.sampled_from(free)), rows)
        self._then(then)

    @rule(data=st.data(), answers=_ANSWERS, then=_THEN)
    def correct(self, data: st.DataObject, answers: Answers, then: bool) -> None:
        """A form that was sent comes again with other answers."""
        files = [d.file for d in self.model.deliveries.values() if d.file.kind == "forms"]
        known = sorted({visit for file in files for visit in file.rows})
        self._send("forms", self._later(), {data.draw(st.sampled_from(known)): answers})
        self._then(then)

    @rule(answers=st.lists(_ANSWERS, min_size=3, max_size=3, unique=True))
    def deliver_crowds(self, answers: list[Answers]) -> None:
        """Large files, so that later ones of as many days are small beside them."""
        for each in answers:
            self._send("forms", self._later(), dict.fromkeys(range(1, CROWD + 1), each))
        self._then(is_night=True)

    def _sent(self, data: st.DataObject, *states: Any) -> Delivery:
        found = self.model.of(*(states or (None, "loaded", "held", "refused")))
        return found[data.draw(st.integers(0, len(found) - 1))]

    @rule(data=st.data(), then=_THEN)
    def duplicate(self, data: st.DataObject, then: bool) -> None:
        file = self._sent(data).file
        self.model.send(file, file.name)
        self._land(file.name, file.content)
        self._then(then)

    @rule(data=st.data(), is_newer=st.booleans(), then=_THEN)
    def rename(self, data: st.DataObject, is_newer: bool, then: bool) -> None:
        """The same bytes under another name, of the same day or as an export of today."""
        file = self._sent(data).file
        if is_newer:
            file = File(file.kind, self._later(), file.rows)
            self.days.add((file.kind, file.day))
        self.n_copies += 1
        self.model.send(file, file.renamed(self.n_copies))
        self._land(file.renamed(self.n_copies), file.content)
        self._then(then)

    @rule(forms=_FORMS, then=_THEN)
    def spoil(self, forms: dict[int, Answers], then: bool) -> None:
        """A file that is cut off: it is refused and changes nothing."""
        self.n_copies += 1
        file = File("forms", LATEST + self.n_copies, forms)
        self._land(file.name, file.content[:-3])
        self._then(then)

    @precondition(lambda self: self.model.of("held"))
    @rule(data=st.data(), is_released=st.booleans(), then=_THEN)
    def decide(self, data: st.DataObject, is_released: bool, then: bool) -> None:
        """A person lets a held delivery in, or turns it away for good."""
        delivery = self._sent(data, "held")
        nights.decided(self.home, _delivery_id(delivery), is_released=is_released)
        delivery.is_released = is_released
        if not is_released:
            delivery.state = "refused"
        self._then(then)

    @precondition(lambda self: len(self.model.withdrawn) < MOST_WITHDRAWN)
    @rule(data=st.data(), then=_THEN)
    def withdraw(self, data: st.DataObject, then: bool) -> None:
        """A client is taken out of what is there and of what comes."""
        left = sorted(set(range(1, CLIENTS + 1)) - self.model.withdrawn)
        client = data.draw(st.sampled_from(left))
        nights.withdrawn(self.home, client)
        self.model.withdrawn.add(client)
        self._then(then)

    @precondition(lambda self: self.model.of("loaded"))
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """A delivery is loaded again as it was; nothing else stands by it."""
        delivery = self._sent(data, "loaded")
        found = nights.replayed(self.home, _delivery_id(delivery))
        assert found.state == "loaded", found
        self.model.replayed(delivery)
        self._stands(nights.STANDING)

    @rule(point=st.sampled_from(nights.CRASHES))
    def crash(self, point: CommitPoint) -> None:
        """A night is killed; the next step finds what it left."""
        nights.take_in_killed(self.home, point)
        self.model.ended_early(self._n_decided())
        self._conserves()

    def _n_decided(self) -> int:
        """Of the files that were to come, how many the killed night came to."""
        states = self._states()
        waiting = [d for d in self.model.of(None, "held") if d.names]
        return sum(
            states.get(_delivery_id(d)) in (("loaded", "held") if d.state is None else ("loaded",))
            for d in waiting
        )

    @rule()
    def night_with_marts(self) -> None:
        """Marts that stand before the next delivery: later builds are by clients touched."""
        self._night(with_marts=True)

    def _then(self, is_night: bool) -> None:
        if is_night:
            self._night()

    def _night(self, *, with_marts: bool = False) -> None:
        nights.take_in(self.home, with_marts=with_marts)
        self.model.night()
        self._conserves()
        self._stands(nights.STANDING)
        if with_marts:
            self._stands(nights.IN_MARTS)

    def _states(self) -> dict[str, str]:
        """The ledger's word on each delivery; what is loaded stays so."""
        if not nights.has_ledger(self.home):
            return {}
        with nights.opened(self.home) as ask:
            return dict(
                ask(
                    "select delivery_id, arg_max(state, (state = 'loaded', load_seq)) "
                    "from raw.deliveries where state <> 'duplicate' group by delivery_id"
                )
            )

    def _conserves(self) -> None:
        """Rows are accounted for, none is there without its load, and every delivery's state is
        the one the model says."""
        states = self._states()
        if not states:
            return
        for delivery in self.model.deliveries.values():
            assert states.get(_delivery_id(delivery)) == delivery.state, delivery
        with nights.opened(self.home) as ask:
            assert ask(
                "select count(*) from raw.deliveries "
                "where n_rows_read <> n_accepted + n_quarantined + n_excluded"
            ) == [(0,)]
            for table in (*FEEDS.values(), "answers", "touched_clients"):
                assert ask(
                    f"select count(*) from raw.{table} where load_seq not in "
                    "(select load_seq from raw.deliveries where state in ('loaded', 'duplicate'))"
                ) == [(0,)]

    def _stands(self, queries: dict[str, str]) -> None:
        """Standing rows are those the model expects."""
        with nights.opened(self.home) as ask:
            assert ask(queries["forms"]) == self.model.standing_forms()
            assert ask(queries["episodes"]) == self.model.standing_episodes()
            assert ask(queries["sessions"]) == self.model.standing_sessions()

    def teardown(self) -> None:
        try:
            if self.days:
                self._night(with_marts=True)
                self._ends_as_in_order()
        finally:
            nights.remove(self.home)

    def _ends_as_in_order(self) -> None:
        clean = nights.made_home(self.parsed, beside=self.home)
        try:
            for client in self.model.withdrawn:
                nights.withdrawn(clean, client)
            counting = self.model.of("loaded")
            for delivery in counting:
                path = clean / "landing" / PRACTICE / delivery.file.name
                path.write_text(delivery.file.content)
            nights.take_in(clean, is_holding=False, with_marts=True)
            assert nights.digests(self.home) == nights.digests(clean)
        finally:
            nights.remove(clean)
        seconds = time.process_time() - self.began
        type(self).told(
            f"{self.n_steps} files sent, {len(counting)} loaded, {len(self.model.of('held'))} "
            f"held, {len(self.model.of('refused'))} turned away, {len(self.model.withdrawn)} "
            f"clients withdrew: as in order; {seconds:.0f} s"
        )


def _tell(campaign: Campaign, batch: str, said: str) -> None:
    campaign.say(f"{batch}: {said}")


def _delivery_id(delivery: Delivery) -> str:
    return f"{PRACTICE}.{FEEDS[delivery.file.kind]}.{_sha256(delivery.file.content)[:16]}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.slow
def test_any_history_ends_as_in_order(parsed: Path, campaign: Campaign) -> None:
    AnyHistory.parsed = parsed
    n_batches, n_histories, n_steps = CAMPAIGN if campaign.is_full else SAMPLE
    with BUILDS.in_place() as builds:
        for name in campaign.mine([f"histories {number:02d}" for number in range(n_batches)]):
            AnyHistory.told = partial(_tell, campaign, name)
            with campaign.judged(name):
                _run(seed(int(name.split()[1]))(AnyHistory), n_histories, n_steps)
        campaign.say(f"{builds.n_by_dbt} builds by dbt, {builds.n_sent_again} sent again")
    campaign.end("histories")


def _run(machine: type[AnyHistory], n_histories: int, n_steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=n_histories,
            stateful_step_count=n_steps,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
