"""Nights of one site in a closed quarter: what is written anew, what stands, and what is known of
its clients afterwards.

40 clients with 30 of 40 points each are there on the first night. Ten with 20 points come late: the
cell stands. An eleventh comes: it is written anew.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest

from expectations.registry import Registry
from orchestration.assets.benchmarks import catch_up, write_benchmarks
from orchestration.assets.release import publish
from orchestration.night import Night
from orchestration.release import publish as publishing
from orchestration.release.reader import Releases
from orchestration.settings import Settings
from tests.integration.dbt.late_clients import send_clients
from tests.integration.dbt.raw_rows import RawWarehouse, every_session, practice, registry

IN_MARCH, IN_APRIL = date(2026, 3, 20), date(2026, 4, 1)
THIRTY, TWENTY = (7, 7, 8, 8), (5, 5, 5, 5)
CELL = "where site_id = 'north_site' and period = '2026-Q1' and stage = 'all'"


@pytest.fixture(scope="module")
def declared() -> Registry:
    due = [every_session("srs", "3")]
    return registry(practice("north", ["north_site"], due), practice("south", ["south_site"], due))


@pytest.fixture
def warehouse(
    declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]
) -> RawWarehouse:
    opened = open_warehouse(declared)
    clients = [("north", f"a{number}", IN_MARCH, THIRTY) for number in range(40)]
    send_clients(opened, [*clients, ("south", "s", IN_APRIL, None)])
    return opened


def _late(*names: str) -> list[tuple[str, str, date, tuple[int, ...] | None]]:
    return [("north", name, IN_MARCH, TWENTY) for name in names]


def _benchmarked(warehouse: RawWarehouse, declared: Registry, days: int) -> Night:
    warehouse.build()
    at = datetime(2026, 7, 3, tzinfo=UTC) + timedelta(days=days)
    night = Night(Settings(warehouse.path.parent), declared, at)
    with night.warehouse.connect() as con:
        catch_up(con, night)
        write_benchmarks(con, declared.group.thresholds, night.today)
    return night


def _night(warehouse: RawWarehouse, declared: Registry, days: int) -> tuple[Any, ...]:
    """What the release shows of the site's quarter, and whether the cell stands as it was."""
    night = _benchmarked(warehouse, declared, days)
    published = publish(night)
    assert published.is_new
    path = night.settings.releases / f"{published.release_id}.duckdb"
    with duckdb.connect(str(path), read_only=True) as release:
        (shown,) = release.execute(
            f"select n_clients, n_therapists, n_forms, raw from site_benchmarks {CELL}"
        ).fetchall()
    ((is_kept,),) = warehouse.rows(f"select is_kept from benchmark.site_benchmarks {CELL}")
    return (*shown, is_kept)


def test_a_cell_is_written_anew_for_eleven_clients_and_not_for_ten(
    warehouse: RawWarehouse, declared: Registry
) -> None:
    # 5 therapists are shown as 5; 40 clients with a form each as they are.
    assert _night(warehouse, declared, 0) == (40, 5, 40, 30.0, False)
    send_clients(warehouse, _late(*(f"b{number}" for number in range(10))))
    # 50 clients with a mean of (40 x 30 + 10 x 20) / 50 = 28: it is not written.
    assert _night(warehouse, declared, 1) == (40, 5, 40, 30.0, True)
    send_clients(warehouse, _late("c0"))
    # 51 clients, shown as 50; (1200 + 220) / 51 = 27.843, to a tenth since 50 clients are few.
    assert _night(warehouse, declared, 2) == (50, 5, 50, 27.8, False)
    counted = "select against, release_no, n_changed, n_entered, n_left "
    assert warehouse.rows(f"{counted} from benchmark.disclosure_changes {CELL}") == [
        (1, 3, 11.0, 11.0, 0.0)
    ]
    # A corrected answer is a client who left and one who came; the cell stands.
    session = {"client_key": "ca0", "session_key": "sa0"}
    form = {"form_key": "fa0", "completed_on": IN_MARCH, "answers": TWENTY}
    warehouse.deliver("administrations", "north", [{**session, **form}], IN_APRIL)
    assert _night(warehouse, declared, 3) == (50, 5, 50, 27.8, True)


def _rates(warehouse: RawWarehouse, declared: Registry, days: int) -> set[float | None]:
    """The site's response rate as the release of that night has it, in all its tables."""
    night = _benchmarked(warehouse, declared, days)
    path = night.settings.releases / f"{publish(night).release_id}.duckdb"
    with duckdb.connect(str(path), read_only=True) as release:
        return {
            rate
            for table in ("response_rates", "site_benchmarks")
            for (rate,) in release.execute(f"select response_rate from {table} {CELL}").fetchall()
        }


def test_a_response_rate_stands_until_eleven_clients_answered(
    declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]
) -> None:
    warehouse = open_warehouse(declared)
    silent = [("north", f"b{number}", IN_MARCH, None) for number in range(36)]
    clients = [("north", f"a{number}", IN_MARCH, THIRTY) for number in range(24)]
    send_clients(warehouse, [*clients, *silent, ("south", "s", IN_APRIL, None)])
    # 24 of 60.
    assert _rates(warehouse, declared, 0) == {0.4}
    send_clients(warehouse, _late(*(f"b{number}" for number in range(10))))
    assert _rates(warehouse, declared, 1) == {0.4}
    send_clients(warehouse, _late("b10"))
    # 35 of 60 is .583.
    assert _rates(warehouse, declared, 2) == {0.6}
    written = "select release_no, n_completed, n_clients_missing, shown_rate from benchmark."
    assert warehouse.rows(f"{written}disclosure_rates {CELL} order by all") == [
        (1, 24.0, 36.0, 0.4),
        (3, 35.0, 25.0, 0.6),
    ]


def test_nothing_new_is_known_after_a_night_that_changes_nothing(
    warehouse: RawWarehouse, declared: Registry
) -> None:
    _night(warehouse, declared, 0)
    before = {name: warehouse.rows(f"select * from benchmark.{name}") for name in _TABLES}
    night = _benchmarked(warehouse, declared, 0)
    assert not publish(night).is_new
    after = {name: warehouse.rows(f"select * from benchmark.{name}") for name in _TABLES}
    assert before == after


_TABLES = (
    "disclosure_releases",
    "disclosure_ledger",
    "disclosure_changes",
    "disclosure_errors",
    "disclosure_networks",
    "disclosure_members",
)


def test_a_refused_release_teaches_the_ledger_nothing(
    warehouse: RawWarehouse, declared: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    _night(warehouse, declared, 0)
    send_clients(warehouse, _late(*(f"b{number}" for number in range(11))))
    night = _benchmarked(warehouse, declared, 1)
    in_force = Releases(night.settings.releases).current_id()
    with monkeypatch.context() as broken:
        broken.setattr(publishing, "disclosure_problems", lambda *_, **__: ["something leaks"])
        with pytest.raises(publishing.ReleaseRefused, match="something leaks"):
            publish(night)
    assert Releases(night.settings.releases).current_id() == in_force
    # 51 clients: (40 x 30 + 11 x 20) / 51 = 27.843.
    assert _night(warehouse, declared, 1) == (50, 5, 50, 27.8, False)
    written = f"select release_no, shown_n_clients from benchmark.disclosure_ledger {CELL}"
    assert warehouse.rows(f"{written} order by all") == [(1, 40.0), (2, 50.0)]


@pytest.mark.parametrize("moment", ["before the pointer", "after the pointer"])
def test_a_kill_beside_the_pointer_converges(
    warehouse: RawWarehouse, declared: Registry, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    class Killed(BaseException):
        pass

    def move(releases: Releases, release_id: str) -> None:
        if moment == "after the pointer":
            moved(releases, release_id)
        raise Killed

    moved = publishing.move_pointer
    _night(warehouse, declared, 0)
    send_clients(warehouse, _late(*(f"b{number}" for number in range(11))))
    night = _benchmarked(warehouse, declared, 1)
    with monkeypatch.context() as killed:
        killed.setattr(publishing, "move_pointer", move)
        with pytest.raises(Killed):
            publish(night)
    # A twelfth client comes before the next night. Readers saw 51 clients, or 40: against those 52
    # are one too many, or twelve.
    send_clients(warehouse, _late("c0"))
    shown = _night(warehouse, declared, 2)
    if moment == "after the pointer":
        assert shown == (50, 5, 50, 27.8, True)
    else:
        # 52 clients: (1200 + 240) / 52 = 27.692.
        assert shown == (50, 5, 50, 27.7, False)


def test_a_lost_ledger_comes_again_from_the_release_in_force(
    warehouse: RawWarehouse, declared: Registry
) -> None:
    _night(warehouse, declared, 0)
    with warehouse.connect() as con:
        for name in _TABLES:
            con.execute(f"delete from benchmark.{name}")
    send_clients(warehouse, _late(*(f"b{number}" for number in range(10))))
    # Readers have 40 clients with 30.0, and whoever came since is not known: against the 50 of now
    # eleven more are needed.
    assert _night(warehouse, declared, 1) == (40, 5, 40, 30.0, True)
    send_clients(warehouse, _late(*(f"c{number}" for number in range(11))))
    # 61 clients: (40 x 30 + 21 x 20) / 61 = 26.557.
    assert _night(warehouse, declared, 2) == (60, 5, 60, 26.6, False)


def test_a_release_from_before_disclosure_control_is_no_history(
    warehouse: RawWarehouse, declared: Registry
) -> None:
    _night(warehouse, declared, 0)
    night = Night(Settings(warehouse.path.parent), declared)
    pointer = Releases(night.settings.releases).current()
    assert pointer is not None
    with duckdb.connect(str(pointer.release)) as release:
        release.execute("delete from suppression_report")
    with warehouse.connect() as con:
        con.execute("delete from benchmark.disclosure_releases")
        catch_up(con, night)
    assert warehouse.rows("select * from benchmark.disclosure_releases") == []
