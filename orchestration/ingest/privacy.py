"""The de-identification gate: what may not pass is turned away before anything is written.

"De-identified" is the sender's claim until this has looked. Columns are an allow-list, names of
direct identifiers are refused even where the contract would discard them; `cell_scan` searches
every cell. What is said of a finding is its class and its place; never text.
"""

import re
from collections.abc import Sequence

from expectations.header_words import names_direct_identifier
from expectations.practice import FileSpec
from orchestration.ingest.patterns import FULL_DATE, PATTERNS, POSTCODE, SHORTEST_FINDING
from orchestration.ingest.readers.opened import OtherText
from orchestration.ingest.refusal import DeliveryRefused

_NAME_LIKE = re.compile(r"^[^\W\d]")
_SHOWABLE_HEADER = re.compile(r"^[\w .()/#%-]{1,64}$")
_FILE_PROPERTIES = "the workbook's properties"
"""When a file was made is no date of a client's."""


def is_showable(file_name: str) -> bool:
    """Whether a name may be written into a log, the ledger or a message.

    One with control characters, or of bytes that are no text, may not: it would end the engine's
    statement that takes it, or steer the terminal that shows it.
    """
    return file_name.isprintable() and not any(pattern.is_in(file_name) for pattern in PATTERNS)


def check_file_name(name: str) -> None:
    """Refuse a file whose name itself carries an identifier. Raises DeliveryRefused."""
    if not is_showable(name):
        raise DeliveryRefused(
            "identifier_in_file_name",
            "the file's name looks like it holds an identifier, or has characters that cannot be "
            "shown; rename it and send it again",
        )


def check_columns(
    header: Sequence[str],
    spec: FileSpec,
    identifying: Sequence[str] = (),
    year_only: bool = False,
) -> None:
    """Column allow-list, forbidden words, and names that are identifiers. Raises DeliveryRefused.

    `identifying` are columns the file itself says hold direct identifiers. When not one expected
    column is found the first line may be data, so nothing of it is named. `year_only`: columns
    that name a place are refused too, and so are full dates.
    """
    expected = [*spec.wanted_columns, *spec.discard]
    present = set(header)
    if not present & set(expected):
        raise DeliveryRefused(
            "wrong_header",
            f"none of the {len(expected)} expected columns is in line 1"
            f"{_delimiter_hint(header, expected)}; expected {', '.join(expected)}",
        )
    check_headers(header, year_only)
    forbidden = [
        name for name in header if name in identifying or names_direct_identifier(name, year_only)
    ]
    unknown = [name for name in header if name not in expected and name not in forbidden]
    missing = [name for name in expected if name not in present]
    is_whole = _looks_whole(unknown, present, expected)
    named = listed(unknown) if is_whole else _by_position(unknown, header)
    differ = f"unknown columns: {named}; missing columns: {listed(missing)}"
    if forbidden:
        raise DeliveryRefused(
            "direct_identifier",
            f"columns that name direct identifiers: {listed(forbidden)}; "
            "send the file without them (a contract cannot excuse them)"
            + (f"; besides, {differ}" if unknown or missing else ""),
        )
    if unknown or missing:
        raise DeliveryRefused(
            "wrong_columns",
            f"{differ}; "
            "send the columns of the contract, or change the contract from the day they changed",
        )


def _looks_whole(unknown: Sequence[str], present: set[str], expected: Sequence[str]) -> bool:
    """Whether line 1 is a header, changed perhaps, and not one that ran into a line of data.

    After a gap in the file the first line begins with the header and goes on with cells.
    """
    n_found = len(present & set(expected))
    return 2 * n_found >= len(set(expected)) and all(map(_NAME_LIKE.match, unknown))


def _by_position(names: Sequence[str], header: Sequence[str]) -> str:
    places = [str(place) for place, name in enumerate(header, start=1) if name in names]
    return f"at positions {', '.join(places)} (not named: line 1 may hold data, or be damaged)"


def check_headers(header: Sequence[str], year_only: bool = False) -> None:
    """Refuse a file with an identifier for a column's name, which no contract can excuse.

    Raises DeliveryRefused (identifier_found).
    """
    found = {
        f"the name of column {place} looks like a {kind}"
        for place, name in enumerate(header, start=1)
        for kind in kinds_in(name, year_only)
    }
    if found:
        raise DeliveryRefused(
            "identifier_found", "; ".join(sorted(found)) + "; send the file without them"
        )


def kinds_in(text: str, year_only: bool = False) -> list[str]:
    """Classes of identifier that a text holds."""
    if len(text) < SHORTEST_FINDING:
        return []
    searched = (*PATTERNS, FULL_DATE, POSTCODE) if year_only else PATTERNS
    return [pattern.kind for pattern in searched if pattern.is_in(text)]


def check_other_texts(texts: Sequence[OtherText], year_only: bool = False) -> None:
    """Refuse a file that carries an identifier outside its cells. Raises DeliveryRefused."""
    found = {
        f"{other.place} looks like it holds a {kind}"
        for other in texts
        for kind in kinds_in(other.text, year_only and other.place != _FILE_PROPERTIES)
    }
    if found:
        raise DeliveryRefused(
            "identifier_found", "; ".join(sorted(found)) + "; send the file without them"
        )


def shown_header(name: str) -> str:
    """A column's name, or words in its place when it may itself be a cell's text."""
    if _SHOWABLE_HEADER.match(name) and is_showable(name):
        return name
    return "(a name that cannot be shown)"


def listed(names: Sequence[str]) -> str:
    """Columns' names for a message, without those that may be data."""
    return ", ".join(map(shown_header, names)) or "none"


def _delimiter_hint(header: Sequence[str], expected: Sequence[str]) -> str:
    line = " ".join(header)
    for delimiter, word in ((",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")):
        cells = {cell.strip().strip("\"'") for cell in line.split(delimiter)}
        if len(cells & set(expected)) > 1:
            return f" (the file looks {word}-separated, which the contract does not say)"
    return ""
