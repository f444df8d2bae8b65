"""Long layout: a row of the file is one item answer. Pure: declarations in, SQL out."""

from collections.abc import Sequence

from expectations.check import CONTRADICTIONS
from expectations.mapping import LongForms, LongIdentity, Mapping
from expectations.practice import FileSpec
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
UNKNOWN, IGNORED, TOTAL = -1, -2, -3
"""In place of an item's number: a word that is none, a question not counted, the stated total."""


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
        f"when {number} then {_value(long, spec, of, terms)}" for number, (_, of) in identities
    )
    weight = " ".join(
        f"when {number} then {_weight(long, spec, of, terms)}"
        for number, (_, of) in identities
        if long.ordinal_column and of.recode
    )
    total = cells.number(cells.cell(long.value_column), spec.dialect)
    known = " ".join(f"when {number} then {size}" for number, size in sizes.items())
    # What every row of a form says of the form, and says alike.
    about = [
        header
        for header in spec.wanted_columns
        if header
        not in (long.item_column, long.value_column, long.instrument_column, long.ordinal_column)
    ]
    pivoted = ", ".join(
        [
            f"max(total) filter (item_no = {TOTAL}) as item_total",
            *(
                f"max(value) filter (item_no = {item_no}) as item_{item_no:02d}"
                for item_no in range(1, max(sizes.values()) + 1)
            ),
        ]
    )
    gathered = f"""
        create or replace temp table {GATHERED_FORMS} as
        with tagged as (
            select
                *,
                (case {word} {which} else -1 end)::integer as identity_no,
                {exclusion(mapping)} as excluded
            from {NUMBERED_ROWS}
        ),
        itemed as (
            select *, {_item_no(long)} as item_no from tagged where excluded is null
        ),
        valued as (
            select
                *,
                (case identity_no {value} end)::double as value,
                {f"(case identity_no {weight} end)" if weight else "null"}::double as weight,
                case when item_no = {TOTAL} then {total} end as total,
                coalesce(item_no between 1 and (case identity_no {known} end), false) as is_known
            from itemed
        )
        select
            identity_no,
            min(row_no) as row_no,
            count(*) as n_source_rows,
            {_stray(about)} as n_stray_items,
            count_if(is_known and isfinite(value) and value <> weight) as {CONTRADICTIONS},
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
            {CONTRADICTIONS}::double as {CONTRADICTIONS},
            {selected(canonical(spec, mapping, terms))},
            columns('^item_([0-9]+|total)$')
        from {with_pseudonyms(GATHERED_FORMS, ids, spec)}
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


def _value(long: LongForms, spec: FileSpec, of: LongIdentity, terms: Terms) -> str:
    """An answer; its weight stands in where no code is recoded."""
    answer = _printed(long.value_column, spec, of, terms)
    if long.ordinal_column is None or of.recode:
        return answer
    return f"coalesce({_weight(long, spec, of, terms)}, {answer})"


def _weight(long: LongForms, spec: FileSpec, of: LongIdentity, terms: Terms) -> str:
    assert long.ordinal_column is not None
    return _printed(long.ordinal_column, spec, of.model_copy(update={"recode": {}}), terms)


def _printed(column: str, spec: FileSpec, of: LongIdentity, terms: Terms) -> str:
    """A column's number as the form prints it; `item_no` is known where this is asked."""
    instrument = terms.instruments[(of.instrument_code, of.version)]
    answer = cells.answer(column, spec, of, instrument)
    if not (of.already_reversed and instrument.reversed_items):
        return answer
    numbers = ", ".join(map(str, instrument.reversed_items))
    turned = cells.turned_back(answer, instrument)
    return f"(case when item_no in ({numbers}) then {turned} else {answer} end)"


def _item_no(long: LongForms) -> str:
    """The item's number, or UNKNOWN, IGNORED or TOTAL; null where the cell is blank."""
    item = cells.cell(long.item_column)
    number = (
        f"coalesce(try_cast(substr({item}, {len(long.item_prefix) + 1}) as smallint), {UNKNOWN})"
    )
    starts = f"starts_with({item}, {literal(long.item_prefix)})"
    # A number below 1 is nobody's item, and must not meet the marks for what is none.
    numbered = f"case when {starts} then greatest({number}, {UNKNOWN}) else {UNKNOWN} end"
    named = ""
    for identity_no, of in enumerate(long.identity.values()):
        means = [
            *((word, number) for number, words in of.items.items() for word in words),
            *((word, TOTAL) for word in of.total),
            *((word, IGNORED) for word in of.ignored),
        ]
        if means:
            cases = " ".join(f"when {literal(word)} then {number}" for word, number in means)
            other = UNKNOWN if of.items else f"({numbered})"
            named += (
                f" when identity_no = {identity_no} then (case {item} {cases} else {other} end)"
            )
    return f"(case when {item} is null then null{named} else ({numbered}) end)::smallint"


def _once_a_form(about: Sequence[str]) -> str:
    return ", ".join(f"any_value({cells.cell(name)}) as {cells.cell(name)}" for name in about)


def _stray(about: Sequence[str]) -> str:
    """Item rows of a form that belong nowhere: an unknown number, a number that comes twice, an
    answer without a number, a second total, or rows that contradict each other about the form."""
    said = ", ".join(cells.cell(name) for name in about)
    return (
        f"count_if(item_no is not null and not is_known and item_no not in ({IGNORED}, {TOTAL})) "
        f"+ greatest(count_if(item_no = {TOTAL}) - 1, 0) "
        "+ count_if(item_no is null and value is not null) "
        "+ count_if(is_known) - coalesce(bit_count(bit_or("
        "case when is_known then 1::hugeint << item_no::hugeint end)), 0) "
        f"+ (min(hash({said})) <> max(hash({said})))::integer"
    )


def _pivot(mapping: Mapping, terms: Terms, of: LongIdentity, number: int) -> Part:
    instrument = terms.instruments[(of.instrument_code, of.version)]
    items = item_columns(instrument)
    filled = " + ".join(f"({name} is not null)::integer" for name in items or ("item_total",))
    canonical = {column.name: identifier(column.name) for column in terms.feed.columns}
    more = ["status"]
    if of.total:
        canonical["stated_total"] = "item_total"
        more.append("stated_total")
    if mapping.long is not None and mapping.long.ordinal_column and of.recode:
        more.append(CONTRADICTIONS)
    has_status = sends_status(mapping)
    is_blank = "n_filled = 0 and stated_total is null"
    blank = "null::varchar" if has_status else f"case when {is_blank} then '{BLANK_FORM}' end"
    table = f"forms_{number + 1:02d}"
    sql = f"""
        create table {table} as
        with forms as (
            select
                row_no,
                n_source_rows,
                n_stray_items,
                {CONTRADICTIONS},
                {selected(canonical)},
                {", ".join(items) + "," if items else ""}
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
        mapped=mapped_columns(mapping, *more),
    )
