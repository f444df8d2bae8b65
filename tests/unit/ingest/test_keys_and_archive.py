"""Keys are made once and guarded; the archive gives back what was put in, or says it cannot."""

import hashlib
from pathlib import Path

import pytest

from orchestration.archive import CHUNK_BYTES, Archive, ArchiveDamaged
from orchestration.ingest.pseudonyms import (
    PracticeKey,
    create_key,
    key_path,
    key_source,
    load_key,
    next_key_path,
    write_next_key,
)
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import forget_keys

KEY = PracticeKey("brook", bytes(range(32)))


def test_a_key_is_made_once(tmp_path: Path) -> None:
    assert create_key(tmp_path, "brook")
    first = load_key(tmp_path, "brook")
    assert not create_key(tmp_path, "brook")
    assert load_key(tmp_path, "brook").secret == first.secret
    assert first.secret.hex() not in repr(first)


def test_missing_readable_and_short_keys_stop_the_practice(tmp_path: Path) -> None:
    def reason() -> str:
        with pytest.raises(DeliveryRefused) as refusal:
            load_key(tmp_path, "brook")
        assert "brook" in refusal.value.message
        return refusal.value.reason

    assert reason() == "key_missing"
    path = key_path(tmp_path, "brook")
    path.write_text("00" * 31)
    path.chmod(0o600)
    assert reason() == "key_unusable"
    path.chmod(0o640)
    assert reason() == "key_readable"


def test_a_key_may_come_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_key(tmp_path / "made", "brook")
    earlier = load_key(tmp_path / "made", "brook")
    write_next_key(tmp_path / "made", earlier.replaced_by(bytes(32)))
    lines = next_key_path(tmp_path / "made", "brook").read_text().split()
    monkeypatch.setenv("ALLIANCE_KEY_BROOK", " ".join(lines))
    keys = tmp_path / "keys"
    assert not create_key(keys, "brook")
    found = load_key(keys, "brook")
    assert found.version == 2
    assert found.pseudonym("P1") == earlier.replaced_by(bytes(32)).pseudonym("P1")
    assert key_source(keys, "brook") == "environment variable ALLIANCE_KEY_BROOK"
    assert key_source(keys, "creek") is None
    forget_keys()
    assert key_source(keys, "brook") is None


@pytest.mark.parametrize("held", ["", "ab" * 31, "xy" * 32, f"{'ab' * 32} {'cd' * 31}"])
def test_a_malformed_key_of_the_environment_is_refused_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    monkeypatch.setenv("ALLIANCE_KEY_BROOK", held)
    with pytest.raises(DeliveryRefused) as refusal:
        load_key(tmp_path, "brook")
    assert refusal.value.reason == "key_unusable"
    assert "ALLIANCE_KEY_BROOK" in refusal.value.message
    assert not any(part in refusal.value.message for part in held.split())
    # Neither is it in the error that led to it, which a traceback would print.
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None


def test_a_key_in_two_places_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_key(tmp_path, "brook")
    monkeypatch.setenv("ALLIANCE_KEY_BROOK", key_path(tmp_path, "brook").read_text())
    with pytest.raises(DeliveryRefused) as refusal:
        load_key(tmp_path, "brook")
    assert refusal.value.reason == "key_given_twice"


def test_pseudonyms_differ_between_practices_and_keys() -> None:
    other_practice = PracticeKey("creek", KEY.secret)
    other_key = PracticeKey("brook", bytes(32))
    names = {key.pseudonym("P1") for key in (KEY, other_practice, other_key)}
    assert len(names) == 3


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES])
def test_archive_round_trip(tmp_path: Path, size: int) -> None:
    plain = tmp_path / "file"
    plain.write_bytes(b"client P1\n" * (size // 10) + b"x" * (size % 10))
    sha256 = hashlib.sha256(plain.read_bytes()).hexdigest()
    archive = Archive(tmp_path / "archive")
    stored = archive.store(plain, KEY, sha256)
    assert b"client P1" not in stored.read_bytes()
    assert b"".join(archive.open(KEY, sha256)) == plain.read_bytes()


def test_a_damaged_cut_or_foreign_archive_does_not_open(tmp_path: Path) -> None:
    plain = tmp_path / "file"
    plain.write_bytes(b"a" * (CHUNK_BYTES + 10))
    sha256 = hashlib.sha256(plain.read_bytes()).hexdigest()
    archive = Archive(tmp_path / "archive")
    stored = archive.store(plain, KEY, sha256)
    whole = stored.read_bytes()
    flipped = whole[:100] + bytes([whole[100] ^ 1]) + whole[101:]
    for content in (flipped, whole[: CHUNK_BYTES + 27], b"other" + whole):
        stored.write_bytes(content)
        with pytest.raises(ArchiveDamaged):
            list(archive.open(KEY, sha256))
    stored.write_bytes(whole)
    with pytest.raises(ArchiveDamaged):
        list(archive.open(PracticeKey("brook", bytes(32)), sha256))


def test_a_file_that_changed_is_not_archived(tmp_path: Path) -> None:
    plain = tmp_path / "file"
    plain.write_bytes(b"now this")
    with pytest.raises(ArchiveDamaged):
        Archive(tmp_path / "archive").store(plain, KEY, hashlib.sha256(b"before").hexdigest())
    assert not [path for path in (tmp_path / "archive").rglob("*") if path.is_file()]
