"""Conformed tables -> the frames Great Expectations judges, slice by slice. Pure SQL building.

A frame is indexed by the row numbers of the file, and by a label of the table it came from, so
that many small deliveries are judged in one go. Dates are days since 1970-01-01; what could not be
read is infinity or the INVALID mark. Words are enumerations, which arrive in pandas as codes: a
handful of words over many rows cost Great Expectations a fraction of texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from expectations.check import CONTRADICTIONS, DELIVERY, INVALID, ROW, SAME_KEY, STRAY_ITEMS, given
from expectations.feed_checks import SITE_ID
from expectations.model import Feed
from orchestration.ingest.cells import INVALID_ID, INVALID_SQL, is_sender_id
from orchestration.ingest.conformed import Part
from orchestration.sql import identifier, literal, literals

READABLE = "readable"
"""What a frame holds in place of an id."""


@dataclass(frozen=True)
class CheckedTable:
    """A conformed table of one delivery."""

    delivery_id: str
    schema: str
    part: Part
    feed: Feed
    tolerated: Mapping[str, float] = field(default_factory=dict)
    """Check -> the share of this delivery's rows that may fail it, in place of the feed's."""

    @property
    def relation(self) -> str:
        """The table's name in SQL."""
        return f"scratch.{identifier(self.schema)}.{identifier(self.part.table)}"


def repeats_sql(table: CheckedTable) -> str:
    """Rows whose unit's key is not alone in the delivery, with `n_same_key`.

    Of exact copies the first counts 1 and is kept. Where versions contradict each other nothing
    says which is right, so all count from 2.
    """
    content = ", ".join(
        identifier(name)
        for name in (*(column.name for column in table.feed.columns), *table.part.items)
    )
    included = f"from {table.relation} where excluded is null"
    return f"""
        select
            row_no,
            row_number() over units
            + (min(content) over all_of <> max(content) over all_of)::integer as {SAME_KEY}
        from (
            select row_no, unit_key, hash({content}) as content {included} and unit_key in (
                select unit_key {included} group by unit_key having count(*) > 1
            )
        )
        window
            units as (partition by unit_key order by row_no),
            all_of as (partition by unit_key)
        """


def columns_sql(table: CheckedTable, number: int, sites: Sequence[str]) -> str:
    """Select list of a frame: the columns the contract sends, and the items.

    `number` stands for the table in the frame's index; `sites` are those of every practice.
    """
    part = table.part
    index = f"{number} as {DELIVERY}, row_no as {ROW}"
    if part.is_unknown_instrument:
        return f"{index}, {_word('instrument_code', ())} as instrument_code"
    chosen = []
    for column in table.feed.columns:
        if column.name not in part.mapped:
            continue
        name = identifier(column.name)
        chosen += [
            f"case when {identifier(rule.when_column)} = {literal(rule.when_word or '')} "
            f"then ({name} is not null)::double end as {identifier(given(column.name))}"
            for rule in column.rules
            if rule.when_column is not None and rule.when_column in part.mapped
        ]
        if column.type == "date":
            chosen.append(
                f"case when isinf({name}) then 'infinity'::double "
                f"else ({name} - date '1970-01-01')::double end as {name}"
            )
        elif is_sender_id(column):
            # Whether an id can be read is all a rule asks, so the pseudonym stays behind.
            read = f"case when {name} <> {INVALID_ID} then '{READABLE}' else {INVALID_SQL} end"
            word = _word(f"case when {name} is not null then ({read}) end", (READABLE,))
            chosen.append(f"{word} as {name}")
        elif column.type in ("enumeration", "id"):
            words = sites if column.name == SITE_ID else column.allowed
            chosen.append(f"{_word(name, words)} as {name}")
        else:
            chosen.append(name)
    stray = [STRAY_ITEMS] if part.instrument else []
    if CONTRADICTIONS in part.mapped:
        stray.append(CONTRADICTIONS)
    return ", ".join([index, *chosen, *part.items, *stray])


def _word(text: str, words: Sequence[str]) -> str:
    known = literals(dict.fromkeys([*words, INVALID]))
    return f"({text})::enum({known})"
