"""Contract -> canonical columns, one row per unit. Pure: declarations in, SQL text out."""

from expectations.mapping import Mapping
from expectations.model import FeedName
from expectations.practice import FileSpec
from expectations.registry import Registry
from expectations.units import unit_column
from orchestration.ingest import cells
from orchestration.ingest.conform_long import conform_long
from orchestration.ingest.conform_wide import conform_wide
from orchestration.ingest.conformed import (
    NUMBERED_ROWS,
    Conformed,
    Part,
    Terms,
    canonical,
    exclusion,
    find_pseudonyms,
    key,
    mapped_columns,
    selected,
    trim_cells,
    with_pseudonyms,
)
from orchestration.sql import identifier

REPEATED_ROW = "repeated_row"


def mapped_parts(
    registry: Registry, practice_id: str, feed: FeedName, spec: FileSpec, source: str = ""
) -> Conformed:
    """How one feed of one kind of file is conformed; the same on both sides of the pipe."""
    practice = registry.practices[practice_id]
    mapping = next(m for m in spec.mappings if m.feed == feed)
    terms = Terms(
        practice_id=practice_id,
        sites=tuple(site.site_id for site in practice.sites),
        feed=registry.feeds[feed],
        instruments=registry.instruments,
        source=source,
    )
    return conform(spec, mapping, terms)


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
    unit = key(list(map(identifier, terms.feed.key)))
    ids = cells.id_headers(terms.feed.columns, mapping.columns)
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
                row_no,
                1::bigint as n_source_rows,
                {exclusion(mapping)} as excluded,
                {selected(columns)}
            from {with_pseudonyms(NUMBERED_ROWS, ids, spec)}
        )
        select * replace ({excluded} as excluded), {unit} as unit_key from typed
        """
    before = (trim_cells(spec, terms), find_pseudonyms(NUMBERED_ROWS, ids, spec))
    # A row that names no client is a unit's: whether it names either is for the check to say.
    named = ("client_id",) if unit_column(spec, mapping) is not None else ()
    part = Part(table=name, feed=mapping.feed, sql=sql, mapped=mapped_columns(mapping, *named))
    return Conformed(before=before, parts=(part,), readings=1)
