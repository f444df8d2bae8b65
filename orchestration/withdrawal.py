"""One client who withdraws: out of everything stored, and out of everything that comes later.

The client is kept as a pseudonym, which is what lets a later delivery, or a rebuild from the
archive, leave the rows out again; the ledger then counts them as excluded, reason `withdrawn`.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import duckdb

from orchestration.ingest.pseudonymised import WITHDRAWN
from orchestration.key_versions import registered, usable_key
from orchestration.removal import COUNTED, Removal, remove
from orchestration.rewriting import Step, Table
from orchestration.settings import Settings
from orchestration.sql import literal
from orchestration.warehouse import Warehouse

REASONS = ("client_request", "consent_withdrawn", "sent_in_error", "legal_order")


class NotWithdrawn(Exception):
    """Nothing was changed, and why."""


@dataclass(frozen=True)
class Withdrawn:
    """What a withdrawal took out: row versions by table, answers not counted."""

    practice_id: str
    removed: dict[str, int]
    was_known: bool
    """Whether the client had withdrawn before."""


def withdrawn_keys(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Pseudonyms of the clients who withdrew, by practice."""
    found: dict[str, list[str]] = defaultdict(list)
    for practice_id, client_key in con.execute(
        "select practice_id, client_key::varchar from quality.withdrawals order by all"
    ).fetchall():
        found[practice_id].append(client_key)
    return dict(found)


def withdraw(
    settings: Settings,
    practice_id: str,
    sender_id: str,
    on: date,
    reason_code: str = REASONS[0],
    *,
    may_be_unknown: bool = False,
    step: Step = lambda _: None,
) -> Withdrawn:
    """Take one client, named as the practice names them, out of the warehouse for good.

    The caller holds the writer's lock. Raises NotWithdrawn when no row of that client is stored
    (unless `may_be_unknown`: rows may come yet), DeliveryRefused for a key that cannot be used,
    RewritingFailed.
    """
    warehouse = Warehouse(settings)
    warehouse.prepare()
    with warehouse.connect() as con:
        key = usable_key(settings.keys, practice_id, registered(con).get(practice_id))
        client = key.pseudonym(sender_id)
        removed = _stored(con, practice_id, client)
        was_known = str(client) in withdrawn_keys(con).get(practice_id, [])
    if not (removed or was_known or may_be_unknown):
        raise NotWithdrawn(
            f"practice {practice_id} has no row of a client with that id, so nothing was changed; "
            "look whether the id is spelt as the practice sends it, and say --not-yet-seen if its "
            "rows are still to come"
        )
    if removed or not was_known:
        remove(
            settings,
            Removal(lambda table: _is_of(table, practice_id, client), WITHDRAWN, on),
            lambda con: _note(con, practice_id, client, on, reason_code, was_known),
            step,
        )
    return Withdrawn(practice_id, removed, was_known)


def _stored(con: duckdb.DuckDBPyConnection, practice_id: str, client: UUID) -> dict[str, int]:
    counts = {}
    for table in COUNTED:
        ((n_rows,),) = con.execute(
            f"select count(*) from {table} where practice_id = ? and client_key = ?",
            [practice_id, client],
        ).fetchall()
        if n_rows:
            counts[table] = int(n_rows)
    return counts


def _is_of(table: Table, practice_id: str, client: UUID) -> str | None:
    if not (table.has("client_key") and table.has("practice_id")):
        return None
    return f"(practice_id = {literal(practice_id)} and client_key = {literal(str(client))}::uuid)"


def _note(
    con: duckdb.DuckDBPyConnection,
    practice_id: str,
    client: UUID,
    on: date,
    reason_code: str,
    was_known: bool,
) -> None:
    if not was_known:
        con.execute(
            "insert into rewritten.quality.withdrawals values (?, ?, ?, ?)",
            [practice_id, client, on, reason_code],
        )
