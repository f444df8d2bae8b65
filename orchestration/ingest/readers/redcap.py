"""REDCap's export of records: delimited text whose header holds the project's variable names.

Events, repeating instruments and their instances, statuses and data access groups are columns like
any other, and which of them mean what is the contract's to say. What is REDCap's own is looked at
here: a header of field labels is the wording of questions, and codes may be exported as labels.
"""

import re
from pathlib import Path

import duckdb

from expectations.practice import FileSpec
from orchestration.ingest.readers import delimited
from orchestration.ingest.readers.coding import Coding, check_coding
from orchestration.ingest.readers.opened import Opened
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import Limits

STATUS_SUFFIX = "_complete"
STATUS_WORDS: dict[Coding, tuple[str, ...]] = {
    "raw": ("0", "1", "2"),
    "label": ("incomplete", "unverified", "complete"),
}
SURVEY_IDENTIFIER = "redcap_survey_identifier"
"""REDCap's own column for whom a survey was sent to, mostly a name or an e-mail address."""
# A checkbox has three underscores before its choice's code, in small letters: x___1, x____99.
_VARIABLE = re.compile(r"^[a-z][a-z0-9_]*$")


def open_file(con: duckdb.DuckDBPyConnection, path: Path, spec: FileSpec, limits: Limits) -> Opened:
    """An export of a REDCap project.

    Raises DeliveryRefused: wrong_header, wrong_coding, and all of `delimited.open_file`.
    """
    opened = delimited.open_file(con, path, spec, limits)
    header = opened.relation.columns
    _check_names(header)
    statuses = [name for name in header if name.endswith(STATUS_SUFFIX)]
    check_coding(con, opened.relation, statuses, STATUS_WORDS, spec.coding)
    identifying = tuple(name for name in header if name == SURVEY_IDENTIFIER)
    return Opened(
        opened.relation, opened.sha256, opened.n_bytes, opened.n_rows, identifying=identifying
    )


def _check_names(header: tuple[str, ...]) -> None:
    """A header without one variable name is left to the gate, which shows nothing of it."""
    strange = [place for place, name in enumerate(header, 1) if not _VARIABLE.match(name)]
    if strange and len(strange) < len(header):
        raise DeliveryRefused(
            "wrong_header",
            "line 1 must hold REDCap's variable names (small letters, digits, underscores); "
            f"at positions {', '.join(map(str, strange))} it does not; "
            "export with raw headers, not with field labels",
        )
