"""Contract -> canonical columns, one row per unit. Pure: declarations in, SQL text out."""

from expectations.practice import FileSpec, Mapping
from orchestration.ingest.conform_long import conform_long
from orchestration.ingest.conform_wide import conform_wide
from orchestration.ingest.conformed import (
    Conformed,
    Part,
    Terms,
    canonical,
    exclusion,
    key,
    mapped_columns,
    selected,
    trimmed_rows,
)
from orchestration.sql import identifier, literal

REPEATED_ROW = "repeated_row"
TYPED_ROWS = "typed_rows"


def conform(spec: FileSpec, mapping: Mapping, terms: Terms) -> Conformed:
    """How to make the canonical tables of one mapping."""
    if mapping.layout == "table":
        return _table(spec, mapping, terms)
    if mapping.layout == "wide":
        return conform_wide(spec, mapping, terms)
    return conform_long(spec, mapping, terms)


def _table(spec: FileSpec, mapping: Mapping, terms: Terms) -> Conformed:
    name = mapping.feed
    columns = canonical(spec, mapping, terms)
    unit = key([literal(terms.practice_id), *(identifier(key) for key in terms.feed.key)])
    excluded = "excluded"
    if mapping.distinct:
        # A repeat is the same row again; a row that differs stays in and fails `unique`.
        content = ", ".join(identifier(column) for column in columns)
        excluded = (
            f"case when excluded is null and row_number() over (partition by {content} "
            f"order by row_no) > 1 then '{REPEATED_ROW}' else excluded end"
        )
    before = f"""
        create table {TYPED_ROWS} as
        select {exclusion(mapping)} as excluded, {selected(columns)}
        from {trimmed_rows(spec, terms)}
        """
    sql = f"""
        create table {identifier(name)} as
        with numbered as (
            select rowid + 1 as row_no, 1::bigint as n_source_rows, * from {TYPED_ROWS}
        )
        select * replace ({excluded} as excluded), {unit} as unit_key from numbered
        """
    part = Part(table=name, feed=mapping.feed, sql=sql, mapped=mapped_columns(mapping))
    return Conformed(before=(before,), parts=(part,), readings=1)
