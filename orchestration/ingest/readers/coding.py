"""Whether a survey's choices are exported as codes or as labels, held against the contract.

The wrong one of the two would send every form of the file into quarantine; a column whose words are
the survey system's own tells them apart before that.
"""

from collections.abc import Sequence
from typing import Literal

import duckdb

from orchestration.ingest.readers.delimited import unreadable
from orchestration.ingest.readers.opened import TextRelation
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.sql import identifier, literals

Coding = Literal["raw", "label"]

ROWS_LOOKED_AT = 10_000


def check_coding(
    con: duckdb.DuckDBPyConnection,
    relation: TextRelation,
    columns: Sequence[str],
    words: dict[Coding, tuple[str, ...]],
    declared: Coding,
) -> None:
    """Hold a file against the declared coding by the system's own columns.

    `words` are what such a column holds under each coding, in small letters.
    Raises DeliveryRefused: wrong_coding, unreadable_row.
    """
    if not columns:
        return
    other: Coding = "label" if declared == "raw" else "raw"
    cells = [identifier(column) for column in columns]
    counts = [
        f"count_if(lower(trim({cell})) in ({literals(words[coding])}))"
        for coding in (other, declared)
        for cell in cells
    ]
    try:
        (row,) = con.execute(
            f"select {', '.join(counts)} "
            f"from (select {', '.join(cells)} from {relation.sql} limit {ROWS_LOOKED_AT})"
        ).fetchall()
    except duckdb.InvalidInputException as error:
        raise unreadable(error) from error
    of_other, of_declared = row[: len(cells)], row[len(cells) :]
    # A project may have a column of its own that is called like the system's.
    if any(of_declared) or not any(of_other):
        return
    # By place: a name is shown only once the gate has found that line 1 is a header.
    places = [
        str(relation.columns.index(column) + 1)
        for column, n in zip(columns, of_other, strict=True)
        if n
    ]
    what = {"raw": "codes", "label": "labels"}
    raise DeliveryRefused(
        "wrong_coding",
        f"the contract says `coding: {declared}`, but {what[other]} stand in the columns at "
        f"positions {', '.join(places)}; export the {what[declared]}, or set `coding: {other}` "
        "and recode what stands there",
    )
