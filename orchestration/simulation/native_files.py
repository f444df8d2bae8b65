"""Export files being written: the name that carries the export's date, a file that is whole or not
there, and text exports as bytes."""

import gzip
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from expectations.practice import FileSpec
from orchestration.simulation.native_rows import Cells
from orchestration.simulation.native_words import quoted

_BYTE_ORDER = {"utf-16": "utf-16-le"}
"""The mark is written once, at the start of the file, not before each block."""
_GZIP_LEVEL = 6


def file_name(spec: FileSpec, exported_on: date) -> str:
    """A name that fits the pattern, with the export's date where `exported_at` looks for it.

    ValueError when no such name is found.
    """
    for written in (exported_on.strftime("%Y%m%d"), exported_on.isoformat()):
        name = spec.pattern.replace("*", written, 1).replace("*", "").replace("?", "0")
        found = re.search(spec.exported_at, name) if spec.exported_at else None
        is_dated = spec.exported_at is None or (found is not None and found.group(1) == written)
        if is_dated and fnmatchcase(name, spec.pattern):
            return name
    raise ValueError(
        f"file {spec.file}: no name fits both the pattern {spec.pattern} and exported_at "
        f"{spec.exported_at}; put the date where the pattern has its *"
    )


class NativeFile(ABC):
    """An export being written block by block; it gets its name when it is whole.

    A file without rows is not kept: a practice with nothing to tell sends nothing.
    """

    def __init__(self, path: Path, spec: FileSpec) -> None:
        self.path = path
        self.spec = spec
        self.n_rows = 0
        self._part = path.with_name(f".{path.name}.part")
        self._is_open = False

    def __enter__(self) -> "NativeFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._is_open:
            return
        try:
            self.close()
            if kind is None:
                self._part.replace(self.path)
        finally:
            self._part.unlink(missing_ok=True)

    def append(self, cells: Cells) -> None:
        """Add rows; the first ones bring the header with them."""
        n = len(next(iter(cells.values()))) if cells else 0
        if n == 0:
            return
        if not self._is_open:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.open(self._part, list(cells))
            self._is_open = True
        self.write(cells)
        self.n_rows += n

    @abstractmethod
    def open(self, part: Path, header: Sequence[str]) -> None:
        """Begin a file with these columns at the path given."""

    @abstractmethod
    def write(self, cells: Cells) -> None:
        """Write rows."""

    @abstractmethod
    def close(self) -> None:
        """Write what is left and close the file."""


class TextFile(NativeFile):
    """Delimited text, in the contract's dialect."""

    def open(self, part: Path, header: Sequence[str]) -> None:
        """See NativeFile."""
        self._file: BinaryIO = part.open("wb")
        self._stream: BinaryIO = self._file
        if self.spec.dialect.compression == "gzip":
            # No name and no time in its header: the same rows are the same bytes.
            packed = gzip.GzipFile("", "wb", _GZIP_LEVEL, self._file, mtime=0)
            self._stream = packed  # type: ignore[assignment]
        if self.spec.dialect.encoding == "utf-16":
            self._stream.write(b"\xff\xfe")
        self.begin(header)

    def begin(self, header: Sequence[str]) -> None:
        """Write what stands above the rows."""
        self.write_line(header)

    def write_line(self, words: Sequence[str]) -> None:
        """One row of words that stand in no cell."""
        dialect = self.spec.dialect
        line = dialect.delimiter.join(quoted(word, dialect) for word in words) + "\n"
        self._write_text(pa.py_buffer(line.encode("utf-8")))

    def write(self, cells: Cells) -> None:
        """See NativeFile."""
        rows = pc.binary_join_element_wise(*cells.values(), self.spec.dialect.delimiter)
        self._write_text(_text_of(pc.binary_join_element_wise(rows, "", "\n")))

    def close(self) -> None:
        """See NativeFile."""
        try:
            self._stream.close()
        finally:
            self._file.close()

    def _write_text(self, text: pa.Buffer) -> None:
        encoding = self.spec.dialect.encoding
        if encoding == "utf-8":
            self._stream.write(text)
            return
        decoded = str(memoryview(text), "utf-8")
        self._stream.write(decoded.encode(_BYTE_ORDER.get(encoding, encoding)))


def _text_of(lines: pa.Array) -> pa.Buffer:
    """The characters of a text column, one row after the other: they are the file."""
    assert lines.offset == 0
    offsets, data = lines.buffers()[1:]
    end = memoryview(offsets).cast("i")[len(lines)]
    return data.slice(0, end)
