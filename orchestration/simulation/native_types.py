"""Cells with types, for the formats that have some: days as days, numbers as numbers.

What a column holds follows from the contract: which canonical column it becomes, or that it is an
answer whose words are not recoded. Ids and words stay text.
"""

from collections.abc import Mapping as MappingType
from enum import Enum

import pyarrow as pa
import pyarrow.compute as pc

from expectations.mapping import Mapping, Source
from expectations.model import Feed, FeedName
from expectations.practice import FileSpec
from orchestration.simulation.native_rows import Cells

Feeds = MappingType[FeedName, Feed]
_ISO_DAY = "%Y-%m-%d"


class Kind(Enum):
    """What the cells of a column are."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    TRUTH = "true or false"
    DAY = "day"


ARROW_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.WHOLE: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.TRUTH: pa.bool_(),
    Kind.DAY: pa.date32(),
}


def kinds_of(spec: FileSpec, feeds: Feeds) -> dict[str, Kind]:
    """The kind of each column of a file that is more than text."""
    found: dict[str, Kind] = {}
    for mapping in spec.mappings:
        own = [block.columns for block in mapping.forms]
        for sources in (mapping.columns, *own):
            for name, source in sources.items():
                if source.column is not None:
                    found.setdefault(source.column, _kind(mapping, name, source, feeds))
        for block in mapping.forms:
            if not block.recode:
                found |= dict.fromkeys(block.items.values(), Kind.NUMBER)
            if block.total is not None:
                found[block.total] = Kind.NUMBER
        if mapping.long is not None and not any(
            identity.recode for identity in mapping.long.identity.values()
        ):
            found[mapping.long.value_column] = Kind.NUMBER
    return found


def _kind(mapping: Mapping, name: str, source: Source, feeds: Feeds) -> Kind:
    column_type = feeds[mapping.feed].column(name).type
    if source.age_bands:
        return Kind.WHOLE
    if source.recode:
        return Kind.TEXT
    if column_type == "date":
        is_plain = (source.date_format or mapping.date_format) == _ISO_DAY
        return Kind.DAY if is_plain else Kind.TEXT
    plain = {"integer": Kind.WHOLE, "number": Kind.NUMBER, "boolean": Kind.TRUTH}
    return plain.get(column_type, Kind.TEXT)


def typed(spec: FileSpec, cells: Cells, kinds: MappingType[str, Kind]) -> Cells:
    """The same cells as arrays of their types; a word for nothing is null."""
    return {
        column: _typed(spec, texts, kinds.get(column, Kind.TEXT)) for column, texts in cells.items()
    }


def _typed(spec: FileSpec, texts: pa.Array, kind: Kind) -> pa.Array:
    nothing = ["", *(spec.missing if kind is not Kind.TEXT else ())]
    is_nothing = pc.is_in(texts, value_set=pa.array(nothing))
    known = pc.if_else(is_nothing, pa.scalar(None, pa.string()), texts)
    if kind in (Kind.WHOLE, Kind.NUMBER):
        known = pc.replace_substring(known, spec.dialect.decimal_mark, ".")
    return known.cast(ARROW_TYPES[kind])
