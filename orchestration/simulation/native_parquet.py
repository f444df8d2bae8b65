"""Parquet exports: typed columns, one row group a block."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from expectations.practice import FileSpec
from orchestration.simulation.native_files import NativeFile
from orchestration.simulation.native_rows import Cells
from orchestration.simulation.native_types import ARROW_TYPES, Feeds, Kind, kinds_of, typed


class ParquetFile(NativeFile):
    """A Parquet file, as a data frame library writes it."""

    def __init__(self, path: Path, spec: FileSpec, feeds: Feeds) -> None:
        super().__init__(path, spec)
        self._kinds = kinds_of(spec, feeds)

    def open(self, part: Path, header: Sequence[str]) -> None:
        """See NativeFile."""
        self._schema = pa.schema(
            [(name, ARROW_TYPES[self._kinds.get(name, Kind.TEXT)]) for name in header]
        )
        self._writer = pq.ParquetWriter(part, self._schema)

    def write(self, cells: Cells) -> None:
        """See NativeFile."""
        columns = typed(self.spec, cells, self._kinds)
        self._writer.write_table(pa.table(columns, schema=self._schema))

    def close(self) -> None:
        """See NativeFile."""
        self._writer.close()
