"""Ledger and archive held together: what the one knows is noted in the other.

Called when a run begins, after each load and after a withdrawal, under the writer's lock.
"""

import contextlib

import duckdb

from expectations.registry import Registry
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.kept_rules import rules_document
from orchestration.key_versions import registered, usable_key
from orchestration.load_notes import LoadNotes, known_names, noted_rows, said_briefly
from orchestration.settings import Settings
from orchestration.warehouse import WarehouseDamaged
from orchestration.withdrawal import withdrawn_keys


def refuse_lost_file(settings: Settings) -> None:
    """Raises WarehouseDamaged when the archive has loads and the warehouse is gone."""
    if settings.warehouse.exists():
        return
    noted = LoadNotes(settings.archive).names()
    if noted:
        raise WarehouseDamaged(f"its file is gone, and {len(noted)} loads are in the archive")


def settle_notes(settings: Settings, registry: Registry, con: duckdb.DuckDBPyConnection) -> None:
    """Write what a killed run did not note. Raises WarehouseDamaged when the ledger lacks a load
    that was noted, and so was committed."""
    noted, known = LoadNotes(settings.archive).names(), known_names(con)
    lost = noted - known
    if lost:
        raise WarehouseDamaged(
            f"the ledger lacks {len(lost)} loads that were committed: {said_briefly(lost)}"
        )
    missing = [name.load_seq for name in known - noted]
    if missing:
        note_loads(settings, registry, con, *missing)
    note_withdrawals(settings, con)


def note_loads(
    settings: Settings, registry: Registry, con: duckdb.DuckDBPyConnection, *load_seqs: int
) -> None:
    """Write beside the archived file what a lost ledger would have said of a load.

    A practice whose key cannot be used keeps its load and has no note until it can.
    """
    notes, keys = LoadNotes(settings.archive), registered(con)
    for row in noted_rows(con, load_seqs):
        practice_id, digest = str(row["practice_id"]), row["contract_digest"]
        with contextlib.suppress(DeliveryRefused):
            key = usable_key(settings.keys, practice_id, keys.get(practice_id))
            declared = practice_id in registry.practices
            is_of_today = declared and digest == registry.practice_digest(practice_id)
            if is_of_today and not notes.has_rules(practice_id, str(digest)):
                notes.keep_rules(key, digest, rules_document(registry, practice_id))
            notes.write(key, row)


def note_withdrawals(settings: Settings, con: duckdb.DuckDBPyConnection) -> None:
    """Keep beside the archive who withdrew: a lost ledger must not bring them back."""
    notes, keys = LoadNotes(settings.archive), registered(con)
    for practice_id in withdrawn_keys(con):
        rows = con.execute(
            "select client_key::varchar, withdrawn_on::varchar, reason_code "
            "from quality.withdrawals where practice_id = ? order by all",
            [practice_id],
        ).fetchall()
        with contextlib.suppress(DeliveryRefused):
            key = usable_key(settings.keys, practice_id, keys.get(practice_id))
            notes.keep_withdrawals(key, [(str(a), str(b), str(c)) for a, b, c in rows])
