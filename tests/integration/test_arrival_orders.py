"""The same deliveries in many orders end in the same rows: corrections, snapshots, periods, and
bytes that come again.

Each order is a practice of its own in one home, so that two nights of models serve them all. The
practices' keys differ, so what is compared are the rows without them.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.practice import Practice
from orchestration import dbt_runner
from orchestration.as_of import as_of
from orchestration.night import Night, selection
from orchestration.reference import write_reference
from tests.integration import small_group
from tests.parsed_project import give
from tests.recorded_builds import BUILDS
from tests.unit.ingest import declarations

_LIST = "episode,client,place,start,state,age\n"
BEFORE = _LIST + (
    "E1,P1,N,2026-01-05,open,17\nE2,P2,N,2026-01-06,open,30\nE3,P3,S,2026-01-07,open,41\n"
)
AFTER = _LIST + (
    "E1,P1,N,2026-01-05,open,17\nE2,P4,N,2026-01-06,open,30\nE4,P4,S,2026-01-08,open,52\n"
)
_DAYS = "session,client,day,kept\n"
FORMS = small_group.FORMS
CORRECTED = "\n".join(
    [small_group.HEADER, "P1;V1;03.02.2026;done;4;4;4;x", "P4;V9;14.02.2026;done;1;1;1;x", ""]
)
DELIVERIES = (
    ("episodes_20260901.csv", BEFORE),
    ("episodes_20260902.csv", AFTER),
    # The change is taken back: the bytes of the first export.
    ("episodes_20260903.csv", BEFORE),
    (
        "sessions_20260901_a.csv",
        _DAYS + "V1,P1,2026-02-03,attended\nV2,P1,2026-02-10,attended\nV3,P2,2026-02-11,no_show\n",
    ),
    # The same days again: V2 is gone, V3 was kept.
    (
        "sessions_20260902_a.csv",
        _DAYS + "V1,P1,2026-02-03,attended\nV3,P2,2026-02-11,attended\n",
    ),
    ("sessions_20260902_b.csv", _DAYS + "V4,P2,2026-02-12,attended\n"),
    ("forms_20260901.csv", FORMS),
    ("forms_20260902.csv", CORRECTED),
    ("forms_20260903.csv", FORMS),
)
"""By the days of their export; a form of the second list keeps its correction away from the third
only where the third does not hold it."""
MODELS = ("+int_administrations_resolved", "+int_episodes_resolved", "+int_sessions_numbered")
STANDING = {
    "episodes": "select opened_on, site_id, state, age_band_at_intake, n_client_episodes "
    "from intermediate.int_episodes_resolved where practice_id = ? order by all",
    "sessions": "select scheduled_on, attendance, is_attended, site_id "
    "from intermediate.int_sessions_numbered where practice_id = ? order by all",
    "forms": "select completed_on, status, list(value order by item_no) as answers "
    "from intermediate.int_administrations_resolved "
    "inner join raw.administrations using (administration_row) "
    "left join raw.answers using (administration_row) "
    "where practice_id = ? group by administration_row, completed_on, status order by all",
}
N_ORDERS = 5


def _orders() -> list[list[tuple[str, str]]]:
    chance = random.Random(20260903)
    in_order = list(DELIVERIES)
    return [in_order, in_order[::-1]] + [
        chance.sample(in_order, len(in_order)) for _ in range(N_ORDERS - 2)
    ]


def _name(number: int) -> str:
    return f"order_{number}"


def _practice(number: int) -> Practice:
    practice = declarations.practice(
        declarations.SNAPSHOT_OF_EPISODES, declarations.PERIOD_OF_SESSIONS, declarations.WIDE_FILE
    )
    return practice.model_copy(update={"practice_id": _name(number)})


def standing(warehouse: Path, practice_id: str) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(str(warehouse), read_only=True) as con:
        return {name: con.execute(sql, [practice_id]).fetchall() for name, sql in STANDING.items()}


@dataclass
class World:
    night: Night
    target: Path
    orders: Sequence[Sequence[tuple[str, str]]]

    def send(self, first: int, last: int) -> None:
        """A file a night to every practice, each in its own order."""
        for place in range(first, last):
            for number, order in enumerate(self.orders):
                small_group.send(self.night, _name(number), *order[place])
            # Read together: the checks of one batch are pooled.
            self.night.read_ahead(selection(self.night.landing()))
            small_group.run(self.night)
            self.night.clear_landing()

    def build(self, *, full_refresh: bool = False) -> None:
        settings = self.night.settings
        with BUILDS.in_place():
            dbt_runner.build(settings.warehouse, self.target, full_refresh, MODELS, is_tested=False)
        with self.night.warehouse.connect() as con:
            con.execute(
                "insert into raw.builds select max(load_seq), '', '', now()::timestamp "
                "from raw.deliveries"
            )

    def standing(self) -> list[dict[str, list[tuple[Any, ...]]]]:
        return [standing(self.night.settings.warehouse, _name(n)) for n in range(len(self.orders))]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> World:
    orders = _orders()
    registry = small_group.registry(*(_practice(number) for number in range(len(orders))))
    night = small_group.night_in(tmp_path_factory.mktemp("orders"), registry)
    with night.warehouse.connect() as con:
        write_reference(con, registry)
    give(parsed, night.settings.dbt_target)
    return World(night, night.settings.dbt_target, orders)


@pytest.fixture(scope="module")
def ended(world: World) -> list[dict[str, list[tuple[Any, ...]]]]:
    """Standing rows by order, after incremental builds on the way and at the end."""
    world.send(0, 5)
    world.build()
    world.send(5, len(DELIVERIES))
    world.build()
    return world.standing()


def test_every_order_ends_in_the_same_rows(
    ended: list[dict[str, list[tuple[Any, ...]]]], world: World
) -> None:
    first = ended[0]
    assert [row[0].day for row in first["episodes"]] == [5, 6, 7]
    assert [(row[0].day, row[1]) for row in first["sessions"]] == [
        (3, "attended"),
        (11, "attended"),
        (12, "attended"),
    ]
    # V1's correction was taken back; the form only the second list holds is still there.
    assert [(row[0].day, row[1]) for row in first["forms"]] == [
        (3, "completed"),
        (10, "completed"),
        (11, "completed"),
        (12, "declined"),
        (13, "completed"),
        (14, "completed"),
    ]
    assert [int(answer) for answer in first["forms"][0][2]] == [2, 3, 4]
    for number, rows in enumerate(ended[1:], start=1):
        assert rows == first, [name for name, _ in world.orders[number]]


def test_the_clients_touched_were_all_there_were(
    ended: list[dict[str, list[tuple[Any, ...]]]], world: World
) -> None:
    world.build(full_refresh=True)
    assert world.standing() == ended


def test_bytes_are_loaded_once_and_each_arrival_is_known(
    ended: list[dict[str, list[tuple[Any, ...]]]], world: World
) -> None:
    assert ended
    with world.night.warehouse.connect() as con:
        states = con.execute(
            "select practice_id, count(*) filter (state = 'loaded'), "
            "count(*) filter (state = 'duplicate') from raw.deliveries group by 1"
        ).fetchall()
        stored = con.execute(
            "select distinct count(*) from raw.episodes group by practice_id"
        ).fetchall()
        changes = con.execute(
            "select distinct count(*) from raw.snapshot_changes group by practice_id"
        ).fetchall()
    assert [row[1:] for row in states] == [(7, 2)] * N_ORDERS
    # Three of the first list, two more of the second: what repeats is not stored again.
    assert stored == [(5,)]
    assert changes == [(7,)]
    assert not list(world.night.settings.landing.rglob("*.csv"))


@pytest.mark.parametrize(
    ("exported_on", "days"), [("2026-09-01", [5, 6, 7]), ("2026-09-02", [5, 6, 8])]
)
def test_either_version_of_a_correction_can_be_asked(
    ended: list[dict[str, list[tuple[Any, ...]]]],
    world: World,
    tmp_path: Path,
    exported_on: str,
    days: list[int],
) -> None:
    assert ended
    with world.night.warehouse.connect() as con:
        ((load_seq,),) = con.execute(
            "select load_seq from raw.deliveries where practice_id = 'order_0' "
            "and feed = 'episodes' and state = 'loaded' and exported_on = ?",
            [exported_on],
        ).fetchall()
    kept = tmp_path / "then.duckdb"
    found = as_of(world.night.settings, world.night.registry, int(load_seq), kept)
    counts = {each.feed: each.n_rows for each in found.standing if each.practice_id == "order_0"}
    assert (found.load_seq, counts["episodes"]) == (load_seq, 3)
    with duckdb.connect(str(kept), read_only=True) as con:
        opened = con.execute(
            "select day(opened_on) from marts.fct_episodes where practice_id = 'order_0' order by 1"
        ).fetchall()
    assert [row[0] for row in opened] == days
    assert not (world.night.settings.scratch / "as_of").exists()
