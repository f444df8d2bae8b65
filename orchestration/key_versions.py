"""Which key a practice's rows were made with, known again by its fingerprint.

A key that was lost and made anew, or put back from the wrong place, would count every client twice
and nobody would see it; so a key that is not the registered one stops the practice.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.ingest.pseudonyms import PracticeKey, load_key
from orchestration.ingest.refusal import DeliveryRefused


@dataclass(frozen=True)
class KeyVersion:
    """The newest version of a practice's key, as the warehouse knows it."""

    key_version: int
    fingerprint: str
    valid_from_at: datetime
    destroyed_at: datetime | None


def registered(con: duckdb.DuckDBPyConnection) -> dict[str, KeyVersion]:
    """The newest version by practice."""
    rows = con.execute(
        "select practice_id, key_version, fingerprint, valid_from_at, destroyed_at "
        "from raw.key_versions "
        "qualify row_number() over (partition by practice_id order by key_version desc) = 1"
    ).fetchall()
    return {row[0]: KeyVersion(*row[1:]) for row in rows}


def register(con: duckdb.DuckDBPyConnection, key: PracticeKey, at: datetime) -> None:
    """Note the key a practice begins with. `at` is UTC without its zone."""
    con.execute(
        "insert into raw.key_versions (practice_id, key_version, fingerprint, valid_from_at) "
        "values (?, ?, ?, ?)",
        [key.practice_id, key.version, key.fingerprint, at],
    )


def check_registered(key: PracticeKey, known: KeyVersion | None) -> None:
    """Raises DeliveryRefused: key_changed when the practice's rows were made with another key."""
    if known is not None and known.fingerprint != key.fingerprint:
        raise DeliveryRefused(
            "key_changed",
            f"the key of practice {key.practice_id} is not the one its stored rows were made "
            f"with (version {known.key_version}): every client would be counted twice; put that "
            "key back",
        )


def usable_key(keys: Path, practice_id: str, known: KeyVersion | None) -> PracticeKey:
    """A practice's key, if it is the registered one.

    Raises DeliveryRefused: key_changed and what `load_key` raises.
    """
    key = load_key(keys, practice_id)
    check_registered(key, known)
    return key
