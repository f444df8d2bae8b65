"""What is done to conformed rows once ids are pseudonyms: later key versions, withdrawn clients.

Works on the tables of the scratch schema in use, before any check looks at them, so that a row that
is left out is in no verdict, no quarantine and no tolerance.
"""

from collections.abc import Iterable, Sequence

import duckdb

from expectations.model import Feed
from orchestration.ingest.cells import INVALID_ID, is_sender_id
from orchestration.ingest.conformed import Part
from orchestration.sql import identifier, literal, literals

WITHDRAWN = "withdrawn"
"""Reason under which the ledger counts rows of clients who withdrew."""


def follow_rotations(con: duckdb.DuckDBPyConnection, feed: Feed, parts: Iterable[Part]) -> None:
    """Replace every pseudonym, and every form's name, by its successor under the newest key."""
    names = [column.name for column in feed.columns if is_sender_id(column)]
    for part in _with_units(parts):
        changed = ", ".join(
            f"{identifier(name)} = case when {identifier(name)} = {INVALID_ID} then {INVALID_ID} "
            f"else successor({identifier(name)}) end"
            for name in (*names, "unit_key")
        )
        con.execute(f"update {identifier(part.table)} set {changed}")


def exclude_withdrawn(
    con: duckdb.DuckDBPyConnection, parts: Iterable[Part], withdrawn: Sequence[str]
) -> None:
    """Leave out the units of withdrawn clients; a reason the contract gives stays the reason."""
    if not withdrawn:
        return
    for part in _with_units(parts):
        con.execute(
            f"update {identifier(part.table)} set excluded = {literal(WITHDRAWN)} "
            f"where excluded is null and client_id::varchar in ({literals(withdrawn)})"
        )


def _with_units(parts: Iterable[Part]) -> Iterable[Part]:
    """Parts whose rows carry ids: not those that only count rows, or know no questionnaire."""
    return (p for p in parts if not (p.is_unknown_instrument or p.holds_only_exclusions))
