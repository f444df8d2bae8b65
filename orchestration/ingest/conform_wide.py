"""Wide layout: a row of the file carries one or more forms. Pure: declarations in, SQL out."""

from expectations.instrument import Instrument
from expectations.practice import FileSpec, FormBlock, Mapping
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
    selected,
    sends_status,
    status_sql,
    trim_cells,
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
    ids = cells.id_headers(terms.feed.columns, mapping.columns)
    wide = f"""
        create table {WIDE_ROWS} as
        select
            row_no,
            {exclusion(mapping)} as excluded,
            {selected(canonical(spec, mapping, terms))},
            {selected(answers)}
        from {with_pseudonyms(NUMBERED_ROWS, ids)}
        """
    before = (trim_cells(spec, terms), find_pseudonyms(NUMBERED_ROWS, ids, spec), wide)
    blanks = [
        "select row_no, 1::bigint as n_source_rows, "
        f"coalesce(excluded, '{BLANK_FORM}') as excluded "
        f"from {WIDE_ROWS} where excluded is not null or {_is_blank(mapping, terms, *each)}"
        for each in numbered
    ]
    excluded = f"create table rows_excluded as {' union all '.join(blanks)}"
    parts = [_block(mapping, terms, block, number) for number, block in numbered]
    parts.append(Part("rows_excluded", "administrations", excluded, holds_only_exclusions=True))
    return Conformed(before=before, parts=tuple(parts), readings=len(numbered))


def _answer_names(instrument: Instrument, number: int) -> list[str]:
    return [f"b{number:02d}_{item}" for item in item_columns(instrument)]


def _answers(spec: FileSpec, terms: Terms, block: FormBlock, number: int) -> dict[str, str]:
    """A block's item answers and stated total, under names of the block's own."""
    instrument = terms.instruments[(block.instrument_code, block.version)]
    found = {}
    for item_no, name in enumerate(_answer_names(instrument, number), start=1):
        header = block.items.get(item_no)
        found[name] = (
            cells.answer(header, spec, block.recode, block.scale_by, block.shift)
            if header
            else "null::double"
        )
    total = cells.number(cells.cell(block.total), spec.dialect) if block.total else "null::double"
    return {**found, f"b{number:02d}_total": total}


def _n_filled(terms: Terms, block: FormBlock, number: int) -> str:
    instrument = terms.instruments[(block.instrument_code, block.version)]
    names = _answer_names(instrument, number) or [f"b{number:02d}_total"]
    return "(" + " + ".join(f"({name} is not null)::integer" for name in names) + ")"


def _is_blank(mapping: Mapping, terms: Terms, number: int, block: FormBlock) -> str:
    """Whether a row holds no form of this block.

    A row shared by several questionnaires says nothing of one whose cells are all blank; a row of
    its own with a status (declined, not offered) is a form that was due.
    """
    if sends_status(mapping) and len(mapping.forms) == 1:
        return "false"
    return f"({_n_filled(terms, block, number)} = 0 and b{number:02d}_total is null)"


def _block(mapping: Mapping, terms: Terms, block: FormBlock, number: int) -> Part:
    instrument = terms.instruments[(block.instrument_code, block.version)]
    items = item_columns(instrument)
    names = zip(_answer_names(instrument, number), items, strict=True)
    canonical = {column.name: identifier(column.name) for column in terms.feed.columns}
    answers = {item: name for name, item in names}
    has_status = sends_status(mapping)
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
            where excluded is null and not {_is_blank(mapping, terms, number, block)}
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
        mapped=mapped_columns(mapping, "status", *total),
    )
