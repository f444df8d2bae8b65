"""Which reader takes a sample. A format more is a line here; what a file is, its bytes say."""

from collections.abc import Callable, Mapping
from pathlib import Path

from orchestration.drafting.cells_sample import read_parquet, read_workbook
from orchestration.drafting.fhir_sample import read_fhir
from orchestration.drafting.sample import Sample
from orchestration.drafting.text_sample import read_text
from orchestration.ingest.privacy import check_file_name
from orchestration.ingest.readers.gzipped import MAGIC
from orchestration.ingest.refusal import DeliveryRefused

Sampler = Callable[[Path], Sample]
ENDINGS: Mapping[str, Sampler] = {
    **dict.fromkeys((".csv", ".tsv", ".txt", ".psv", ".tab", ".dat"), read_text),
    **dict.fromkeys((".json", ".ndjson", ".jsonl"), read_fhir),
    ".xlsx": read_workbook,
    ".parquet": read_parquet,
}
"""Reader by the file's ending; text may also be compressed (`.csv.gz`)."""
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", ".xlsx"),
    (b"\xd0\xcf\x11\xe0", ".xlsx"),
    (b"PAR1", ".parquet"),
    (MAGIC, ".csv"),
)
"""First bytes that say what a file is, whatever it is called."""


def read_sample(path: Path) -> Sample:
    """A sample export. Raises DeliveryRefused: unknown_format, identifier_in_file_name, and what
    the format's reader raises.
    """
    check_file_name(path.name)
    name = path.name.lower()
    endings = [ending for ending in ENDINGS if name.removesuffix(".gz").endswith(ending)]
    with path.open("rb") as stream:
        start = stream.read(8)
    said = next((ending for first, ending in _STARTS if start.startswith(first)), None)
    if start.startswith(MAGIC) and endings and ENDINGS[endings[0]] is not read_text:
        raise DeliveryRefused(
            "unknown_format", "gzip goes with delimited text alone; give the file uncompressed"
        )
    ending = said or (endings[0] if endings else None)
    if ending is None:
        raise DeliveryRefused(
            "unknown_format", f"a draft can be made of {', '.join(sorted(ENDINGS))} files"
        )
    return ENDINGS[ending](path)
