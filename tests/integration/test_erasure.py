"""A destroyed key, a client who withdrew: gone, and only they."""

import hashlib
import hmac
import os
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from expectations.practice import Agreement
from orchestration.archive import Archive
from orchestration.audit_chain import broken_links
from orchestration.erasure import destroy
from orchestration.ingest.load import WithdrawnClientRead
from orchestration.ingest.pseudonyms import create_key, key_path, load_key, wipe
from orchestration.key_changes import finish_key_changes
from orchestration.key_rotation import rotate
from orchestration.night import Night
from orchestration.settings import Settings
from orchestration.withdrawal import NotWithdrawn, withdraw
from tests.integration import small_group as group

TODAY = date(2026, 10, 1)
AT = datetime(2026, 10, 2, 8)
IDS = ("P1", "P2", "P3", "V1", "V2", "V3", "V4", "V5", "E1")
MORE = f"{group.HEADER}\nP1;V6;03.03.2026;done;1;2;3;x\nP2;V7;03.03.2026;done;1;2;9;x\n"


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Two practices that sent the same files."""
    return group.night_over_twins(tmp_path_factory.mktemp("twins"))


@pytest.fixture
def night(sent: Night, tmp_path: Path) -> Night:
    """A copy of that home for each test."""
    return group.copied(sent, tmp_path / "home")


def _files(home: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}


def _loaded(night: Night, practice_id: str) -> Sequence[str]:
    return [
        outcome.state if outcome.reason is None else outcome.reason
        for (name, _), outcomes in group.run(night).items()
        if name == practice_id
        for outcome in outcomes
    ]


def _all_keys(settings: Settings, practice_id: str) -> set[str]:
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        rows = con.execute(
            "select unnest([client_key, session_key])::varchar from raw.administrations "
            "where practice_id = $p union select unnest([episode_key, client_key])::varchar "
            "from raw.episodes where practice_id = $p",
            {"p": practice_id},
        ).fetchall()
    return {key for (key,) in rows if key is not None}


def _guesses(secret: bytes, practice_id: str) -> set[str]:
    """Pseudonyms of every id under every use of 32 bytes that someone found."""
    keys = (secret, hmac.digest(secret, b"pseudonym\x01", hashlib.sha256))
    return {
        hmac.digest(key, f"{practice_id}\x1f{sender_id}".encode(), "sha256")[:16].hex()
        for key in keys
        for sender_id in IDS
    }


def test_after_destroy_no_id_can_be_got_back(night: Night, tmp_path: Path) -> None:
    settings = night.settings
    rotate(settings, "brook", AT)
    key = load_key(settings.keys, "brook")
    archived = {
        path.name: path.read_bytes() for path in (settings.archive / "brook").glob("*[0-9a-f]")
    }
    (settings.landing / "brook" / "forms_20260501.csv").write_text(group.FORMS)
    stored = {text.replace("-", "") for text in _all_keys(settings, "brook")}
    # The attack works before: the test could not fail otherwise.
    chain = [bytes.fromhex(line) for line in key_path(settings.keys, "brook").read_text().split()]
    assert str(key.pseudonym("P1")).replace("-", "") in stored
    assert any(
        key.secret in each or key.secret.hex().encode() in each
        for each in _files(settings.home).values()
    )

    destroy(settings, "brook")

    left = _files(settings.home)
    secrets = (key.secret, *key.earlier, key.derived("pseudonym"), key.derived("archive"))
    for content in left.values():
        for secret in (*secrets, *chain):
            assert secret not in content
            assert secret.hex().encode() not in content
    mine = {path: content for path, content in left.items() if "creek" not in path.parts}
    for content in mine.values():
        assert b"P1;V1" not in content
        assert b"E1,P1" not in content
    # Every key of the home, the other practice's among them, tried on every id that was sent.
    found = {path: content for path, content in left.items() if path.parent == settings.keys}
    tried = [bytes.fromhex(line) for text in found.values() for line in text.decode().split()]
    assert tried
    for secret in tried:
        assert not _guesses(secret, "brook") & stored
    # A backup holds the archive as it was: nothing left opens it.
    assert not (settings.archive / "brook").exists()
    for secret in tried:
        for use in (b"archive\x01", b"pseudonym\x01"):
            cipher = AESGCM(hmac.digest(secret, use, hashlib.sha256))
            for content in archived.values():
                with pytest.raises(InvalidTag):
                    cipher.decrypt(content[4:11] + bytes(4) + b"\1", content[11:], None)
    assert stored == {text.replace("-", "") for text in _all_keys(settings, "brook")}


def test_a_killed_erasure_is_finished(night: Night) -> None:
    settings = night.settings

    class Killed(BaseException):
        pass

    for wanted in ("marked", "a key wiped", "noted", "a folder removed"):
        create_key(settings.keys, "brook")

        def step(name: str, wanted: str = wanted) -> None:
            if name == wanted:
                raise Killed

        with pytest.raises(Killed):
            destroy(settings, "brook", step)
        finish_key_changes(settings)
        assert not key_path(settings.keys, "brook").exists()
        assert not (settings.archive / "brook").exists()
    assert (settings.archive / "creek").exists()
    with duckdb.connect(str(settings.warehouse)) as con:
        assert con.execute(
            "select practice_id from raw.key_versions where destroyed_at is not null"
        ).fetchall() == [("brook",)]
    assert not create_key(settings.keys, "brook")


def _world_readable(settings: Settings) -> None:
    key_path(settings.keys, "brook").chmod(0o644)


def _short(settings: Settings) -> None:
    key_path(settings.keys, "brook").write_text("00" * 31)


def _missing(settings: Settings) -> None:
    key_path(settings.keys, "brook").unlink()


def _another(settings: Settings) -> None:
    key_path(settings.keys, "brook").write_text("cd" * 32)


def _destroyed(settings: Settings) -> None:
    destroy(settings, "brook")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_world_readable, "key_readable"),
        (_short, "key_unusable"),
        (_missing, "key_missing"),
        (_another, "key_changed"),
        (_destroyed, "key_destroyed"),
    ],
)
def test_a_key_that_cannot_be_used_stops_its_practice_alone(
    night: Night, spoil: object, reason: str
) -> None:
    assert callable(spoil)
    spoil(night.settings)
    for name in ("brook", "creek"):
        group.send(night, name, "forms_20260401.csv", MORE)
    rows = group.rows(night, "brook")
    night.prepare()
    assert _loaded(night, "brook") == [reason]
    # The cause is still there: the file waits, is not read again and has no second ledger row.
    waiting = night.landing("brook").waiting
    assert [(entry.reason, "brook" in (entry.message or "")) for _, entry in waiting] == [
        (reason, True)
    ]
    night.close()
    assert group.rows(night, "brook") == rows
    with duckdb.connect(str(night.settings.warehouse)) as con:
        assert con.execute(
            "select state from raw.deliveries where practice_id = 'creek' order by load_seq desc"
        ).fetchall()[0] == ("loaded",)


def test_an_expired_agreement_stops_its_practice_alone(sent: Night, tmp_path: Path) -> None:
    paper = Agreement(
        kind="dua", signed_on=date(2020, 1, 1), expires_on=date(2026, 9, 30), purpose="test"
    )
    expired = group.practice("brook", agreements=[paper.model_dump()])
    sent = group.copied(sent, tmp_path / "home")
    night = group.night_in(sent.settings.home, group.registry(expired, group.practice("creek")))
    for name in ("brook", "creek"):
        group.send(night, name, "forms_20260401.csv", MORE)
    night.prepare()
    outcomes = group.run(night)
    night.close()
    assert [o.reason for o in outcomes["brook", "administrations"]] == ["agreement_expired"]
    assert [o.state for o in outcomes["creek", "administrations"]] == ["loaded"]


def test_a_withdrawn_client_leaves_and_does_not_come_back(night: Night) -> None:
    settings = night.settings
    client = load_key(settings.keys, "brook").pseudonym("P1")
    others = group.rows(night, "creek")
    done = withdraw(settings, "brook", "P1", TODAY)
    assert done.removed == {"raw.episodes": 1, "raw.administrations": 2}
    assert group.rows(night, "creek") == others
    group.send(night, "brook", "forms_20260401.csv", MORE)
    night.prepare()
    (outcome,) = group.run(night)["brook", "administrations"]
    assert outcome.exclusions == {"withdrawn": 1}
    assert outcome.n_rows_read == (outcome.n_accepted + outcome.n_quarantined + outcome.n_excluded)
    night.close()
    with duckdb.connect(str(settings.warehouse)) as con:
        for table in ("raw.episodes", "raw.administrations", "raw.touched_clients"):
            assert con.execute(
                f"select count(*) from {table} where client_key = ?", [client]
            ).fetchall() == [(0,)]
        assert con.execute(
            "select count(*) from raw.answers where administration_row not in "
            "(select administration_row from raw.administrations)"
        ).fetchall() == [(0,)]
        # What the ledger counted is stored or was removed.
        assert (
            con.execute(
                """
            select ledger.n_accepted, count(stored.row_no), any_value(removed.n_rows)
            from raw.deliveries as ledger
            left join raw.administrations as stored using (load_seq)
            left join quality.removed_rows as removed
                on ledger.load_seq = removed.load_seq
                and removed.table_name = 'raw.administrations'
            where ledger.practice_id = 'brook' and ledger.feed = 'administrations'
            group by ledger.load_seq, ledger.n_accepted order by ledger.load_seq
            """
            ).fetchall()[0][0]
            == 5
        )
        kept = con.execute("select * from quality.withdrawals").fetchall()
        assert broken_links(con) == []
    assert kept == [("brook", client, TODAY, "client_request")]


def test_a_reader_that_was_not_told_of_a_withdrawal_loads_nothing(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = night.settings
    withdraw(settings, "brook", "P1", TODAY)
    rows = group.rows(night, "brook")
    group.send(night, "brook", "forms_20260401.csv", MORE)
    night.prepare()
    monkeypatch.setattr("orchestration.ingest.intake.exclude_withdrawn", lambda *_: None)
    with pytest.raises(WithdrawnClientRead, match="1 rows"):
        group.run(night)
    night.close()
    assert group.rows(night, "brook") == rows


def test_a_withdrawal_holds_over_a_rotation(night: Night) -> None:
    settings = night.settings
    withdraw(settings, "brook", "P1", TODAY)
    rotate(settings, "brook", AT)
    group.send(night, "brook", "forms_20260401.csv", MORE)
    night.prepare()
    (outcome,) = group.run(night)["brook", "administrations"]
    night.close()
    assert outcome.exclusions == {"withdrawn": 1}


def test_a_withdrawn_clients_quarantined_rows_go_too(night: Night) -> None:
    settings = night.settings
    group.send(night, "brook", "forms_20260401.csv", MORE)
    night.prepare()
    (outcome,) = group.run(night)["brook", "administrations"]
    night.close()
    assert outcome.n_quarantined == 1
    done = withdraw(settings, "brook", "P2", TODAY)
    assert done.removed["quality.quarantine"] == 1
    with duckdb.connect(str(settings.warehouse)) as con:
        assert con.execute("select count(*) from quality.quarantine").fetchall() == [(0,)]


def test_an_id_nobody_sent_withdraws_nobody(night: Night) -> None:
    settings = night.settings
    before = settings.warehouse.read_bytes()
    with pytest.raises(NotWithdrawn, match="spelt"):
        withdraw(settings, "brook", "P77", TODAY)
    with duckdb.connect(str(settings.warehouse)) as con:
        assert con.execute("select count(*) from quality.withdrawals").fetchall() == [(0,)]
    assert len(before) == settings.warehouse.stat().st_size
    withdraw(settings, "brook", "P77", TODAY, may_be_unknown=True)
    assert not withdraw(settings, "brook", "P77", TODAY).removed


def test_no_byte_of_a_withdrawn_client_is_left_in_the_file(night: Night) -> None:
    """A word that stands in that client's rows alone, too long to be stored in short."""
    settings, canary = night.settings, b"canary" * 20
    client = load_key(settings.keys, "brook").pseudonym("P1")
    with night.warehouse.connect() as con:
        con.execute(
            "update raw.administrations set respondent = ? where client_key = ?",
            [canary.decode(), client],
        )
        con.execute("checkpoint")
    assert canary in settings.warehouse.read_bytes()
    inode = settings.warehouse.stat().st_ino
    with settings.warehouse.open("rb") as held:
        withdraw(settings, "brook", "P1", TODAY)
        assert os.fstat(held.fileno()).st_nlink == 0
    assert settings.warehouse.stat().st_ino != inode
    for path, content in _files(settings.home).items():
        assert canary not in content, path.name


def test_a_wiped_key_is_gone_from_its_file(tmp_path: Path) -> None:
    create_key(tmp_path, "brook")
    path = key_path(tmp_path, "brook")
    secret = path.read_bytes()
    with path.open("rb") as held:
        wipe(path)
        assert not path.exists()
        assert held.read() == b"\0" * len(secret)


def test_the_archive_of_another_practice_opens_as_before(night: Night) -> None:
    settings = night.settings
    destroy(settings, "brook")
    key = load_key(settings.keys, "creek")
    for path in (settings.archive / "creek").glob("*[0-9a-f]"):
        content = b"".join(Archive(settings.archive).open(key, path.name))
        assert hashlib.sha256(content).hexdigest() == path.name
