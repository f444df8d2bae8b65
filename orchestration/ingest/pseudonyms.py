"""Sender ids -> pseudonyms that nobody without the practice's key can undo or repeat.

HMAC-SHA256 (RFC 2104) over `practice_id, 0x1F, id`, 128 bits kept, one key a practice. The hash is
computed by the engine, for all ids of a file at once, from the two padded key blocks of the RFC.
Pseudonyms are stored as UUIDs (a type of 128 bits, no version or variant is set): joins and sorts
of text of 32 digits took the models twice as long.
"""

import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import duckdb

from orchestration.ingest.refusal import DeliveryRefused

KEY_BYTES = 32
KEY_HEX_DIGITS = 32
_BLOCK = 64


@dataclass(frozen=True)
class PracticeKey:
    """A practice's secret, from which a key for each use is derived."""

    practice_id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"PracticeKey({self.practice_id})"

    def derived(self, use: str) -> bytes:
        """A 32-byte key for one use (HKDF-Expand with one block, RFC 5869)."""
        return hmac.digest(self.secret, use.encode() + b"\x01", hashlib.sha256)

    def pseudonym(self, sender_id: str) -> UUID:
        """The stored key of one sender id."""
        message = f"{self.practice_id}\x1f{sender_id}".encode()
        return UUID(bytes=hmac.digest(self.derived("pseudonym"), message, "sha256")[:16])


def key_path(keys: Path, practice_id: str) -> Path:
    """Where a practice's key lies."""
    return keys / f"{practice_id}.key"


def create_key(keys: Path, practice_id: str) -> bool:
    """Make a practice's key unless it has one; True when made. The file is never overwritten."""
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(key_path(keys, practice_id), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w") as stream:
        stream.write(secrets.token_hex(KEY_BYTES) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    return True


def load_key(keys: Path, practice_id: str) -> PracticeKey:
    """A practice's key. Raises DeliveryRefused: key_missing, key_readable, key_unusable."""
    path = key_path(keys, practice_id)
    if not path.exists():
        raise DeliveryRefused(
            "key_missing", f"practice {practice_id} has no key; make one with `alliance init`"
        )
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise DeliveryRefused(
            "key_readable",
            f"the key of practice {practice_id} can be read by others; "
            "change its mode to 0600 and consider it known",
        )
    try:
        secret = bytes.fromhex(path.read_text().strip())
    except ValueError:
        secret = b""
    if len(secret) < KEY_BYTES:
        raise DeliveryRefused(
            "key_unusable",
            f"the key of practice {practice_id} must be {2 * KEY_BYTES} hexadecimal digits",
        )
    return PracticeKey(practice_id, secret)


def key_refusal(keys: Path, practice_id: str) -> str | None:
    """Why a practice's key cannot be used, as a reason; None when it can."""
    try:
        load_key(keys, practice_id)
    except DeliveryRefused as refusal:
        return refusal.reason
    return None


def install(con: duckdb.DuckDBPyConnection, key: PracticeKey) -> None:
    """Define the SQL macro `pseudonym(sender_id)` for this practice on a connection.

    The key goes in as a bound value, so it is in no SQL text.
    """
    padded = key.derived("pseudonym").ljust(_BLOCK, b"\0")
    inner, outer = (bytes(b ^ byte for b in padded) for byte in (0x36, 0x5C))
    starts = {"inner_start": inner + f"{key.practice_id}\x1f".encode(), "outer_start": outer}
    for name, value in starts.items():
        con.execute(f"set variable {name} = ?::blob", [value]).fetchall()
    con.execute(
        "create or replace temp macro pseudonym(sender_id) as "
        "substr(sha256(getvariable('outer_start') || "
        "unhex(sha256(getvariable('inner_start') || encode(sender_id)))), "
        f"1, {KEY_HEX_DIGITS})::uuid"
    ).fetchall()
