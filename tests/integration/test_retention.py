"""What is past its term goes, and nothing else; the release in force and the chain stay."""

from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from expectations.practice import Practice, Retention
from orchestration.audit_chain import broken_links
from orchestration.durable import write_whole
from orchestration.night import Night
from orchestration.retention import keep_terms
from orchestration.settings import Settings
from tests.integration import small_group as group

TODAY = date(2026, 10, 1)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Two practices that sent the same files."""
    return group.night_over_twins(tmp_path_factory.mktemp("twins"))


@pytest.fixture
def night(sent: Night, tmp_path: Path) -> Night:
    """A copy of that home for each test."""
    return group.copied(sent, tmp_path / "home")


def _kept_for(practice: Practice, **days: int) -> Practice:
    contracts = tuple(
        contract.model_copy(update={"retention": Retention(**days)})
        for contract in practice.contracts
    )
    return practice.model_copy(update={"contracts": contracts})


def _days_later(settings: Settings, terms: Practice, days: int) -> tuple[str, ...]:
    declared = group.registry(terms, group.practice("creek"))
    return keep_terms(settings, declared, TODAY + timedelta(days=days))


def test_stored_rows_and_archive_go_when_their_term_is_over(night: Night) -> None:
    settings = night.settings
    terms = _kept_for(group.practice("brook"), raw_days=30, archive_days=40)
    others = group.rows(night, "creek")
    assert _days_later(settings, terms, 30) == ()
    (line,) = _days_later(settings, terms, 31)
    assert "brook" in line
    assert "30 days" in line
    assert not any(group.rows(night, "brook").values())
    assert group.rows(night, "creek") == others
    assert len(list((settings.archive / "brook").glob("*[0-9a-f]"))) == 2
    (line,) = _days_later(settings, terms, 41)
    assert "2 archived files" in line
    assert not list((settings.archive / "brook").glob("*[0-9a-f]"))
    assert len(list((settings.archive / "creek").glob("*[0-9a-f]"))) == 2
    assert _days_later(settings, terms, 41) == ()
    with duckdb.connect(str(settings.warehouse)) as con:
        ((n_ledger,),) = con.execute("select count(*) from raw.deliveries").fetchall()
        reasons = con.execute("select distinct reason from quality.removed_rows").fetchall()
    assert n_ledger == 4
    assert reasons == [("retention",)]


def test_the_release_in_force_is_never_removed(night: Night) -> None:
    settings = night.settings
    settings.releases.mkdir()
    for name in ("old", "now"):
        for path in (f"{name}.duckdb", f"{name}.quality.duckdb"):
            (settings.releases / path).write_bytes(b"")
    pointer = '{"release_id": "now", "release": "now.duckdb", "quality": "now.quality.duckdb"}'
    write_whole(settings.releases / "current.json", pointer)
    with night.warehouse.connect() as con:
        con.execute(
            "insert into benchmark.published values "
            "('old', 1, '', '', '', '2026-08-01'), ('now', 1, '', '', '', '2026-08-02')"
        )
    terms = _kept_for(group.practice("brook"), releases_days=30)
    assert _days_later(settings, terms, 0) == ("2 files of releases older than 30 days are gone",)
    left = {path.name for path in settings.releases.iterdir()}
    assert left == {"now.duckdb", "now.quality.duckdb", "current.json"}


def test_the_chain_of_verdicts_holds_over_what_retention_took_out(night: Night) -> None:
    settings = night.settings
    terms = _kept_for(group.practice("brook"), audit_days=30)
    with duckdb.connect(str(settings.warehouse)) as con:
        ((before, mine),) = con.execute(
            "select count(*), count(*) filter (practice_id = 'brook') from quality.check_results"
        ).fetchall()
        assert broken_links(con) == []
    assert 0 < mine < before
    (line,) = _days_later(settings, terms, 31)
    with duckdb.connect(str(settings.warehouse)) as con:
        assert line.startswith(f"{mine} verdicts")
        assert con.execute(
            "select count(*), count(*) filter (practice_id = 'brook') from quality.check_results"
        ).fetchall() == [(before - mine, 0)]
        assert broken_links(con) == []
        ((first,),) = con.execute("select min(check_seq) from quality.check_results").fetchall()
        con.execute("update quality.check_results set n_failed = 7 where check_seq = ?", [first])
        assert broken_links(con) == [f"verdict {first} is not what was written"]
        con.execute("delete from quality.check_results where check_seq = ?", [first])
        assert any("missing" in problem for problem in broken_links(con))
