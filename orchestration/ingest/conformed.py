"""What a conform step makes, and the SQL that all layouts share. Pure.

Every table has `row_no` (first row of the unit in the file, the header not counted),
`n_source_rows` (rows of the file that made the unit), `excluded` (the contract's reason, or null),
`unit_key` (names the unit within the practice), then the feed's canonical columns and, for forms,
`item_01`... and `n_stray_items` (item rows that belong nowhere: unknown or repeated numbers, or
rows of one form that contradict each other).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from expectations.instrument import Instrument
from expectations.model import Feed, FeedName
from expectations.practice import FileSpec, Mapping
from orchestration.ingest import cells
from orchestration.sql import identifier, literal, literals

BLANK_FORM = "blank_form"


@dataclass(frozen=True)
class Terms:
    """What a conform step needs beside the mapping."""

    practice_id: str
    sites: tuple[str, ...]
    feed: Feed
    instruments: dict[tuple[str, str], Instrument]
    source: str
    """SQL of the all-text relation."""


@dataclass(frozen=True)
class Part:
    """A conformed table: its name, the statement that makes it, and whose units it holds."""

    table: str
    feed: FeedName
    sql: str
    instrument: Instrument | None = None
    language: str | None = None
    informant: str | None = None
    is_unknown_instrument: bool = False
    holds_only_exclusions: bool = False
    mapped: tuple[str, ...] = ()
    """Canonical columns the contract sends; rules on the others have nothing to look at."""

    @property
    def items(self) -> tuple[str, ...]:
        """Item columns, `item_01` first."""
        return item_columns(self.instrument) if self.instrument else ()


@dataclass(frozen=True)
class Conformed:
    """Statements to run first, the parts, and how often each row of the file is looked at.

    A row that carries k questionnaires is read k times, once for each form.
    """

    before: tuple[str, ...]
    parts: tuple[Part, ...]
    readings: int


def item_columns(instrument: Instrument) -> tuple[str, ...]:
    """Names of an instrument's item columns."""
    return tuple(f"item_{number:02d}" for number in range(1, instrument.n_items + 1))


def canonical(spec: FileSpec, mapping: Mapping, terms: Terms) -> dict[str, str]:
    """Every canonical column of the feed as SQL over the trimmed cells."""
    return {
        column.name: cells.typed(
            column, mapping.columns.get(column.name), spec, mapping.date_format, terms.sites
        )
        for column in terms.feed.columns
    }


def exclusion(mapping: Mapping) -> str:
    """The contract's reason to leave a row out, or null."""
    cases = " ".join(
        f"when coalesce({cells.cell(rule.column)}, '') in ({literals(rule.words)}) "
        f"then {literal(rule.reason)}"
        for rule in mapping.exclude
    )
    return f"case {cases} end" if cases else "null::varchar"


def trimmed_rows(spec: FileSpec, terms: Terms) -> str:
    """The file's rows in order, every wanted column trimmed.

    Not numbered: numbering while reading would leave the engine one thread. A table made from these
    rows keeps their order, and its `rowid` is the number.
    """
    columns = cells.trimmed(spec.wanted_columns, spec.missing)
    return f"(select {columns} from {terms.source})"


def numbered_rows(spec: FileSpec, terms: Terms) -> str:
    """The same with `row_no`, where rows are gathered before a table is made of them."""
    columns = cells.trimmed(spec.wanted_columns, spec.missing)
    return f"(select row_number() over () as row_no, {columns} from {terms.source})"


def selected(columns: dict[str, str]) -> str:
    """A select list from names and what they stand for."""
    return ", ".join(f"{sql} as {identifier(name)}" for name, sql in columns.items())


def key(parts: Sequence[str]) -> str:
    """A hash that names a unit by its parts."""
    texts = ", ".join(f"coalesce({part}::varchar, '')" for part in parts)
    return f"md5(concat_ws(chr(31), {texts}))"


def mapped_columns(mapping: Mapping, *more: str) -> tuple[str, ...]:
    """Canonical columns the contract sends, and those made here."""
    return (*mapping.columns, *more)


def form_key(terms: Terms, instrument: Instrument, language: str, informant: str) -> str:
    """Names a form: practice, client, instrument, version, language, informant, respondent,
    occasion."""
    occasion = "coalesce(session_id, occasion::varchar, completed_on::varchar, administration_id)"
    form = (instrument.instrument_code, instrument.version, language, informant)
    identity = map(literal, (terms.practice_id, *form))
    return key([*identity, "client_id", "respondent", occasion])


def status_sql(is_mapped: bool, answered: str, n_items: int) -> str:
    """A status the practice does not send follows from the answers."""
    if is_mapped:
        return "status"
    if n_items == 0:
        return f"case when {answered} > 0 then 'completed' else status end"
    return (
        f"case when {answered} >= {n_items} then 'completed' when {answered} > 0 then 'partial' "
        "else status end"
    )


def sends_status(mapping: Mapping) -> bool:
    """Whether each row says for itself what became of the form; a constant says nothing."""
    source = mapping.columns.get("status")
    return source is not None and source.column is not None
