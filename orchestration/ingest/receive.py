"""Bytes -> facts about them: hash, size, encoding, whole lines.

A parser that accepts a cut or damaged file does so silently, so what bytes alone can show is
settled here, before any parser sees them.
"""

import codecs
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from expectations.practice import Dialect
from orchestration.ingest.readers.gzipped import MAGIC, Gunzipped
from orchestration.ingest.readers.opened import OtherText
from orchestration.ingest.refusal import DeliveryRefused

CHUNK_BYTES = 4 * 2**20
_BLANK_LINE = re.compile(rb"\n(?=(\r?\n))")
_BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Received:
    """A file whose bytes are whole. `n_rows` counts records without the header line.

    Hash and size are of the file as it came, rows of what it holds once unpacked.
    """

    path: Path
    sha256: str
    n_bytes: int
    n_rows: int
    other_texts: tuple[OtherText, ...] = ()


class _Hashed:
    """A stream that hashes what is read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._stream.read(size)
        self.digest.update(chunk)
        return chunk


class _LineCounter:
    """Counts record ends outside quotes, blank lines left out, over chunks of UTF-8 or Latin-1."""

    def __init__(self, quote: bytes) -> None:
        self._quote = quote
        self._inside = 0
        self._tail = b"\n"
        self.n_lines = 0
        self.last = b""

    def feed(self, chunk: bytes) -> None:
        if not chunk:
            return
        window = self._tail + chunk
        has_blanks = b"\n\n" in window or b"\n\r\n" in window
        if self._quote not in chunk:
            ends = 0 if self._inside else chunk.count(b"\n")
            if has_blanks and not self._inside:
                ends -= len(_BLANK_LINE.findall(window))
        else:
            data = np.frombuffer(chunk, dtype=np.uint8)
            # uint8 sums wrap at 256, which keeps the parity.
            quotes = np.cumsum(data == self._quote[0], dtype=np.uint8) + np.uint8(self._inside)
            is_outside = quotes % 2 == 0
            ends = int(np.count_nonzero((data == 10) & is_outside))
            if has_blanks:
                # A blank line inside a quoted cell is part of the cell. No quote stands between
                # the line ends of a match, and the second of them is always in this chunk.
                seconds = (found.end(1) - 1 for found in _BLANK_LINE.finditer(window))
                ends -= sum(bool(is_outside[at - len(self._tail)]) for at in seconds)
            self._inside = int(quotes[-1] % 2)
        self.n_lines += ends
        # What of this chunk can be the start of a blank line that the next chunk ends.
        self._tail = next((end for end in (b"\n\r", b"\n") if window.endswith(end)), b"")
        self.last = chunk[-1:]

    @property
    def is_inside_quotes(self) -> bool:
        return bool(self._inside)


def receive(path: Path, dialect: Dialect, max_bytes: int) -> Received:
    """Hash a text export and make sure that its bytes, unpacked if need be, are whole.

    Raises DeliveryRefused: empty, too_large, wrong_encoding, damaged (NUL, gzip), truncated.
    """
    n_bytes = sized(path, max_bytes)
    decoder = codecs.getincrementaldecoder(dialect.encoding)(errors="strict")
    as_utf8 = codecs.getincrementaldecoder("utf-8")(errors="strict")
    looks_utf8, has_high_bytes = dialect.encoding == "latin-1", False
    lines = _LineCounter(dialect.quote.encode("ascii"))
    with path.open("rb") as opened:
        hashed = _Hashed(opened)
        unpacked = Gunzipped(hashed, max_bytes) if dialect.compression == "gzip" else None
        first = True
        while chunk := (unpacked or hashed).read(CHUNK_BYTES):
            if first and unpacked is None and chunk.startswith(MAGIC):
                raise _compressed()
            if first and dialect.encoding != "utf-16" and chunk.startswith(_BYTE_ORDER_MARKS):
                raise _wrong_encoding(dialect, "it starts like a UTF-16 file")
            first = False
            if dialect.encoding != "utf-16" and b"\0" in chunk:
                raise DeliveryRefused(
                    "damaged_file",
                    f"the file holds NUL bytes, which {dialect.encoding} text never does; "
                    "export it again, or set `dialect.encoding` in the contract",
                )
            try:
                text = decoder.decode(chunk)
            except UnicodeError as error:
                raise _wrong_encoding(dialect, "some bytes are not valid in it") from error
            if looks_utf8 and not chunk.isascii():
                has_high_bytes = True
                try:
                    as_utf8.decode(chunk)
                except UnicodeError:
                    looks_utf8 = False
            lines.feed(text.encode("utf-8") if dialect.encoding == "utf-16" else chunk)
    try:
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise _wrong_encoding(dialect, "the last character is cut off") from error
    if looks_utf8 and has_high_bytes:
        raise _wrong_encoding(dialect, "its accented letters are written as UTF-8")
    if not lines.last:
        raise _empty()
    n_rows = _whole_rows(lines, dialect)
    texts = tuple(unpacked.other_texts) if unpacked else ()
    return Received(path, hashed.digest.hexdigest(), n_bytes, n_rows, texts)


def sized(path: Path, max_bytes: int) -> int:
    """A file's size. Raises DeliveryRefused: empty_file, too_large."""
    n_bytes = path.stat().st_size
    if n_bytes == 0:
        raise _empty()
    if n_bytes > max_bytes:
        raise DeliveryRefused(
            "too_large", f"the file has {n_bytes} bytes, at most {max_bytes} are taken; split it"
        )
    return n_bytes


def _empty() -> DeliveryRefused:
    return DeliveryRefused("empty_file", "the file is empty; send it again")


def _compressed() -> DeliveryRefused:
    return DeliveryRefused(
        "wrong_encoding",
        "the file is compressed with gzip, which the contract does not say; "
        "add `compression: gzip` to the file's dialect",
    )


def _whole_rows(lines: _LineCounter, dialect: Dialect) -> int:
    if lines.is_inside_quotes:
        raise DeliveryRefused(
            "truncated_file",
            "a quoted cell is never closed: the file is cut off, or its quote character is not "
            f"{dialect.quote} as the contract says",
        )
    if lines.last == b"\n":
        return lines.n_lines - 1
    if dialect.final_newline == "required":
        raise DeliveryRefused(
            "truncated_file",
            "the last line has no line end, as when a transfer breaks off; send the file again, or "
            "set `dialect.final_newline: optional` if this system never writes one",
        )
    return lines.n_lines


def _wrong_encoding(dialect: Dialect, why: str) -> DeliveryRefused:
    return DeliveryRefused(
        "wrong_encoding",
        f"the contract says encoding {dialect.encoding}, but {why}; "
        "export it in that encoding, or mend `dialect.encoding` in the contract",
    )
