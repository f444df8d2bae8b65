"""Keys are made once and guarded; the archive gives back what was put in, or says it cannot."""

import hashlib
from pathlib import Path

import pytest

from orchestration.archive import CHUNK_BYTES, Archive, ArchiveDamaged
from orchestration.ingest.pseudonyms import PracticeKey, create_key, key_path, load_key
from orchestration.ingest.refusal import DeliveryRefused

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
