"""Long layout: a row of the file is one item answer. Pure: declarations in, SQL out."""

from collections.abc import Sequence

from expectations.practice import FileSpec, LongForms, LongIdentity, Mapping
from orchestration.ingest import cells
from orchestration.ingest.conformed import (
    BLANK_FORM,
    NUMBERED_ROWS,
    PSEUDONYMS,
    TRIMMED_CELLS,
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
from orchestration.sql import identifier, literal

LONG_FORMS = "long_forms"
GATHERED_FORMS = "gathered_forms"


def conform_long(spec: FileSpec, mapping: Mapping, terms: Terms) -> Conformed:
    """Rows are gathered into forms first, so that ids and dates are read once a form.

    They are gathered by the sender's own ids: what the engine spills of it holds them in the clear.
    """
    assert mapping.long is not None
    long = mapping.long
    identities = list(enumerate(long.identity.items()))
    sizes = {
        number: terms.instruments[(of.instrument_code, of.version)].n_items
        for number, (_, of) in identities
    }
    word = cells.cell(long.instrument_column)
    which = " ".join(f"when {literal(name)} then {number}" for number, (name, _) in identities)
    value = " ".join(
        f"when {number} then "
        + cells.answer(long.value_column, spec, of.recode, of.scale_by, of.shift)
        for number, (_, of) in identities
    )
    known = " ".join(f"when {number} then {size}" for number, size in sizes.items())
    # What every row of a form says of the form, and says alike.
    about = [
        header
        for header in spec.wanted_columns
        if header not in (long.item_column, long.value_column, long.instrument_column)
    ]
    pivoted = ", ".join(
        f"max(value) filter (item_no = {item_no}) as item_{item_no:02d}"
        for item_no in range(1, max(sizes.values()) + 1)
    )
    gathered = f"""
        create or replace temp table {GATHERED_FORMS} as
        with tagged as (
            select
                *,
                (case {word} {which} else -1 end)::integer as identity_no,
                {exclusion(mapping)} as excluded,
                {_item_no(long)} as item_no
            from {NUMBERED_ROWS}
        ),
        valued as (
            select
                *,
                (case identity_no {value} end)::double as value,
                coalesce(item_no between 1 and (case identity_no {known} end), false) as is_known
            from tagged where excluded is null
        )
        select
            identity_no,
            min(row_no) as row_no,
            count(*) as n_source_rows,
            {_stray(about)} as n_stray_items,
            {_once_a_form(about)},
            {pivoted}
        from valued
        group by identity_no, {", ".join(cells.cell(name) for name in long.form_columns)}
        """
    ids = cells.id_headers(terms.feed.columns, mapping.columns)
    forms = f"""
        create table {LONG_FORMS} as
        select
            identity_no,
            row_no,
            n_source_rows,
            n_stray_items::double as n_stray_items,
            {selected(canonical(spec, mapping, terms))},
            columns('^item_[0-9]+$')
        from {with_pseudonyms(GATHERED_FORMS, ids)}
        """
    unknown = f"""
        create table forms_unknown as
        select
            row_no, n_source_rows, null::varchar as excluded,
            {cells.INVALID_SQL} as instrument_code
        from {LONG_FORMS} where identity_no = -1
        """
    excluded = f"""
        create table rows_excluded as
        select row_no, 1::bigint as n_source_rows, {exclusion(mapping)} as excluded
        from {NUMBERED_ROWS} where ({exclusion(mapping)}) is not null
        """
    parts = [_pivot(mapping, terms, of, number) for number, (_, of) in identities]
    parts += [
        Part("forms_unknown", "administrations", unknown, is_unknown_instrument=True),
        Part("rows_excluded", "administrations", excluded, holds_only_exclusions=True),
    ]
    pseudonyms = find_pseudonyms(GATHERED_FORMS, ids, spec)
    return Conformed(
        before=(trim_cells(spec, terms), gathered, pseudonyms, forms),
        parts=tuple(parts),
        readings=1,
        temporary=(TRIMMED_CELLS, GATHERED_FORMS, PSEUDONYMS),
    )


def _item_no(long: LongForms) -> str:
    """The item's number; -1 where the cell holds none, null where it is blank."""
    item = cells.cell(long.item_column)
    number = f"coalesce(try_cast(substr({item}, {len(long.item_prefix) + 1}) as smallint), -1)"
    starts = f"starts_with({item}, {literal(long.item_prefix)})"
    return f"case when {item} is null then null when {starts} then {number} else -1 end"


def _once_a_form(about: Sequence[str]) -> str:
    return ", ".join(f"any_value({cells.cell(name)}) as {cells.cell(name)}" for name in about)


def _stray(about: Sequence[str]) -> str:
    """Item rows of a form that belong nowhere: an unknown number, a number that comes twice, an
    answer without a number, or rows that contradict each other about the form."""
    said = ", ".join(cells.cell(name) for name in about)
    return (
        "count_if(item_no is not null and not is_known) "
        "+ count_if(item_no is null and value is not null) "
        "+ count_if(is_known) - coalesce(bit_count(bit_or("
        "case when is_known then 1::hugeint << item_no::hugeint end)), 0) "
        f"+ (min(hash({said})) <> max(hash({said})))::integer"
    )


def _pivot(mapping: Mapping, terms: Terms, of: LongIdentity, number: int) -> Part:
    instrument = terms.instruments[(of.instrument_code, of.version)]
    items = item_columns(instrument)
    filled = " + ".join(f"({name} is not null)::integer" for name in items)
    canonical = {column.name: identifier(column.name) for column in terms.feed.columns}
    has_status = sends_status(mapping)
    blank = "null::varchar" if has_status else f"case when n_filled = 0 then '{BLANK_FORM}' end"
    table = f"forms_{number + 1:02d}"
    sql = f"""
        create table {table} as
        with forms as (
            select
                row_no,
                n_source_rows,
                n_stray_items,
                {selected(canonical)},
                {", ".join(items)},
                {filled} as n_filled
            from {LONG_FORMS} where identity_no = {number}
        )
        select
            * exclude (n_filled)
            replace ({status_sql(has_status, "n_filled", len(items))} as status),
            {blank} as excluded,
            {form_key(terms, instrument, of.language, of.informant)} as unit_key
        from forms
        """
    return Part(
        table=table,
        feed="administrations",
        sql=sql,
        instrument=instrument,
        language=of.language,
        informant=of.informant,
        mapped=mapped_columns(mapping, "status"),
    )
