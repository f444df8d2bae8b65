"""gzip: bounded, whole, and with nothing hidden in its header."""

import gzip
import random
import struct
import zlib
from pathlib import Path

import duckdb
import pytest

from expectations.practice import FileSpec
from orchestration.ingest import privacy
from orchestration.ingest.content_hash import sha256_of
from orchestration.ingest.readers import gzipped
from orchestration.ingest.readers.formats import open_file
from orchestration.ingest.readers.opened import Opened
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import Limits
from tests.unit.ingest import declarations

TEXT = b"client,visit\nP1,V1\nP2,V2\n"
LIMITS = Limits()
PLANTED = "jo@example.org"


def spec(**dialect: str) -> FileSpec:
    return FileSpec.model_validate(
        {**declarations.LONG_FILE, "dialect": {"compression": "gzip", **dialect}}
    )


def opened(
    tmp_path: Path,
    content: bytes,
    limits: Limits = LIMITS,
    con: duckdb.DuckDBPyConnection | None = None,
    **dialect: str,
) -> tuple[duckdb.DuckDBPyConnection, Opened]:
    path = tmp_path / "answers_1.csv.gz"
    path.write_bytes(content)
    con = con or duckdb.connect()
    return con, open_file(con, path, spec(**dialect), limits)


def member(content: bytes, name: bytes = b"", flags: int = 8) -> bytes:
    header = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + name + (b"\0" if flags else b"")
    raw = zlib.compressobj(wbits=-15)
    body = raw.compress(content) + raw.flush()
    return header + body + struct.pack("<II", zlib.crc32(content), len(content))


@pytest.mark.parametrize("read_bytes", [1, 2, 7, 2**18])
def test_rows_are_read_and_counted_whatever_the_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_bytes: int
) -> None:
    monkeypatch.setattr(gzipped, "_READ_BYTES", read_bytes)
    content = gzip.compress(TEXT[:18], mtime=0) + member(TEXT[18:], b"n" * 255)
    con, found = opened(tmp_path, content)
    assert con.execute(f"select * from {found.relation.sql}").fetchall() == [
        ("P1", "V1"),
        ("P2", "V2"),
    ]
    assert (found.n_rows, found.n_bytes) == (2, len(content))
    assert found.sha256 == sha256_of(tmp_path / "answers_1.csv.gz")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_encodings_are_those_of_the_unpacked_text(tmp_path: Path, encoding: str) -> None:
    content = gzip.compress("client,visit\nP1,é\n".encode(encoding), mtime=0)
    con, found = opened(tmp_path, content, encoding=encoding)
    assert con.execute(f"select visit from {found.relation.sql}").fetchall() == [("é",)]
    with pytest.raises(DeliveryRefused) as refusal:
        opened(tmp_path, content)
    assert refusal.value.reason == "wrong_encoding"


BOMB = gzip.compress(TEXT + b"P1,V1\n" * 4_000_000, mtime=0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(TEXT, mtime=0)[:-1], "damaged_file"),
        (gzip.compress(TEXT, mtime=0)[:-12], "damaged_file"),
        (gzip.compress(TEXT, mtime=0)[:5], "damaged_file"),
        (member(TEXT, b"a name")[:14], "damaged_file"),
        (gzip.compress(TEXT, mtime=0) + b"\0", "damaged_file"),
        (gzip.compress(TEXT, mtime=0)[:-8] + bytes(8), "damaged_file"),
        (member(TEXT, b"n" * 256), "damaged_file"),
        (member(TEXT, b"a comment", flags=16), "damaged_file"),
        (TEXT, "damaged_file"),
        (gzip.compress(b"", mtime=0), "empty_file"),
        (b"", "empty_file"),
        (gzip.compress(TEXT[:-1], mtime=0), "truncated_file"),
        (gzip.compress(TEXT + b"\0\n", mtime=0), "damaged_file"),
        (BOMB, "too_large"),
    ],
)
def test_what_cannot_be_whole_or_grows_is_refused(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    with pytest.raises(DeliveryRefused) as refusal:
        opened(tmp_path, content)
    assert refusal.value.reason == reason


def test_the_unpacked_size_is_limited_too(tmp_path: Path) -> None:
    content = gzip.compress(TEXT * 100, mtime=0)
    with pytest.raises(DeliveryRefused) as refusal:
        opened(tmp_path, content, Limits(file_bytes=len(TEXT) * 100 - 1))
    assert refusal.value.reason == "too_large"
    assert "unpacks" in refusal.value.message
    opened(tmp_path, content, Limits(file_bytes=len(TEXT) * 100))


def test_a_contract_that_does_not_say_gzip_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(DeliveryRefused) as refusal:
        opened(tmp_path, gzip.compress(TEXT, mtime=0), compression="none")
    assert "add `compression: gzip`" in refusal.value.message


def test_an_identifier_in_the_header_is_found(tmp_path: Path) -> None:
    _, found = opened(tmp_path, member(TEXT, PLANTED.encode()))
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_other_texts(found.other_texts)
    assert "the gzip header looks like it holds" in refusal.value.message
    assert PLANTED not in str(refusal.value)


def test_a_damaged_file_is_read_or_refused(tmp_path: Path) -> None:
    whole = member(TEXT * 50, b"answers.csv")
    chance = random.Random(20260930)
    con = duckdb.connect()
    n_refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        if chance.random() < 0.3:
            damaged = damaged[: chance.randrange(len(damaged))]
        else:
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        try:
            _, found = opened(tmp_path, bytes(damaged), con=con)
            rows = con.execute(f"select * from {found.relation.sql}").fetchall()
        except DeliveryRefused:
            n_refused += 1
        else:
            assert len(rows) == found.n_rows == 149
    assert n_refused > 100


def test_a_file_name_is_no_pattern(tmp_path: Path) -> None:
    (tmp_path / "f1.csv").write_text("client,visit\nP9,V9\n")
    path = tmp_path / "f[1]*.csv"
    path.write_text("client,visit\nP1,V1\n")
    con = duckdb.connect()
    found = open_file(con, path, spec(compression="none"), Limits())
    assert con.execute(f"select * from {found.relation.sql}").fetchall() == [("P1", "V1")]


def test_names_that_differ_only_in_case_are_one_column(tmp_path: Path) -> None:
    with pytest.raises(DeliveryRefused) as refusal:
        opened(tmp_path, gzip.compress(b"a,A\n1,2\n", mtime=0))
    assert refusal.value.reason == "repeated_column"
