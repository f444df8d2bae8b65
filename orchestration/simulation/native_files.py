"""Export files as bytes: header, dialect, encoding and the name that carries the export's date."""

import re
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


def file_name(spec: FileSpec, exported_on: date) -> str:
    """A name that fits the pattern, with the export's date where `exported_at` looks for it.

    ValueError when no such name is found.
    """
    for written in (exported_on.strftime("%Y%m%d"), exported_on.isoformat()):
        name = spec.pattern.replace("*", written, 1).replace("*", "").replace("?", "0")
        pattern = spec.export_date_pattern
        found = re.search(pattern, name) if pattern else None
        is_dated = pattern is None or (found is not None and found.group(1) == written)
        if is_dated and fnmatchcase(name, spec.pattern):
            return name
    raise ValueError(
        f"file {spec.file}: no name fits both the pattern {spec.pattern} and exported_at "
        f"{spec.exported_at}; put the date where the pattern has its *"
    )


class NativeFile:
    """An export being written block by block; it gets its name when it is whole.

    A file without rows is not kept: a practice with nothing to tell sends nothing.
    """

    def __init__(self, path: Path, spec: FileSpec) -> None:
        self.path = path
        self.n_rows = 0
        self._spec = spec
        self._part = path.with_name(f".{path.name}.part")
        self._stream: BinaryIO | None = None

    def __enter__(self) -> "NativeFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is None:
            return
        self._stream.close()
        if kind is None:
            self._part.replace(self.path)
        else:
            self._part.unlink()

    def append(self, cells: Cells) -> None:
        """Add rows; the first ones bring the header with them."""
        n = len(next(iter(cells.values()))) if cells else 0
        if n == 0:
            return
        if self._stream is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._part.open("wb")
            self._begin(list(cells))
        rows = pc.binary_join_element_wise(*cells.values(), self._spec.dialect.delimiter)
        lines = pc.binary_join_element_wise(rows, "", "\n")
        self._write(_text_of(lines))
        self.n_rows += n

    def _begin(self, header: Sequence[str]) -> None:
        assert self._stream is not None
        if self._spec.dialect.encoding == "utf-16":
            self._stream.write(b"\xff\xfe")
        dialect = self._spec.dialect
        line = dialect.delimiter.join(quoted(name, dialect) for name in header) + "\n"
        self._write(pa.py_buffer(line.encode("utf-8")))

    def _write(self, text: pa.Buffer) -> None:
        assert self._stream is not None
        encoding = self._spec.dialect.encoding
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
