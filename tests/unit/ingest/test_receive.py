"""What bytes alone must show: damage, cuts and wrong encodings are refused, the rest is counted."""

import hashlib
from pathlib import Path

import pytest

from expectations.practice import Dialect
from orchestration.ingest import receive as module
from orchestration.ingest.receive import receive
from orchestration.ingest.refusal import DeliveryRefused

LIMIT = 10**6


def _file(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 7, 4 * 2**20])
@pytest.mark.parametrize(
    ("content", "n_rows"),
    [
        (b"a,b\n1,2\n", 1),
        (b"a,b\r\n1,2\r\n3,4\r\n", 2),
        (b"a,b\n1,2\n\n3,4\n\n\n", 2),
        (b"a,b\r\n\r\n1,2\r\n\r\n", 1),
        (b'a,b\n"x\ny",2\n"say ""hi""",3\n', 2),
        (b'a,b\n"x\n\ny",2\n\n"\r\n\r\n",3\n4,"\n\n"\n', 3),
        (b"\xef\xbb\xbfa,b\n1,2\n", 1),
        (b"a,b\n", 0),
    ],
)
def test_rows_are_counted_whatever_the_chunks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chunk_bytes: int,
    content: bytes,
    n_rows: int,
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk_bytes)
    received = receive(_file(tmp_path, content), Dialect(), LIMIT)
    assert received.n_rows == n_rows
    assert received.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("content", "dialect", "reason"),
    [
        (b"", Dialect(), "empty_file"),
        (b"a,b\n1,2\n3,", Dialect(), "truncated_file"),
        (b'a,b\n1,"2\n', Dialect(), "truncated_file"),
        (b"a,b\n1,\x002\n", Dialect(), "damaged_file"),
        ("a,b\n1,é\n".encode("latin-1"), Dialect(), "wrong_encoding"),
        ("a,b\n1,é\n".encode(), Dialect(encoding="latin-1"), "wrong_encoding"),
        ("a,b\n1,2\n".encode("utf-16"), Dialect(), "wrong_encoding"),
        (b"a,b\n1,2\n3\n", Dialect(encoding="utf-16"), "wrong_encoding"),
        (b"x" * 200, Dialect(), "too_large"),
    ],
)
def test_what_cannot_be_whole_is_refused(
    tmp_path: Path, content: bytes, dialect: Dialect, reason: str
) -> None:
    with pytest.raises(DeliveryRefused) as refusal:
        receive(_file(tmp_path, content), dialect, 199)
    assert refusal.value.reason == reason


def test_a_contract_may_excuse_the_missing_line_end(tmp_path: Path) -> None:
    path = _file(tmp_path, b"a,b\n1,2\n3,4")
    assert receive(path, Dialect(final_newline="optional"), LIMIT).n_rows == 2


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_other_encodings_are_counted_in_characters(tmp_path: Path, encoding: str) -> None:
    path = _file(tmp_path, 'a,b\n1,"é\nü"\n2,ö\n'.encode(encoding))
    dialect = Dialect.model_validate({"encoding": encoding})
    assert receive(path, dialect, LIMIT).n_rows == 2
