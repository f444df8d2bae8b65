"""What a conform step makes, and the SQL that all layouts share. Pure.

Every table has `row_no` (first row of the unit in the file, the header not counted),
`n_source_rows` (rows of the file that made the unit), `excluded` (the contract's reason, or null),
`unit_key` (names the unit within the practice), then the feed's canonical columns and, for forms,
`item_01`... and `n_stray_items` (item rows that belong nowhere: unknown or repeated numbers, or
rows of one form that contradict each other), with `n_contradictions` where codes have weights.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import dataclass

from expectations.instrument import Instrument
from expectations.mapping import Exclusion, FormBlock, Mapping, Only, Source
from expectations.model import Feed, FeedName
from expectations.practice import FileSpec
from expectations.units import unit_column
from orchestration.ingest import cells
from orchestration.sql import identifier, literal, literals

BLANK_FORM = "blank_form"
TRIMMED_CELLS = "trimmed_cells"
PSEUDONYMS = "pseudonyms"


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

    A row that carries k questionnaires is read k times, once for each form. `temporary` are the
    tables of the connection that are of no use once the parts are made; they hold sender ids.
    """

    before: tuple[str, ...]
    parts: tuple[Part, ...]
    readings: int
    temporary: tuple[str, ...] = (TRIMMED_CELLS, PSEUDONYMS)


def item_columns(instrument: Instrument) -> tuple[str, ...]:
    """Names of an instrument's item columns."""
    return tuple(f"item_{number:02d}" for number in range(1, instrument.n_items + 1))


def canonical(spec: FileSpec, mapping: Mapping, terms: Terms) -> dict[str, str]:
    """Every canonical column of the feed as SQL over the trimmed cells."""
    names = [column.name for column in terms.feed.columns]
    columns = typed_columns(names, mapping.columns, spec, mapping, terms)
    if unit_column(spec, mapping) is not None:
        columns["client_id"] = f"coalesce({columns['client_id']}, {columns['unit_id']})"
    return columns


def typed_columns(
    names: Iterable[str],
    sources: MappingType[str, Source],
    spec: FileSpec,
    mapping: Mapping,
    terms: Terms,
) -> dict[str, str]:
    """Some canonical columns of the feed, by their sources, as SQL over the trimmed cells."""
    wanted = set(names)
    return {
        column.name: cells.typed(
            column, sources.get(column.name), spec, mapping.date_format, terms.sites
        )
        for column in terms.feed.columns
        if column.name in wanted
    }


def exclusion(mapping: Mapping) -> str:
    """The contract's reason to leave a row out, or null."""
    return _reason([*_cases(mapping.exclude, "in"), *_cases(mapping.only, "not in")])


def not_of_form(block: FormBlock) -> str:
    """The contract's reason why a row cannot hold a form, or null."""
    return _reason(_cases(block.only, "not in"))


def _cases(rules: Sequence[Exclusion | Only], operator: str) -> list[str]:
    return [
        f"when coalesce({cells.cell(rule.column)}, '') {operator} ({literals(rule.words)}) "
        f"then {literal(rule.reason)}"
        for rule in rules
    ]


def _reason(cases: Sequence[str]) -> str:
    return f"case {' '.join(cases)} end" if cases else "null::varchar"


def trim_cells(spec: FileSpec, terms: Terms) -> str:
    """Statement that reads the file's rows in order into the temporary table TRIMMED_CELLS.

    Not numbered: numbering while reading would leave the engine one thread. The table keeps the
    rows' order, and its `rowid` is the number.
    """
    columns = cells.trimmed(spec.wanted_columns, spec.missing)
    return f"create or replace temp table {TRIMMED_CELLS} as select {columns} from {terms.source}"


NUMBERED_ROWS = f"(select rowid + 1 as row_no, * from {TRIMMED_CELLS})"
"""The file's rows with `row_no`, which counts from 1 without the header."""


def find_pseudonyms(relation: str, headers: Sequence[str], spec: FileSpec) -> str:
    """Statement that makes the temporary table PSEUDONYMS of the ids in some columns.

    Each id is hashed once: a client's comes back in every row of the client's, and the hash is by
    far the dearest thing that happens to a cell.
    """
    ids = ", ".join(cells.sender_id(header, spec) for header in headers) or "null::varchar"
    fits = "sender_id is not null"
    if not spec.id_namespaces:
        fits = cells.fits_id_pattern("sender_id", spec.id_pattern)
    return f"""
        create or replace temp table {PSEUDONYMS} as
        select sender_id, pseudonym(sender_id) as pseudonym
        from (select distinct unnest([{ids}]) as sender_id from {relation})
        where {fits}
        """


def with_pseudonyms(relation: str, headers: Sequence[str], spec: FileSpec) -> str:
    """A relation with the pseudonyms of its columns of ids beside them; null where there is none.

    Rows come in any order.
    """
    joins = "".join(
        f" left join {PSEUDONYMS} as p{number} "
        f"on p{number}.sender_id = {cells.sender_id(header, spec, 'rows.')}"
        for number, header in enumerate(headers)
    )
    keys = "".join(
        f", p{number}.pseudonym as {identifier(cells.KEY_PREFIX + header)}"
        for number, header in enumerate(headers)
    )
    return f"(select rows.*{keys} from {relation} as rows{joins})"


def selected(columns: dict[str, str]) -> str:
    """A select list from names and what they stand for."""
    return ", ".join(f"{sql} as {identifier(name)}" for name, sql in columns.items())


def key(parts: Sequence[str]) -> str:
    """A hash that names a unit by its parts."""
    texts = ", ".join(f"coalesce({part}::varchar, '')" for part in parts)
    return f"md5(concat_ws(chr(31), {texts}))::uuid"


def mapped_columns(mapping: Mapping, *more: str) -> tuple[str, ...]:
    """Canonical columns the contract sends, and those made here."""
    return tuple(dict.fromkeys((*mapping.columns, *more)))


def form_key(terms: Terms, instrument: Instrument, language: str, informant: str) -> str:
    """Names a form: practice, client, instrument, version, language, informant, respondent,
    occasion."""
    names = ("session_id", "occasion", "completed_on", "administration_id")
    occasion = f"coalesce({', '.join(f'{name}::varchar' for name in names)})"
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


def sends_status(mapping: Mapping, block: FormBlock | None = None) -> bool:
    """Whether each row says for itself what became of the form; a constant says nothing."""
    own = block.columns.get("status") if block else None
    source = own or mapping.columns.get("status")
    return source is not None and source.column is not None
