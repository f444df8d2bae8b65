"""Contract -> canonical columns, one row per unit. Pure: declarations in, SQL text out.

Every table made here has `row_no` (first row of the unit in the file, the header not counted),
`n_source_rows` (rows of the file that made the unit), `excluded` (the contract's reason, or null),
`unit_key` (names the unit within the practice), then the feed's canonical columns and, for forms,
`item_01`... and `n_stray_items` (item rows that belong nowhere: unknown or repeated numbers, or
rows of one form that contradict each other).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from expectations.instrument import Instrument
from expectations.model import Feed, FeedName
from expectations.practice import FileSpec, FormBlock, LongIdentity, Mapping
from orchestration.ingest import cells
from orchestration.sql import identifier, literal, literals

BLANK_FORM = "blank_form"
REPEATED_ROW = "repeated_row"
LONG_ROWS = "long_rows"


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


def conform(spec: FileSpec, mapping: Mapping, terms: Terms) -> Conformed:
    """How to make the canonical tables of one mapping."""
    if mapping.layout == "table":
        return _table(spec, mapping, terms)
    if mapping.layout == "wide":
        return _wide(spec, mapping, terms)
    return _long(spec, mapping, terms)


def _canonical(spec: FileSpec, mapping: Mapping, terms: Terms) -> dict[str, str]:
    return {
        column.name: cells.typed(
            column, mapping.columns.get(column.name), spec, mapping.date_format, terms.sites
        )
        for column in terms.feed.columns
    }


def _excluded(spec: FileSpec, mapping: Mapping) -> str:
    cases = " ".join(
        f"when trim({identifier(rule.column)}) in ({literals(rule.words)}) "
        f"then {literal(rule.reason)}"
        for rule in mapping.exclude
    )
    return f"case {cases} end" if cases else "null::varchar"


def _selected(columns: dict[str, str]) -> str:
    return ", ".join(f"{sql} as {identifier(name)}" for name, sql in columns.items())


def _key(parts: Sequence[str]) -> str:
    texts = ", ".join(f"coalesce({part}::varchar, '')" for part in parts)
    return f"md5(concat_ws(chr(31), {texts}))"


def _mapped(mapping: Mapping, *more: str) -> tuple[str, ...]:
    return (*mapping.columns, *more)


def _table(spec: FileSpec, mapping: Mapping, terms: Terms) -> Conformed:
    name = mapping.feed
    columns = _canonical(spec, mapping, terms)
    unit = _key([literal(terms.practice_id), *(identifier(key) for key in terms.feed.key)])
    excluded = "excluded"
    if mapping.distinct:
        # A repeat is the same row again; a row that differs stays in and fails `unique`.
        content = ", ".join(identifier(column) for column in columns)
        excluded = (
            f"case when excluded is null and row_number() over (partition by {content} "
            f"order by row_no) > 1 then '{REPEATED_ROW}' else excluded end"
        )
    sql = f"""
        create table {identifier(name)} as
        with typed as (
            select
                row_number() over () as row_no,
                1::bigint as n_source_rows,
                {_excluded(spec, mapping)} as excluded,
                {_selected(columns)}
            from {terms.source}
        )
        select * replace ({excluded} as excluded), {unit} as unit_key from typed
        """
    part = Part(table=name, feed=mapping.feed, sql=sql, mapped=_mapped(mapping))
    return Conformed(before=(), parts=(part,), readings=1)


def _form_key(terms: Terms, instrument: Instrument, language: str, informant: str) -> str:
    occasion = "coalesce(session_id, occasion::varchar, completed_on::varchar, administration_id)"
    form = (instrument.instrument_code, instrument.version, language, informant)
    identity = map(literal, (terms.practice_id, *form))
    return _key([*identity, "client_id", "respondent", occasion])


def _status(is_mapped: bool, answered: str, n_items: int) -> str:
    """A status the practice does not send follows from the answers."""
    if is_mapped:
        return "status"
    if n_items == 0:
        return f"case when {answered} > 0 then 'completed' else status end"
    return (
        f"case when {answered} >= {n_items} then 'completed' when {answered} > 0 then 'partial' "
        "else status end"
    )


def _sends_status(mapping: Mapping) -> bool:
    """Whether each row says for itself what became of the form; a constant says nothing."""
    source = mapping.columns.get("status")
    return source is not None and source.column is not None


def _wide(spec: FileSpec, mapping: Mapping, terms: Terms) -> Conformed:
    parts = tuple(
        _block(spec, mapping, terms, block, number)
        for number, block in enumerate(mapping.forms, start=1)
    )
    return Conformed(before=(), parts=parts, readings=len(parts))


def _block(spec: FileSpec, mapping: Mapping, terms: Terms, block: FormBlock, number: int) -> Part:
    instrument = terms.instruments[(block.instrument_code, block.version)]
    columns = _canonical(spec, mapping, terms)
    if block.total is not None:
        text = cells.cell(block.total, spec.missing)
        columns["stated_total"] = cells.number(text, spec.dialect)
    for item_no, name in enumerate(item_columns(instrument), start=1):
        header = block.items.get(item_no)
        columns[name] = (
            cells.answer(header, spec, block.recode, block.scale_by, block.shift)
            if header
            else "null::double"
        )
    items = item_columns(instrument)
    filled = " + ".join(f"({identifier(name)} is not null)::integer" for name in items) or (
        "(stated_total is not null)::integer"
    )
    has_status = _sends_status(mapping)
    # A row shared by several questionnaires says nothing of one whose cells are all blank; a row
    # of its own with a status (declined, not offered) is a form that was due.
    keeps_blank = has_status and len(mapping.forms) == 1
    is_blank = "false" if keeps_blank else "n_filled = 0 and stated_total is null"
    table = f"forms_{number:02d}"
    sql = f"""
        create table {table} as
        with typed as (
            select
                row_number() over () as row_no,
                1::bigint as n_source_rows,
                {_excluded(spec, mapping)} as excluded,
                0.0 as n_stray_items,
                {_selected(columns)}
            from {terms.source}
        ),
        counted as (select *, {filled} as n_filled from typed)
        select
            * exclude (n_filled) replace (
                case when excluded is null and {is_blank} then '{BLANK_FORM}' else excluded end
                as excluded,
                {_status(has_status, "n_filled", len(items))} as status
            ),
            {_form_key(terms, instrument, block.language, block.informant)} as unit_key
        from counted
        """
    total = ("stated_total",) if block.total is not None else ()
    return Part(
        table=table,
        feed="administrations",
        sql=sql,
        instrument=instrument,
        language=block.language,
        informant=block.informant,
        mapped=_mapped(mapping, "status", *total),
    )


def _long(spec: FileSpec, mapping: Mapping, terms: Terms) -> Conformed:
    assert mapping.long is not None
    long = mapping.long
    identities = list(long.identity.items())
    columns = _canonical(spec, mapping, terms)
    word = cells.cell(long.instrument_column, ())
    which = " ".join(
        f"when {literal(name)} then {number}" for number, (name, _) in enumerate(identities)
    )
    value = " ".join(
        f"when {number} then "
        + cells.answer(long.value_column, spec, of.recode, of.scale_by, of.shift)
        for number, (_, of) in enumerate(identities)
    )
    item = cells.cell(long.item_column, spec.missing)
    bare = f"substr({item}, {len(long.item_prefix) + 1})" if long.item_prefix else item
    prefix = f"starts_with({item}, {literal(long.item_prefix)})" if long.item_prefix else "true"
    form = _key([identifier(column) for column in long.form_columns])
    before = f"""
        create table {LONG_ROWS} as
        with source as (
            select
                row_number() over () as row_no,
                (case {word} {which} else -1 end)::integer as identity_no,
                *
            from {terms.source}
        )
        select
            row_no,
            identity_no,
            {_excluded(spec, mapping)} as excluded,
            {form} as form_hash,
            case
                when {item} is null then null
                when {prefix} then coalesce(try_cast({bare} as smallint), -1)
                else -1
            end as item_no,
            (case identity_no {value} end)::double as value,
            {_selected(columns)}
        from source
        """
    parts = [_pivot(mapping, terms, of, number) for number, (_, of) in enumerate(identities)]
    unknown = f"""
        create table forms_unknown as
        select
            min(row_no) as row_no,
            count(*) as n_source_rows,
            null::varchar as excluded,
            {cells.INVALID_SQL} as instrument_code
        from {LONG_ROWS} where identity_no = -1 and excluded is null group by form_hash
        """
    excluded = f"""
        create table rows_excluded as
        select row_no, 1::bigint as n_source_rows, excluded
        from {LONG_ROWS} where excluded is not null
        """
    parts += [
        Part("forms_unknown", "administrations", unknown, is_unknown_instrument=True),
        Part("rows_excluded", "administrations", excluded, holds_only_exclusions=True),
    ]
    return Conformed(before=(before,), parts=tuple(parts), readings=1)


def _pivot(mapping: Mapping, terms: Terms, of: LongIdentity, number: int) -> Part:
    instrument = terms.instruments[(of.instrument_code, of.version)]
    items = item_columns(instrument)
    names = [column.name for column in terms.feed.columns]
    attributes = ", ".join(f"any_value({identifier(name)}) as {identifier(name)}" for name in names)
    pivoted = ", ".join(
        f"max(value) filter (item_no = {item_no}) as {name}"
        for item_no, name in enumerate(items, start=1)
    )
    everything = ", ".join(identifier(name) for name in names)
    known = f"item_no between 1 and {instrument.n_items}"
    # Numbers beyond 1..n are stray; so is a number that comes twice, or rows that contradict.
    stray = (
        f"count_if(not {known}) + count_if(item_no is null and value is not null) "
        f"+ count_if({known}) - coalesce(bit_count(bit_or("
        f"case when {known} then 1::hugeint << item_no::hugeint end)), 0) "
        f"+ (min(hash({everything})) <> max(hash({everything})))::integer"
    )
    filled = " + ".join(f"({name} is not null)::integer" for name in items)
    has_status = _sends_status(mapping)
    blank = "null::varchar" if has_status else f"case when n_filled = 0 then '{BLANK_FORM}' end"
    table = f"forms_{number + 1:02d}"
    sql = f"""
        create table {table} as
        with pivoted as (
            select
                min(row_no) as row_no,
                count(*) as n_source_rows,
                ({stray})::double as n_stray_items,
                {attributes},
                {pivoted}
            from {LONG_ROWS}
            where identity_no = {number} and excluded is null group by form_hash
        ),
        counted as (select *, {filled} as n_filled from pivoted)
        select
            * exclude (n_filled)
            replace ({_status(has_status, "n_filled", len(items))} as status),
            {blank} as excluded,
            {_form_key(terms, instrument, of.language, of.informant)} as unit_key
        from counted
        """
    return Part(
        table=table,
        feed="administrations",
        sql=sql,
        instrument=instrument,
        language=of.language,
        informant=of.informant,
        mapped=_mapped(mapping, "status"),
    )
