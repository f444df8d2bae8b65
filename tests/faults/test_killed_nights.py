"""kill -9 of a night, at any moment and wherever something lasts: it always converges.

Real nights to the release, with their reading worker as a process. Covered: every named point once,
200 moments uniform over a clean night's time, the worker with the night or left alive, a second
kill. Not covered: loss of power (what the system had written is there), a kill while a person's
command runs (withdrawal and rotation have tests of their own), other systems than Linux.
"""

import random
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from pydoc import locate
from typing import Any

import pytest

from tests.faults import forked_nights as nights
from tests.faults import history_nights, killed
from tests.faults.campaigns import Campaign
from tests.faults.commit_points import COMMIT_POINTS, MEASURE_POINTS, CommitPoint

N_TIMED, SAMPLE_TIMED, SAMPLE_POINTS = 200, 1, 1
AT_ONCE = 2
"""Nights beside each other, where the campaign is not in slices."""
SEED = 20261101
POINTS = {str(point): point for point in COMMIT_POINTS}


@dataclass(frozen=True)
class Ground:
    """A home before its second night, and what that night makes of it when nothing goes wrong."""

    context: ForkServerContext
    home: Path
    sent: dict[str, str]
    clean: killed.Digests
    seconds: float
    cpu_seconds: float
    """Without its reading worker's."""


@dataclass(frozen=True)
class Kill:
    """Where a night is killed: at a named point, or after a share of a clean night's time. `alone`
    leaves its children to themselves; `again` kills the night that follows as well."""

    name: str
    point: CommitPoint | None = None
    share: float = 0.0
    alone: bool = False
    again: float | None = None


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> Ground:
    folder = tmp_path_factory.mktemp("killed")
    return _ground(folder, *killed.template(folder, parsed))


@pytest.fixture(scope="module")
def measured_ground(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """The same, whose second night is the first to build the measures."""
    folder = tmp_path_factory.mktemp("measured")
    home = killed.copied(ground.home, folder / "template")
    killed.with_measures(home)
    measured = _ground(folder, ground.context, home)
    assert {"benchmark.scale_reliability", "marts.rpt_site_metrics"} <= measured.clean.keys()
    return measured


def _ground(folder: Path, context: ForkServerContext, home: Path) -> Ground:
    clean = killed.copied(home, folder / "clean")

    began = time.monotonic()
    report = nights.finished(nights.start(context, clean), clean)
    seconds = time.monotonic() - began
    assert report["is_new_release"]
    assert not list(killed.loose_ends(clean))
    assert killed.digests(clean) != killed.digests(home)
    cpu = report["cpu_seconds"]
    return Ground(context, home, killed.in_landing(home), killed.digests(clean), seconds, cpu)


def _kills(is_full: bool) -> list[Kill]:
    """All of them, or as many as a test may take: another part of them each day would be no test
    that can be repeated, so the sample's seed is fixed."""
    chance = random.Random(SEED)
    timed = [
        Kill(
            name=f"timed {number}",
            share=(number + chance.random()) / N_TIMED * 1.05,
            alone=chance.random() < 0.25,
            again=chance.random() * 1.05 if chance.random() < 0.15 else None,
        )
        for number in range(N_TIMED)
    ]
    points = [Kill(name, point) for name, point in POINTS.items()]
    if is_full:
        return [*points, *timed]
    return [*chance.sample(points, SAMPLE_POINTS), *chance.sample(timed, SAMPLE_TIMED)]


@pytest.mark.slow
def test_a_killed_night_converges(ground: Ground, tmp_path: Path, campaign: Campaign) -> None:
    _kill_all(_kills(campaign.is_full), ground, tmp_path, campaign)


@pytest.mark.slow
def test_a_night_killed_over_its_measures_converges(
    measured_ground: Ground, tmp_path: Path, campaign: Campaign
) -> None:
    kills = [Kill(f"measures: {point}", point) for point in MEASURE_POINTS]
    if not campaign.is_full:
        kills = random.Random(SEED).sample(kills, SAMPLE_POINTS)
    _kill_all(kills, measured_ground, tmp_path, campaign)


def _kill_all(chosen: list[Kill], ground: Ground, tmp_path: Path, campaign: Campaign) -> None:
    kills = {kill.name: kill for kill in chosen}
    campaign.say(f"a clean night takes {ground.seconds:.1f} s, {ground.cpu_seconds:.1f} of CPU")

    def tried(name: str) -> None:
        folder = tmp_path / str(list(kills).index(name))
        folder.mkdir()
        try:
            found = list(_problems(ground, folder, kills[name]))
        except Exception as error:  # reported beside the others, with its kill
            found = [f"{type(error).__name__}: {error}"]
        shutil.rmtree(folder, ignore_errors=True)
        campaign.note(name, found)

    with ThreadPoolExecutor(AT_ONCE if campaign.n_slices == 1 else 1) as pool:
        list(pool.map(tried, campaign.mine(list(kills))))
    campaign.end("kills")


def _problems(ground: Ground, folder: Path, kill: Kill) -> Iterator[str]:
    home = killed.copied(ground.home, folder)
    yield from _killed(ground, home, kill)
    yield from (f"after the kill, {each}" for each in killed.broken_promises(home, ground.sent))
    if kill.again is not None:
        yield from _killed(ground, home, Kill("again", share=kill.again))
        found = killed.broken_promises(home, ground.sent)
        yield from (f"after the second kill, {each}" for each in found)
    report: dict[str, Any] = nights.finished(nights.start(ground.context, home), home)
    if report["release_id"] != killed.state_of(home):
        yield "the night reports another release than the pointer names"
    yield from killed.broken_promises(home, ground.sent)
    found_digests = killed.digests(home)
    differ = [name for name in ground.clean if found_digests.get(name) != ground.clean[name]]
    if differ or found_digests.keys() != ground.clean.keys():
        yield f"other content than after a clean night: {differ}"
    if not report["did_anything"]:
        # Killed when all was done. A night without work does not even import the orchestrator;
        # the next one with work must end the dead run before it starts its own.
        killed.send_more(home)
        report = nights.finished(nights.start(ground.context, home), home)
        assert report["did_anything"]
    yield from killed.loose_ends(home)


def _killed(ground: Ground, home: Path, kill: Kill) -> Iterator[str]:
    """A night that is killed, or that had ended before its moment came."""
    process = nights.start(ground.context, home, kill.point)
    if kill.point is None:
        process.join(ground.seconds * kill.share)
        nights.end(process, with_children=not kill.alone)
    else:
        process.join(nights.LONGEST_SECONDS)
        if process.exitcode != -9:
            nights.end(process, with_children=True)
            yield f"the night never came there, or went on: exit {process.exitcode}"


@pytest.mark.slow
def test_of_two_nights_at_once_one_waits_and_finds_nothing_left(
    ground: Ground, tmp_path: Path
) -> None:
    home, reports = killed.copied(ground.home, tmp_path), []
    both = [nights.start(ground.context, home) for _ in range(2)]
    for process in both:
        process.join(nights.LONGEST_SECONDS)
        assert process.exitcode == 0
        reports.append(process.pid)
    assert len(set(reports)) == 2
    assert not list(killed.broken_promises(home, ground.sent))
    assert not list(killed.loose_ends(home))
    assert killed.digests(home) == ground.clean


@pytest.mark.parametrize(
    "point", [*COMMIT_POINTS, *MEASURE_POINTS, *history_nights.CRASHES], ids=str
)
def test_a_named_point_is_a_function(point: CommitPoint) -> None:
    assert callable(getattr(locate(point.owner), point.function))
