"""Which reader opens which format. Adding a format is a module beside this one and a line here."""

from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb

from expectations.practice import FileSpec
from orchestration.ingest.readers import delimited, fhir, parquet, qualtrics, redcap, workbook
from orchestration.ingest.readers.opened import Opened
from orchestration.settings import Limits

Reader = Callable[[duckdb.DuckDBPyConnection, Path, FileSpec, Limits], Opened]
"""Opens a file on a connection, or raises DeliveryRefused; writes nothing to any disk."""

READERS: Mapping[str, Reader] = {
    "csv": delimited.open_file,
    "redcap": redcap.open_file,
    "qualtrics": qualtrics.open_file,
    "fhir": fhir.open_file,
    "parquet": parquet.open_file,
    "xlsx": workbook.open_file,
}


def open_file(con: duckdb.DuckDBPyConnection, path: Path, spec: FileSpec, limits: Limits) -> Opened:
    """Open a file as its contract says. Raises DeliveryRefused."""
    return READERS[spec.format](con, path, spec, limits)
