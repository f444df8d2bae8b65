"""Conformed tables -> the frames Great Expectations judges, slice by slice. Pure SQL building.

A frame is indexed by the row numbers of the file, and by a label of the table it came from, so
that many small deliveries are judged in one go. Dates are days since 1970-01-01; what could not be
read is infinity or the INVALID mark.
"""

from dataclasses import dataclass

from expectations.check import DELIVERY, ROW, SAME_KEY, STRAY_ITEMS
from expectations.model import Feed
from orchestration.ingest.cells import INVALID_ID, INVALID_SQL, is_sender_id
from orchestration.ingest.conformed import Part
from orchestration.sql import identifier, literal


@dataclass(frozen=True)
class CheckedTable:
    """A conformed table of one delivery. `label` is unique among those judged together."""

    delivery_id: str
    schema: str
    part: Part
    feed: Feed

    @property
    def label(self) -> str:
        """Delivery and table."""
        return f"{self.delivery_id}/{self.part.table}"

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


def columns_sql(table: CheckedTable) -> str:
    """Select list of a frame: the columns the contract sends, and the items."""
    part = table.part
    if part.is_unknown_instrument:
        return f"{literal(table.label)} as {DELIVERY}, row_no as {ROW}, instrument_code"
    chosen = []
    for column in table.feed.columns:
        if column.name not in part.mapped:
            continue
        name = identifier(column.name)
        if column.type == "date":
            chosen.append(
                f"case when isinf({name}) then 'infinity'::double "
                f"else ({name} - date '1970-01-01')::double end as {name}"
            )
        elif is_sender_id(column):
            # Whether an id can be read is all a rule asks, so the pseudonym stays behind.
            chosen.append(
                f"case when {name} = {INVALID_ID} then {INVALID_SQL} when {name} is not null "
                f"then '' end as {name}"
            )
        else:
            chosen.append(name)
    stray = [STRAY_ITEMS] if part.instrument else []
    return ", ".join(
        [
            f"{literal(table.label)} as {DELIVERY}",
            f"row_no as {ROW}",
            *chosen,
            *part.items,
            *stray,
        ]
    )
