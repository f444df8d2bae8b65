"""Nights of one site in a closed quarter, with measures: what is written anew and what stands.

40 clients with 30 of 40 points each are there on the first night. Ten with 20 points come late: the
site's rows stand. An eleventh comes: they are written anew.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.registry import Registry
from orchestration.assets.benchmarks import catch_up, write_benchmarks
from orchestration.assets.case_mix import write_case_mix
from orchestration.assets.measures import write_measures
from orchestration.assets.psychometrics import write_psychometrics
from orchestration.assets.release import publish
from orchestration.night import Night
from orchestration.release import publish as publishing
from orchestration.release import standing_rows
from orchestration.release.reader import Releases
from orchestration.settings import Settings
from tests.integration.dbt.late_clients import send_clients
from tests.integration.dbt.raw_rows import RawWarehouse, every_session, practice, registry

IN_MARCH, IN_APRIL = date(2026, 3, 20), date(2026, 4, 1)
THIRTY, TWENTY = (7, 7, 8, 8), (5, 5, 5, 5)
DAY = datetime(2026, 7, 3, tzinfo=UTC)
MEAN = "metric = 'mean_score' and stratum_kind = 'all' and period = '2026-Q1'"
FIRST, SECOND = 30.0, 27.8
"""Means of 40 clients with 30 points; and of eleven with 20 more: (40 x 30 + 11 x 20) / 51."""
LEDGER = "select * from benchmark.disclosure_measures order by all"


@pytest.fixture(scope="module")
def declared() -> Registry:
    due = [every_session("srs", "3")]
    found = registry(practice("north", ["north_site"], due), practice("south", ["south_site"], due))
    return replace(found, group=found.group.model_copy(update={"with_measures": True}))


@pytest.fixture(scope="module")
def nights(
    declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]
) -> dict[int, Path]:
    """Warehouses as built of 40 clients, and with 10 and 11 more; of none is anything published."""
    opened = open_warehouse(declared)
    clients = [("north", f"a{number}", IN_MARCH, THIRTY) for number in range(40)]
    send_clients(opened, [*clients, ("south", "s", IN_APRIL, None)])
    found = {}
    for n, late in {40: [], 50: [f"b{number}" for number in range(10)], 51: ["c0"]}.items():
        if late:
            send_clients(opened, [("north", name, IN_MARCH, TWENTY) for name in late])
        opened.build_with_measures()
        night = Night(Settings(opened.path.parent), declared, DAY)
        with night.warehouse.connect() as con:
            write_benchmarks(con, declared.group.thresholds, night.today)
            for write in (write_psychometrics, write_measures, write_case_mix):
                write(con, night)
            for name in _ledger_tables(con):
                con.execute(f"delete from benchmark.{name}")
        found[n] = opened.path.with_name(f"{n}.duckdb")
        shutil.copy(opened.path, found[n])
    return found


def _ledger_tables(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables of what was shown."""
    found = con.execute(
        "select table_name from duckdb_tables() where starts_with(table_name, 'disclosure_') "
        "and database_name = current_database()"
    )
    return [str(name) for (name,) in found.fetchall()]


class Home:
    """One group's nights. The warehouse is each time the one that was built of so many clients,
    with the ledger of what was shown carried over."""

    def __init__(self, folder: Path, declared: Registry, nights: dict[int, Path]) -> None:
        self.declared, self.nights, self.day = declared, nights, 0
        self.settings = Settings(folder)

    def build(self, n: int) -> None:
        """The warehouse of a night on which so many clients are there."""
        path, former = self.settings.warehouse, self.settings.home / "former.duckdb"
        is_first = not path.exists()
        if not is_first:
            path.rename(former)
        shutil.copy(self.nights[n], path)
        if is_first:
            return
        with duckdb.connect(str(path)) as con:
            con.execute(f"attach '{former}' as former (read_only)")
            for name in _ledger_tables(con):
                con.execute(f"insert into benchmark.{name} from former.benchmark.{name}")
        former.unlink()

    def benchmark(self) -> Night:
        """What of a night the ledger is begun with; the measures are those of the build."""
        self.day += 1
        night = Night(self.settings, self.declared, DAY + timedelta(days=self.day))
        with night.warehouse.connect() as con:
            catch_up(con, night)
            write_benchmarks(con, self.declared.group.thresholds, night.today)
        return night

    def night(self, n: int) -> None:
        """A whole one, with a new release."""
        self.build(n)
        assert publish(self.benchmark()).is_new

    def released(self, sql: str) -> list[tuple[Any, ...]]:
        """What the release in force says."""
        pointer = Releases(self.settings.releases).current()
        assert pointer is not None
        with duckdb.connect(str(pointer.release), read_only=True) as con:
            return con.execute(sql).fetchall()

    def mean(self) -> tuple[Any, ...]:
        """Value of the site's quarter, and whether it is hidden."""
        (row,) = self.released(f"select value, is_suppressed from site_metrics where {MEAN}")
        return row

    def ledger(self, sql: str = LEDGER) -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        with duckdb.connect(str(self.settings.warehouse), read_only=True) as con:
            return con.execute(sql).fetchall()


@pytest.fixture
def home(declared: Registry, nights: dict[int, Path], tmp_path: Path) -> Home:
    return Home(tmp_path, declared, nights)


def test_rows_are_written_anew_for_eleven_clients_and_not_for_ten(home: Home) -> None:
    home.night(40)
    assert home.mean() == (FIRST, False)
    home.night(50)
    # 50 clients with a mean of (40 x 30 + 10 x 20) / 50 = 28: it is not written.
    assert home.mean() == (FIRST, False)
    home.night(51)
    assert home.mean() == (SECOND, False)
    # Later releases are held against each that wrote a row.
    written = home.ledger(
        "select distinct list(release_no order by release_no) "
        "from benchmark.disclosure_measures group by table_name, row_digest"
    )
    assert ([1, 3],) in written
    assert {releases[-1] for (releases,) in written} <= {1, 3}


def test_nothing_new_is_known_after_a_night_that_changes_nothing(home: Home) -> None:
    home.night(40)
    before = home.ledger()
    assert before
    assert not publish(home.benchmark()).is_new
    assert home.ledger() == before


def test_a_new_key_changes_no_cell(
    declared: Registry,
    nights: dict[int, Path],
    open_warehouse: Callable[[Registry], RawWarehouse],
) -> None:
    opened = open_warehouse(declared)
    clients = [("north", f"z{number}", IN_MARCH, THIRTY) for number in reversed(range(40))]
    send_clients(opened, [*clients, ("south", "y", IN_APRIL, None)])
    opened.build_with_measures()
    cells = "select * from intermediate.int_cells_sketched order by all"
    with duckdb.connect(str(nights[40]), read_only=True) as con:
        before = con.execute(cells).fetchall()
        ((n, most),) = con.execute(
            "select sum(n_people) = sum(list_sum(sketch)), max(n_people) "
            "from intermediate.int_cells_sketched"
        ).fetchall()
    assert (n, most) == (True, 40)
    assert opened.rows(cells) == before


def test_a_refused_release_teaches_the_ledger_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.night(40)
    home.build(51)
    night = home.benchmark()
    before = home.ledger()
    with monkeypatch.context() as broken:
        broken.setattr(publishing, "disclosure_problems", lambda *_, **__: ["something leaks"])
        with pytest.raises(publishing.ReleaseRefused, match="something leaks"):
            publish(night)
    assert home.mean() == (FIRST, False)
    assert home.ledger() != before
    home.benchmark()
    assert home.ledger() == before
    assert publish(home.benchmark()).is_new
    assert home.mean() == (SECOND, False)
    assert home.ledger("select distinct release_no from benchmark.disclosure_measures") != []


@pytest.mark.parametrize("moment", ["before the pointer", "after the pointer"])
def test_a_kill_beside_the_pointer_converges(
    home: Home, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    class Killed(BaseException):
        pass

    def move(releases: Releases, release_id: str) -> None:
        if moment == "after the pointer":
            moved(releases, release_id)
        raise Killed

    moved = publishing.move_pointer
    home.night(51)
    home.build(40)
    night = home.benchmark()
    with monkeypatch.context() as killed:
        killed.setattr(publishing, "move_pointer", move)
        with pytest.raises(Killed):
            publish(night)
    # Eleven clients of 51 went, and ten come again. Readers saw 40: ten are too few; or they saw
    # 51, and one is.
    home.build(50)
    publish(home.benchmark())
    assert home.mean() == (FIRST if moment == "after the pointer" else SECOND, False)


@pytest.mark.parametrize("lost", ["disclosure_", "disclosure_measures"])
def test_a_lost_ledger_comes_again_from_the_release_in_force(home: Home, lost: str) -> None:
    """The whole of it; or the rows of measures alone, as in a group from before they stood."""
    home.night(40)
    with duckdb.connect(str(home.settings.warehouse)) as con:
        for name in (each for each in _ledger_tables(con) if each.startswith(lost)):
            con.execute(f"delete from benchmark.{name}")
    home.night(51)
    # Who was there is not known any more: of the 51 that are there now nobody changed.
    assert home.mean() == (FIRST, False)


def test_a_row_written_too_early_stops_the_release(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.night(40)
    home.build(50)
    night = home.benchmark()
    judge = standing_rows._judge

    def nothing_stands(source: duckdb.DuckDBPyConnection, *rest: Any) -> None:
        judge(source, *rest)
        source.execute("delete from standing_rows")

    monkeypatch.setattr(standing_rows, "_judge", nothing_stands)
    with pytest.raises(publishing.ReleaseRefused) as refused:
        publish(night)
    assert any(
        each.startswith("site_metrics: a row was written anew though too few of its clients")
        and each.endswith("north/north_site, srs")
        for each in refused.value.problems
    )
    assert home.mean() == (FIRST, False)
