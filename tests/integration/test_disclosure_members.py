"""What disclosure control keeps of clients goes with their rows: new keys, withdrawal, terms."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from expectations.practice import Retention
from orchestration.key_rotation import rotate
from orchestration.night import Night
from orchestration.retention import keep_terms
from orchestration.settings import Settings
from orchestration.withdrawal import withdraw
from tests.integration import small_group as group

TODAY = date(2026, 10, 1)
MEASURES = ("site_metrics", 7, "shape", "{}", [40, 0], 2)
"""A row of measures as it was shown; no pseudonym is in it."""
_CLIENTS = """
    select practice_id, client_key, min(row_no) as first_row
    from raw.administrations group by practice_id, client_key
    """


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Two practices that sent the same files."""
    return group.night_over_twins(tmp_path_factory.mktemp("twins"))


@pytest.fixture
def settings(sent: Night, tmp_path: Path) -> Settings:
    """A copy of that home in which every client stands in a cell twice: as of two releases."""
    night = group.copied(sent, tmp_path / "home")
    with night.warehouse.connect() as con:
        con.execute(
            "insert into benchmark.disclosure_releases values "
            "(1, 'r1', '{}', date '2026-07-01', true), (2, 'r2', '{}', date '2026-09-20', true)"
        )
        for since, until in (("1", "2"), ("2", "null")):
            con.execute(
                f"insert into benchmark.disclosure_members by name select practice_id, 'n' as "
                f"site_id, client_key, 's' as instrument_code, '1' as version, '' as language, "
                f"'client' as informant, '' as collection_mode, '' as stage, 1 as n_forms, "
                f"0 as n_at_best, 5 as summed_billionths, {since} as from_release, "
                f"{until}::integer as until_release from ({_CLIENTS})"
            )
        con.execute(f"insert into benchmark.disclosure_measures values {MEASURES}")
    return night.settings


def _members(settings: Settings, practice_id: str) -> list[tuple[str, int]]:
    """Clients by the place of their first form in the file, and since when they stand."""
    with duckdb.connect(str(settings.warehouse)) as con:
        return con.execute(
            "select clients.first_row, members.from_release "
            f"from benchmark.disclosure_members as members left join ({_CLIENTS}) as clients "
            "using (practice_id, client_key) where practice_id = ? order by all",
            [practice_id],
        ).fetchall()


@pytest.fixture(autouse=True)
def _others_stay(settings: Settings) -> Iterator[None]:
    before = _members(settings, "creek")
    assert before == _members(settings, "brook")
    assert len({first_row for first_row, _ in before}) == 3
    yield
    assert _members(settings, "creek") == before
    with duckdb.connect(str(settings.warehouse)) as con:
        assert con.execute("select * from benchmark.disclosure_measures").fetchall() == [MEASURES]


def test_a_new_key_reaches_them(settings: Settings) -> None:
    before = _members(settings, "brook")
    rotate(settings, "brook", datetime(2026, 10, 2, 8))
    # Found by the new pseudonyms of the stored forms, none of them missing.
    assert _members(settings, "brook") == before


def test_one_who_withdraws_goes(settings: Settings) -> None:
    before = _members(settings, "brook")
    withdraw(settings, "brook", "P1", TODAY)
    assert _members(settings, "brook") == [each for each in before if each[0] != before[0][0]]


def test_terms_take_them_and_what_was_before(settings: Settings) -> None:
    def after(days: int) -> list[tuple[str, int]]:
        practice = group.practice("brook")
        contracts = tuple(
            contract.model_copy(update={"retention": Retention(raw_days=30)})
            for contract in practice.contracts
        )
        terms = practice.model_copy(update={"contracts": contracts})
        declared = group.registry(terms, group.practice("creek"))
        keep_terms(settings, declared, TODAY + timedelta(days=days))
        return _members(settings, "brook")

    assert len(after(30)) == 6
    assert after(31) == []
