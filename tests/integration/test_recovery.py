"""Notes beside the archive, replays, and what a lost commit or a damaged note comes to."""

import os
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from expectations.registry import Registry, load_registry
from orchestration.archived_files import CannotBeRead
from orchestration.former_warehouse import find_former
from orchestration.ingest.pseudonyms import PracticeKey, load_key
from orchestration.kept_rules import RulesUnreadable, registry_of, rules_document
from orchestration.load_notes import LoadName, LoadNotes, NoteDamaged, known_names
from orchestration.night import Night
from orchestration.replay import Replayed, RulesOf, Wanted, replay
from orchestration.settings import Settings
from orchestration.warehouse import WarehouseDamaged
from tests.integration import small_group as group

BROOK = "brook"


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A home with one practice that sent forms and episodes."""
    home = tmp_path_factory.mktemp("taken") / "home"
    found = group.night_in(home, group.registry(group.practice(BROOK)))
    group.send(found, BROOK, "forms_20260930.csv", group.FORMS)
    group.send(found, BROOK, "episodes_20260930.csv", group.EPISODES)
    outcomes = group.run(found)
    assert all(o.is_loadable for each in outcomes.values() for o in each), outcomes
    found.close()
    return found


@pytest.fixture
def night(taken: Night, tmp_path: Path) -> Night:
    """That home once more, for one test."""
    return group.copied(taken, tmp_path / "home")


def test_every_load_is_noted_beside_its_file(night: Night) -> None:
    notes, key = LoadNotes(night.settings.archive), load_key(night.settings.keys, BROOK)
    with night.warehouse.connect() as con:
        names = known_names(con)
        ledger = con.execute("select * from raw.deliveries order by load_seq")
        columns = [column[0] for column in ledger.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in ledger.fetchall()]
    assert notes.names() == names
    assert len(names) == 2
    assert [notes.read(key, name) for name in sorted(names)] == rows
    document = notes.rules(key, str(rows[0]["contract_digest"]))
    assert document is not None
    kept = registry_of(document, night.registry.group, str(rows[0]["contract_digest"]))
    assert kept.practices == night.registry.practices
    sealed = b"".join(p.read_bytes() for p in night.settings.archive.rglob("*") if p.is_file())
    assert b"forms_20260930" not in sealed
    assert b"short_form" not in sealed


def test_a_note_that_was_touched_moved_or_foreign_does_not_open(night: Night) -> None:
    notes, key = LoadNotes(night.settings.archive), load_key(night.settings.keys, BROOK)
    one, other = sorted(notes.names())
    path = night.settings.archive / BROOK / "loads" / one.file_name
    whole = path.read_bytes()
    elsewhere = path.with_name(other.file_name).read_bytes()
    for content in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:20], b"", elsewhere):
        path.write_bytes(content)
        with pytest.raises(NoteDamaged):
            notes.read(key, one)
    path.write_bytes(whole)
    with pytest.raises(NoteDamaged):
        notes.read(PracticeKey(BROOK, bytes(32)), one)
    assert notes.read(key, one)["delivery_id"] == one.delivery_id


def test_a_note_that_a_killed_run_did_not_write_is_written_by_the_next(night: Night) -> None:
    notes = LoadNotes(night.settings.archive)
    names = notes.names()
    shutil.rmtree(night.settings.archive / BROOK / "loads")
    shutil.rmtree(night.settings.archive / BROOK / "rules")
    assert not notes.names()
    night.begin()
    assert notes.names() == names


KILLED = """
import os, sys
import duckdb
con = duckdb.connect(sys.argv[1])
con.execute("set checkpoint_threshold = '1GB'")
con.execute("insert into raw.deliveries by name (select * replace (load_seq + 100 as load_seq, "
            "delivery_id || 'x' as delivery_id) from raw.deliveries)")
os._exit(9)
"""


def test_a_lost_write_ahead_log_is_found_out(night: Night) -> None:
    """The engine opens a file without its log as if nothing had happened."""
    path = night.settings.warehouse
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    log = path.with_name(path.name + ".wal")
    assert log.exists()
    night.begin()
    assert len(LoadNotes(night.settings.archive).names()) == 4
    # What the engine would have read of the log at the next start is gone.
    with duckdb.connect(str(path)) as con:
        con.execute("delete from raw.deliveries where load_seq > 100")
    with pytest.raises(WarehouseDamaged, match="lacks 2 loads"):
        night.begin()


def test_a_warehouse_that_is_gone_does_not_begin_anew(night: Night) -> None:
    night.settings.warehouse.unlink()
    with pytest.raises(WarehouseDamaged, match="alliance rebuild"):
        night.begin()
    assert not night.settings.warehouse.exists()


def test_without_a_ledger_the_notes_say_what_was_loaded(night: Night) -> None:
    before = find_former(night.settings, night.settings.home)
    night.settings.warehouse.unlink()
    after = find_former(night.settings, night.settings.home)
    assert (before.ledger_from, after.ledger_from) == ("ledger", "archive")
    assert after.loads == before.loads
    assert after.verdicts_from == "begun anew"
    assert any("starts anew" in remark for remark in after.remarks)
    night.settings.keys.joinpath(f"{BROOK}.key").unlink()
    lost = find_former(night.settings, night.settings.home)
    assert not lost.loads
    assert sum(remark.startswith(f"{BROOK}.") for remark in lost.remarks) == 2


def test_a_broken_log_costs_only_what_it_held(night: Night) -> None:
    path = night.settings.warehouse
    with duckdb.connect(str(path)) as con:
        con.execute("checkpoint")
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    night.begin()  # notes what is in the log
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    log = path.with_name(path.name + ".wal")
    broken = bytearray(log.read_bytes())
    broken[len(broken) // 2] ^= 1
    log.write_bytes(broken)
    with pytest.raises(WarehouseDamaged):
        night.begin()
    found = find_former(night.settings, night.settings.home)
    assert found.verdicts_from == "ledger"
    assert found.verdicts
    assert not found.is_comparable
    assert any("log is broken" in remark for remark in found.remarks)
    assert {LoadName.of(row) for row in found.loads} == LoadNotes(night.settings.archive).names()


def test_a_number_given_away_twice_is_given_anew(night: Night) -> None:
    """After a lost log the ledger may have used a note's number for a file it refused."""
    with duckdb.connect(str(night.settings.warehouse)) as con:
        con.execute(
            "update raw.deliveries set state = 'refused', delivery_id = 'brook.sessions.1'"
            " where load_seq = 2"
        )
    found = find_former(night.settings, night.settings.home)
    assert [row["load_seq"] for row in found.loads] == [1, 3]
    assert not found.is_comparable


def test_rules_that_are_other_ones_are_not_taken_for_those_of_then(night: Night) -> None:
    document = rules_document(night.registry, BROOK)
    for text in (document.replace("forms_", "other_"), "{}", "not json"):
        with pytest.raises(RulesUnreadable):
            registry_of(text, night.registry.group, night.registry.practice_digest(BROOK))


def _stricter(registry: Registry) -> Registry:
    """The same practice with another word for a missing answer, so that `-99` is out of range."""
    practice = registry.practices[BROOK]
    (contract,) = practice.contracts
    files = [
        spec.model_copy(update={"missing": ()}) if spec.file == "forms" else spec
        for spec in contract.files
    ]
    changed = practice.model_copy(
        update={"contracts": (contract.model_copy(update={"files": tuple(files)}),)}
    )
    return group.registry(changed)


def _replayed(
    settings: Settings, registry: Registry, rules: RulesOf, *, is_loading: bool = False
) -> list[Replayed]:
    worker = group.HereWorker(settings, registry=registry)
    found, _ = replay(
        settings,
        registry,
        Wanted(practice_id=BROOK),
        rules,
        is_loading=is_loading,
        now=group.NOW + timedelta(days=30),
        worker=worker,
    )
    return found


STANDING = (
    "select form_key, status from raw.administrations join raw.deliveries_ordered "
    "using (load_seq) where version_rank is not null order by all"
)


def test_a_dry_run_says_what_would_come_out_otherwise(night: Night) -> None:
    night.begin()  # registers the key, which a run does once
    before = night.settings.warehouse.read_bytes()
    assert not any(each.is_changed for each in _replayed(night.settings, night.registry, "then"))
    changed = {e.feed: e for e in _replayed(night.settings, _stricter(night.registry), "today")}
    assert not changed["episodes"].is_changed
    forms = changed["administrations"]
    assert forms.state == "loaded"
    assert forms.after["n_quarantined"] == (forms.before["n_quarantined"] or 0) + 1
    assert [c.status_after for c in forms.checks if c.n_failed_after == 1]
    assert forms.load_seq is None
    assert night.settings.warehouse.read_bytes() == before
    # What was decrypted is gone.
    assert not [p for p in night.settings.scratch.rglob("*") if p.is_file()]


def test_a_replay_takes_the_place_of_its_delivery(night: Night) -> None:
    """The newer export stays the newer one, the receipt stays, and loading once still holds."""
    again = group.FORMS.replace("P1;V1;03.02.2026;done;1", "P1;V1;03.02.2026;done;2")
    group.send(night, BROOK, "forms_20261001.csv", again)
    group.run(night)
    with night.warehouse.connect() as con:
        before = con.execute(STANDING).fetchall()
        received = con.execute("select received_at, received_on from raw.deliveries").fetchall()
    found = _replayed(night.settings, _stricter(night.registry), "today", is_loading=True)
    assert sorted(e.load_seq or 0 for e in found) == [4, 5, 6]
    with night.warehouse.connect() as con:
        after = con.execute(STANDING).fetchall()
        assert len(after) == len(before) - 2  # one form less in each of the two exports
        ranks = con.execute(
            "select load_seq, version_rank from raw.deliveries_ordered "
            "where feed = 'administrations' order by version_rank nulls last, load_seq"
        ).fetchall()
        of_forms = [e.load_seq for e in found if e.feed == "administrations"]
        assert [number for number, rank in ranks if rank] == of_forms
        replayed = con.execute(
            "select received_at, received_on, rules_on, replayed_at is not null "
            "from raw.deliveries where load_seq > 3"
        ).fetchall()
        assert {row[:2] for row in replayed} == set(received)
        assert {row[2:] for row in replayed} == {(date(2026, 10, 31), True)}
        touched = con.execute(
            "select count(distinct client_key) from raw.touched_clients where load_seq > 3"
        ).fetchall()
        clients = con.execute(
            "select count(distinct client_key) from raw.administrations"
        ).fetchall()
        assert touched == clients
    assert LoadNotes(night.settings.archive).names() >= {*find_names(night)}
    # Sent again, it is known still.
    group.send(night, BROOK, "forms_20260930.csv", group.FORMS)
    assert not night.landing().new


def find_names(night: Night) -> set[object]:
    with night.warehouse.connect() as con:
        return set(known_names(con))


def test_a_file_that_is_not_in_the_archive_is_said_to_be_unread(night: Night) -> None:
    for path in (night.settings.archive / BROOK).iterdir():
        if path.is_file():
            os.truncate(path, 30)
    found = _replayed(night.settings, night.registry, "then")
    assert {each.state for each in found} == {"unread"}
    assert all("does not decrypt" in (each.message or "") for each in found)
    assert CannotBeRead.__doc__


@pytest.mark.parametrize("practice_id", sorted(load_registry().practices))
def test_kept_rules_read_back_as_what_they_were(practice_id: str) -> None:
    whole = load_registry()
    digest = whole.practice_digest(practice_id)
    kept = registry_of(rules_document(whole, practice_id), whole.group, digest)
    assert kept.practices[practice_id] == whole.practices[practice_id]
