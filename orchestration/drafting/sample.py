"""A sample export once it is read: its cells by column, and how it is written.

A sample is read to `MAX_BYTES` and `MAX_ROWS`: enough to infer from, whatever was handed over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestration.drafting.fhir_facts import FhirFacts
from orchestration.ingest.privacy import is_showable
from orchestration.ingest.refusal import DeliveryRefused

MAX_BYTES = 64 * 2**20
MAX_ROWS = 100_000


@dataclass(frozen=True)
class Sample:
    """One export: its name, how it is written, and its cells by column, trimmed."""

    file_name: str
    format: str
    dialect: dict[str, str]
    """What differs from the contract's defaults; without the decimal mark, which cells show."""
    columns: dict[str, list[str]]
    options: dict[str, str] = field(default_factory=dict)
    """The contract's further words on its format (`coding`, `header_rows`, `sheet`)."""
    identifying: frozenset[str] = frozenset()
    """Columns which the file itself says hold direct identifiers."""
    fhir: FhirFacts | None = None
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Column -> choice's code -> its label, as a data dictionary beside the export says."""

    @property
    def n_rows(self) -> int:
        """Rows read."""
        return len(next(iter(self.columns.values()), []))


def check_header(header: Sequence[str]) -> None:
    """A first line of data must not be taken for names: it would be repeated in the draft.

    Raises DeliveryRefused: no_header, repeated_column.
    """
    if not all(header) or not any(cell.isascii() for cell in header):
        raise DeliveryRefused("no_header", "line 1 must name every column; it does not")
    if any(not is_showable(cell) or not any(c.isalpha() for c in cell) for cell in header):
        raise DeliveryRefused(
            "no_header", "line 1 looks like data, not like column names; export it with a header"
        )
    if len(set(header)) != len(header):
        raise DeliveryRefused("repeated_column", "line 1 names a column more than once")
