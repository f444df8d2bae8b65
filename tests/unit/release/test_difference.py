"""Why a number changed: each cause is named, and each row says whose data moved it."""

import json
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from expectations.registry import Registry
from orchestration.cli.main import app
from orchestration.release import publish
from orchestration.release.difference import Cause, Change, Removal, difference
from orchestration.release.publish import write_release
from orchestration.release.reader import Releases
from tests.unit.release.small_warehouse import (
    NIGHT,
    add_delivery,
    small_meta,
    small_registry,
    small_warehouse,
)

Files = tuple[Path, Path]


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells are changed by hand here, which no release of a night would be let out with."""
    monkeypatch.setattr(publish, "disclosure_problems", lambda *_, **__: [])


def _published(
    con: duckdb.DuckDBPyConnection, folder: Path, day: int, registry: Registry | None = None
) -> Files:
    registry = registry or small_registry()
    meta = small_meta(registry, NIGHT + timedelta(days=day))
    found = write_release(con, folder, meta, registry)
    assert found.is_new
    releases = Releases(folder)
    return releases.path(found.release_id), releases.quality_path(found.release_id)


def _kinds(causes: tuple[Cause, ...]) -> set[tuple[str, str | None]]:
    return {(cause.kind, cause.practice_id) for cause in causes}


def test_rows_say_what_moved_and_whose_data_moved_it(tmp_path: Path) -> None:
    con = small_warehouse()
    older = _published(con, tmp_path, 0)
    con.execute(
        "update benchmark.site_benchmarks set raw = raw + 1, target = target + 0.1 "
        "where site_id = 'site_00'"
    )
    con.execute(
        "update benchmark.site_benchmarks set target = target + 0.1 where site_id = 'site_01'"
    )
    add_delivery(con, 3, "loaded", NIGHT.replace(tzinfo=None))
    found = difference(older, _published(con, tmp_path, 1))
    moved: dict[str | None, Change] = {
        change.key["site_id"]: change
        for change in found.changes
        if change.table == "site_benchmarks"
    }
    assert {site: (c.kind, set(c.moved), c.moved_by) for site, c in moved.items()} == {
        "site_00": ("changed", {"raw", "target"}, "own_data"),
        "site_01": ("changed", {"target"}, "network"),
    }
    before, after = moved["site_00"].moved["raw"]
    assert before is not None
    assert after is not None
    assert float(after) - float(before) == pytest.approx(1)
    assert _kinds(found.causes) == {("new_delivery", "practice")}
    assert [c.kind for c in found.causes_of(moved["site_01"])] == ["new_delivery"]


def test_a_row_that_is_no_longer_shown_is_hidden(tmp_path: Path) -> None:
    con = small_warehouse()
    older = _published(con, tmp_path, 0)
    con.execute("delete from benchmark.site_benchmarks where site_id = 'site_02'")
    con.execute(
        "insert into benchmark.site_benchmarks by name "
        "select * replace ('site_02' as site_id) from benchmark.site_benchmarks "
        "where site_id = 'site_03'"
    )
    con.execute("delete from benchmark.site_benchmarks where site_id = 'site_01'")
    found = difference(older, _published(con, tmp_path, 1))
    kinds = {c.key["site_id"]: c.kind for c in found.changes if c.table == "site_benchmarks"}
    assert kinds == {"site_02": "hidden", "site_01": "gone"}


def test_every_kind_of_cause_is_named(tmp_path: Path) -> None:
    con, registry = small_warehouse(), small_registry()
    older = _published(con, tmp_path, 0)
    add_delivery(con, 3, "loaded", NIGHT.replace(tzinfo=None))
    con.execute("update quality.check_results set rule_text = 'never null' where load_seq = 3")
    group = registry.group.model_copy(
        update={"thresholds": registry.group.thresholds.model_copy(update={"minimum_clients": 15})}
    )
    ((key, instrument),) = registry.instruments.items()
    other = instrument.model_copy(update={"key_status": "verified"})
    changed = Registry(group, registry.practices, {}, {key: other}, {})
    removal = Removal("practice", "withdrawn", date(2026, 11, 24))
    found = difference(older, _published(con, tmp_path, 1, changed), [removal])
    said = {(cause.kind, cause.what) for cause in found.causes}
    assert ("removal", "a client withdrew (2026-11-24)") in said
    assert ("rule", "sessions.site_id.required is another") in said
    assert ("instrument", "srs 3.0 is declared otherwise (key_status)") in said
    assert ("setting", "thresholds.minimum_clients: 11 -> 15") in said
    assert ("setting", "declarations are not the same") in said
    assert ("new_delivery", "practice") in _kinds(found.causes)


def test_a_superseded_file_is_a_correction(tmp_path: Path) -> None:
    con = small_warehouse()
    older = _published(con, tmp_path, 0)
    add_delivery(con, 3, "loaded", NIGHT.replace(tzinfo=None))
    with duckdb.connect(str(older[0])) as release:
        # The query derives the state from the snapshots, of which this warehouse has none.
        release.execute("update deliveries set state = 'held' where load_seq = 2")
    newer = _published(con, tmp_path, 1)
    with duckdb.connect(str(newer[0])) as release:
        release.execute("update deliveries set state = 'superseded' where load_seq = 1")
    found = difference(older, newer)
    assert [(cause.kind, cause.what.partition(" (")[0]) for cause in found.causes] == [
        ("correction", "sessions: file practice.ses"),
        ("decision", "sessions: file practice.ses"),
        ("correction", "sessions: file practice.ses"),
    ]


def test_the_command_answers_and_names_the_releases_that_are_kept(tmp_path: Path) -> None:
    con = small_warehouse()
    older = _published(con, tmp_path / "releases", 0)
    add_delivery(con, 3, "loaded", NIGHT.replace(tzinfo=None))
    _published(con, tmp_path / "releases", 1)
    first, home = older[0].stem, ["--home", str(tmp_path)]
    done = CliRunner().invoke(app, ["release", "diff", first, "current", "--json", *home])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["older"] == first
    assert {cause["kind"] for cause in document["causes"]} == {"new_delivery"}
    plain = CliRunner().invoke(app, ["release", "diff", first, "current", *home])
    assert "No figure of any site changed." in plain.stdout
    wrong = CliRunner().invoke(app, ["release", "diff", "r1", "../current", *home])
    assert wrong.exit_code == 2
    assert first in wrong.stderr
