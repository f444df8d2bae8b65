"""Wide layout: a row of the file carries one or more forms. Pure: declarations in, SQL out."""

from expectations.instrument import Instrument
from expectations.mapping import FormBlock, Mapping
from expectations.practice import FileSpec
from orchestration.ingest import cells
from orchestration.ingest.conformed import (
    BLANK_FORM,
    NUMBERED_ROWS,
    Conformed,
    Part,
    Terms,
    canonical,
    exclusion,
    find_pseudonyms,
    form_key,
    item_columns,
    mapped_columns,
    not_of_form,
    selected,
    sends_status,
    status_sql,
    trim_cells,
    typed_columns,
    with_pseudonyms,
)
from orchestration.sql import identifier

WIDE_ROWS = "wide_rows"


def conform_wide(spec: FileSpec, mapping: Mapping, terms: Terms) -> Conformed:
    """The file is read once, whatever the number of questionnaires in a row."""
    numbered = list(enumerate(mapping.forms, start=1))
    answers = {
        name: sql
        for number, block in numbered
        for name, sql in _answers(spec, terms, block, number).items()
    }
    own = {
        name: sql
        for number, block in numbered
        for name, sql in _own_columns(spec, mapping, terms, block, number).items()
    }
    ids = _id_headers(mapping, terms)
    wide = f"""
        create table {WIDE_ROWS} as
        select
            row_no,
            {exclusion(mapping)} as excluded,
            {selected({**canonical(spec, mapping, terms), **own, **answers})}
        from {with_pseudonyms(NUMBERED_ROWS, ids, spec)}
        """
    before = (trim_cells(spec, terms), find_pseudonyms(NUMBERED_ROWS, ids, spec), wide)
    blanks = [
        "select row_no, 1::bigint as n_source_rows, "
        f"coalesce(excluded, {_other(number)}, '{BLANK_FORM}') as excluded from {WIDE_ROWS} "
        f"where not {_holds_form(mapping, terms, number, block)}"
        for number, block in numbered
    ]
    excluded = f"create table rows_excluded as {' union all '.join(blanks)}"
    parts = [_block(mapping, terms, block, number) for number, block in numbered]
    parts.append(Part("rows_excluded", "administrations", excluded, holds_only_exclusions=True))
    return Conformed(before=before, parts=tuple(parts), readings=len(numbered))


def _own(number: int, name: str) -> str:
    return f"b{number:02d}_own_{name}"


def _other(number: int) -> str:
    return f"b{number:02d}_other"


def _own_columns(
    spec: FileSpec, mapping: Mapping, terms: Terms, block: FormBlock, number: int
) -> dict[str, str]:
    """A block's own columns, and why a row cannot hold its form, under names of the block's own."""
    typed = typed_columns(block.columns, block.columns, spec, mapping, terms)
    named = {_own(number, name): sql for name, sql in typed.items()}
    return {**named, _other(number): not_of_form(block)}


def _id_headers(mapping: Mapping, terms: Terms) -> list[str]:
    sources = [mapping.columns, *(block.columns for block in mapping.forms)]
    found = [h for each in sources for h in cells.id_headers(terms.feed.columns, each)]
    return list(dict.fromkeys(found))


def _answer_names(instrument: Instrument, number: int) -> list[str]:
    return [f"b{number:02d}_{item}" for item in item_columns(instrument)]


def _answers(spec: FileSpec, terms: Terms, block: FormBlock, number: int) -> dict[str, str]:
    """A block's item answers and stated total, under names of the block's own."""
    instrument = terms.instruments[(block.instrument_code, block.version)]
    found = {}
    for item_no, name in enumerate(_answer_names(instrument, number), start=1):
        header = block.items.get(item_no)
        value = cells.answer(header, spec, block, instrument) if header else "null::double"
        if block.already_reversed and item_no in instrument.reversed_items:
            value = cells.turned_back(value, instrument)
        found[name] = value
    total = cells.number(cells.cell(block.total), spec.dialect) if block.total else "null::double"
    return {**found, f"b{number:02d}_total": total}


def _n_filled(terms: Terms, block: FormBlock, number: int) -> str:
    instrument = terms.instruments[(block.instrument_code, block.version)]
    names = _answer_names(instrument, number) or [f"b{number:02d}_total"]
    return "(" + " + ".join(f"({name} is not null)::integer" for name in names) + ")"


def _is_blank(mapping: Mapping, terms: Terms, number: int, block: FormBlock) -> str:
    """Whether a row holds no form of this block.

    A row shared by several questionnaires says nothing of one whose cells are all blank; a row of
    its own with a status (declined, not offered) is a form that was due. So is one whose block has
    a status of its own, but `partial` without an answer is a form that nobody began.
    """
    n_filled = _n_filled(terms, block, number)
    nothing = f"({n_filled} = 0 and b{number:02d}_total is null)"
    own = block.columns.get("status")
    if own is not None and own.column is not None:
        return f"({nothing} and coalesce({_own(number, 'status')}, 'partial') = 'partial')"
    if sends_status(mapping) and len(mapping.forms) == 1:
        return "false"
    return nothing


def _holds_form(mapping: Mapping, terms: Terms, number: int, block: FormBlock) -> str:
    blank = _is_blank(mapping, terms, number, block)
    return f"(excluded is null and {_other(number)} is null and not {blank})"


def _block(mapping: Mapping, terms: Terms, block: FormBlock, number: int) -> Part:
    instrument = terms.instruments[(block.instrument_code, block.version)]
    items = item_columns(instrument)
    names = zip(_answer_names(instrument, number), items, strict=True)
    canonical = {
        column.name: _own(number, column.name)
        if column.name in block.columns
        else identifier(column.name)
        for column in terms.feed.columns
    }
    answers = {item: name for name, item in names}
    has_status = sends_status(mapping, block)
    n_filled = _n_filled(terms, block, number)
    table = f"forms_{number:02d}"
    sql = f"""
        create table {table} as
        with forms as (
            select
                row_no,
                1::bigint as n_source_rows,
                null::varchar as excluded,
                0.0 as n_stray_items,
                {selected({**canonical, "stated_total": f"b{number:02d}_total"})},
                {selected(answers) + "," if answers else ""}
                {n_filled} as n_filled
            from {WIDE_ROWS}
            where {_holds_form(mapping, terms, number, block)}
        )
        select
            * exclude (n_filled)
            replace ({status_sql(has_status, "n_filled", len(items))} as status),
            {form_key(terms, instrument, block.language, block.informant)} as unit_key
        from forms
        """
    total = ("stated_total",) if block.total is not None else ()
    return Part(
        table=table,
        feed="administrations",
        sql=sql,
        instrument=instrument,
        language=block.language,
        informant=block.informant,
        mapped=mapped_columns(mapping, *block.columns, "status", *total),
    )
