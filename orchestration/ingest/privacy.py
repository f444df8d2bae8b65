"""The de-identification gate: what may not pass is turned away before anything is written.

"De-identified" is the sender's claim until this has looked. Columns are an allow-list, names of
direct identifiers are refused even where the contract would discard them, and every cell is
searched for the shapes of identifiers. A finding is a class, a column and row numbers; never text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from expectations.practice import FileSpec
from orchestration.ingest.readers.opened import OtherText, TextRelation
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.sql import identifier, literal

# fmt: off
FORBIDDEN_HEADER_WORDS = frozenset((
    "name", "firstname", "lastname", "surname", "forename", "dob", "birth", "birthdate",
    "birthday", "ssn", "mrn", "email", "mail", "phone", "telephone", "mobile", "fax", "address",
    "street", "zip", "postcode", "postal", "notes", "note", "comment", "comments", "url", "ip",
    "freetext", "narrative", "insurance", "policy", "licence", "license", "passport",
    "latitude", "longitude",
))
# fmt: on
HARMLESS_HEADERS = frozenset(("redcap_event_name",))
"""Names a survey system gives to columns about no person; their cells are searched like all."""
PATTERNS: dict[str, str] = {
    "e-mail address": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}",
    "web address": r"(?i:https?://|www\.)[^\s]+",
    "social security number": r"(?:^|\D)\d{3}-\d{2}-\d{4}(?:\D|$)",
    "telephone number": r"(?:^|\D)\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?:\D|$)|\+\d{10,14}(?:\D|$)",
    "network address": r"(?:^|[^0-9.])(?:\d{1,3}\.){3}\d{1,3}(?:[^0-9.]|$)",
    "bank account": r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}\b",
    "payment card": r"(?:^|\D)(?:\d{4}[ -]){3}\d{4}(?:\D|$)",
    "street address": r"(?i:\b\d{1,5} [a-z]+ (?:street|st|avenue|ave|road|rd|lane|ln|drive|dr)\b)",
}
SHORTEST_FINDING = 6
"""No pattern matches a text shorter than `a@b.co`; shorter cells are not searched."""
_NAME_LIKE = re.compile(r"^[^\W\d]")
_SHOWABLE_HEADER = re.compile(r"^[\w .()/#%-]{1,64}$")
_ROWS_NAMED = 20


@dataclass(frozen=True)
class Gated:
    """A file that passed: how many rows the parser saw."""

    n_rows: int


def is_showable(file_name: str) -> bool:
    """Whether a name may be written into a log, the ledger or a message.

    One with control characters, or of bytes that are no text, may not: it would end the engine's
    statement that takes it, or steer the terminal that shows it.
    """
    return file_name.isprintable() and not any(
        re.search(pattern, file_name) for pattern in PATTERNS.values()
    )


def check_file_name(name: str) -> None:
    """Refuse a file whose name itself carries an identifier. Raises DeliveryRefused."""
    if not is_showable(name):
        raise DeliveryRefused(
            "identifier_in_file_name",
            "the file's name looks like it holds an identifier, or has characters that cannot be "
            "shown; rename it and send it again",
        )


def check_columns(header: Sequence[str], spec: FileSpec, identifying: Sequence[str] = ()) -> None:
    """Column allow-list and forbidden words. Raises DeliveryRefused.

    `identifying` are columns the file itself says hold direct identifiers. When not one expected
    column is found the first line may be data, so nothing of it is named.
    """
    expected = [*spec.wanted_columns, *spec.discard]
    present = set(header)
    if not present & set(expected):
        raise DeliveryRefused(
            "wrong_header",
            f"none of the {len(expected)} expected columns is in line 1"
            f"{_delimiter_hint(header, expected)}; expected {', '.join(expected)}",
        )
    forbidden = [name for name in header if name in identifying or names_direct_identifier(name)]
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


def with_findings(
    con: duckdb.DuckDBPyConnection, source: TextRelation, refusal: DeliveryRefused
) -> DeliveryRefused:
    """A refusal for its columns' names, with what their cells hold besides.

    A sender who mends only what was named would send the rest again.
    """
    if refusal.reason != "direct_identifier":
        return refusal
    try:
        scan(con, source)
    except DeliveryRefused as found:
        return DeliveryRefused(refusal.reason, f"{refusal.message}; also, {found.message}")
    except duckdb.Error:
        # A row that cannot be read is not what this file is turned away for.
        return refusal
    return refusal


def check_other_texts(texts: Sequence[OtherText]) -> None:
    """Refuse a file that carries an identifier outside its cells. Raises DeliveryRefused."""
    found = {
        f"{other.place} looks like it holds a {kind}"
        for other in texts
        for kind, pattern in PATTERNS.items()
        if re.search(pattern, other.text)
    }
    if found:
        raise DeliveryRefused(
            "identifier_found", "; ".join(sorted(found)) + "; send the file without them"
        )


def scan(con: duckdb.DuckDBPyConnection, source: TextRelation) -> Gated:
    """Search every cell of the file for identifiers; returns the number of rows read.

    Raises DeliveryRefused (identifier_found), naming class, column and the first row numbers, and
    lets duckdb.Error through for an unreadable row.
    """
    any_pattern = literal("|".join(f"(?:{pattern})" for pattern in PATTERNS.values()))
    counts = ", ".join(
        f"count_if(length({cell}) >= {SHORTEST_FINDING} and regexp_matches({cell}, {any_pattern}))"
        for cell in map(identifier, source.columns)
    )
    (row,) = con.execute(f"select count(*), {counts} from {source.sql}").fetchall()
    n_rows, hits = int(row[0]), row[1:]
    suspect = [column for column, n in zip(source.columns, hits, strict=True) if n]
    if suspect:
        raise DeliveryRefused("identifier_found", _findings(con, source, suspect))
    return Gated(n_rows=n_rows)


def _findings(con: duckdb.DuckDBPyConnection, source: TextRelation, suspect: Sequence[str]) -> str:
    lines = []
    for column in suspect:
        cell = identifier(column)
        for kind, pattern in PATTERNS.items():
            rows = con.execute(
                f"""
                select row_no
                from (select {cell}, row_number() over () as row_no from {source.sql})
                where regexp_matches({cell}, {literal(pattern)})
                order by row_no limit {_ROWS_NAMED}
                """
            ).fetchall()
            if rows:
                numbers = ", ".join(str(number) for (number,) in rows)
                lines.append(f"column {listed([column])} looks like a {kind} in rows {numbers}")
    return "; ".join(lines) + "; send the file without them"


def _words(name: str) -> set[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return set(re.split(r"[^a-z0-9]+", spaced.lower()))


def shown_header(name: str) -> str:
    """A column's name, or words in its place when it may itself be a cell's text."""
    if _SHOWABLE_HEADER.match(name) and is_showable(name):
        return name
    return "(a name that cannot be shown)"


def names_direct_identifier(name: str) -> bool:
    """Whether a column's name says that it holds what no practice may send."""
    return bool(_words(name) & FORBIDDEN_HEADER_WORDS) and name not in HARMLESS_HEADERS


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
