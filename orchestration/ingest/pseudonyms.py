"""Sender ids -> pseudonyms that nobody without the practice's key can undo or repeat.

HMAC-SHA256 (RFC 2104) over `practice_id, 0x1F, id`, 128 bits kept, one key a practice. The hash is
computed by the engine, for all ids of a file at once, from the two padded key blocks of the RFC.
Pseudonyms are stored as UUIDs (a type of 128 bits, no version or variant is set): joins and sorts
of text of 32 digits took the models twice as long.

A key that was replaced leaves a link behind: the new pseudonym is the HMAC of the old one under the
new key, so that a client keeps one pseudonym over old and new deliveries. What makes a pseudonym of
an id is then the chain of all links; it is all that is kept of an earlier version. A key's file
holds the secret in its first line and below it one line for each earlier version, oldest first. The
folder of keys belongs to someone who has no access to the warehouse.

A key may come in a variable of the environment instead, with the same lines separated by spaces;
never in both places, since only one of two could be the right one. A key there is only read:
nothing here can change where it is set.
"""

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import duckdb

from orchestration.durable import fsync_directory
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import key_in_environment, key_variable

KEY_BYTES = 32
KEY_HEX_DIGITS = 32
_BLOCK = 64
_OWNER_ONLY = 0o600


@dataclass(frozen=True)
class PracticeKey:
    """A practice's secret, from which a key for each use is derived, and the links before it."""

    practice_id: str
    secret: bytes
    earlier: tuple[bytes, ...] = ()
    """Pseudonym keys of the versions before this one, oldest first."""

    def __repr__(self) -> str:
        return f"PracticeKey({self.practice_id}, version {self.version})"

    @property
    def version(self) -> int:
        """1 for a key that replaced none."""
        return len(self.earlier) + 1

    @property
    def fingerprint(self) -> str:
        """32 digits by which a key is known again and from which nothing can be learnt of it."""
        return self.derived("fingerprint")[:16].hex()

    @property
    def _links(self) -> tuple[bytes, ...]:
        return (*self.earlier, self.derived("pseudonym"))

    def derived(self, use: str) -> bytes:
        """A 32-byte key for one use (HKDF-Expand with one block, RFC 5869)."""
        return hmac.digest(self.secret, use.encode() + b"\x01", hashlib.sha256)

    def replaced_by(self, secret: bytes) -> "PracticeKey":
        """The next version. The old secret is not in it, only its pseudonym key."""
        return PracticeKey(self.practice_id, secret, self._links)

    def successor(self, pseudonym: UUID) -> UUID:
        """What replaces a pseudonym of the version before this one."""
        return _linked(self._links[-1], self.practice_id, str(pseudonym))

    def pseudonym(self, sender_id: str) -> UUID:
        """The stored key of one sender id."""
        first, *later = self._links
        found = _linked(first, self.practice_id, sender_id)
        for link in later:
            found = _linked(link, self.practice_id, str(found))
        return found


def _linked(link: bytes, practice_id: str, text: str) -> UUID:
    message = f"{practice_id}\x1f{text}".encode()
    return UUID(bytes=hmac.digest(link, message, "sha256")[:16])


def install(con: duckdb.DuckDBPyConnection, key: PracticeKey) -> None:
    """Define this practice's SQL macros on a connection: `pseudonym(sender_id)`, the first link of
    the chain, and `successor(pseudonym)`, all later ones; the same thing for a key of version 1.

    Rows are conformed with the first link, because what is derived from several ids, the name of a
    form, must not depend on how often a key was replaced. The links go in as bound values, so they
    are in no SQL text.
    """
    first, *later = key._links
    _install_links(con, "pseudonym", key.practice_id, [first])
    _install_links(con, "successor", key.practice_id, later)


def install_rotation(con: duckdb.DuckDBPyConnection, new: PracticeKey) -> None:
    """Define the SQL macro `rotated(pseudonym)`: the newest link alone."""
    _install_links(con, "rotated", new.practice_id, new._links[-1:])


def _install_links(
    con: duckdb.DuckDBPyConnection, macro: str, practice_id: str, links: Sequence[bytes]
) -> None:
    found = "given"
    for number, link in enumerate(links):
        padded = link.ljust(_BLOCK, b"\0")
        inner, outer = (bytes(b ^ byte for b in padded) for byte in (0x36, 0x5C))
        starts = {"inner": inner + f"{practice_id}\x1f".encode(), "outer": outer}
        for name, value in starts.items():
            con.execute(f"set variable {macro}_{name}_{number} = ?::blob", [value]).fetchall()
        found = (
            f"substr(sha256(getvariable('{macro}_outer_{number}') || "
            f"unhex(sha256(getvariable('{macro}_inner_{number}') || encode({found}::varchar)))), "
            f"1, {KEY_HEX_DIGITS})::uuid"
        )
    con.execute(f"create or replace temp macro {macro}(given) as {found}").fetchall()


def key_path(keys: Path, practice_id: str) -> Path:
    """Where a practice's key lies."""
    return keys / f"{practice_id}.key"


def next_key_path(keys: Path, practice_id: str) -> Path:
    """Where the key lies that is about to replace it; its presence is a rotation under way."""
    return keys / f"{practice_id}.key.next"


def destroyed_path(keys: Path, practice_id: str) -> Path:
    """The empty file that says a key was destroyed; no new one takes its place by accident."""
    return keys / f"{practice_id}.destroyed"


def new_secret() -> bytes:
    """A secret nobody can guess."""
    return secrets.token_bytes(KEY_BYTES)


def key_source(keys: Path, practice_id: str) -> str | None:
    """Where a practice's key comes from, in words; None when it has none. It need not be usable."""
    if key_in_environment(practice_id) is not None:
        return f"environment variable {key_variable(practice_id)}"
    path = key_path(keys, practice_id)
    return f"file {path.parent.name}/{path.name}" if path.exists() else None


def create_key(keys: Path, practice_id: str) -> bool:
    """Make a practice's key unless it has or had one; True when made. Nothing is overwritten."""
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    if destroyed_path(keys, practice_id).exists() or key_in_environment(practice_id) is not None:
        return False
    path = key_path(keys, practice_id)
    try:
        _write(path, PracticeKey(practice_id, new_secret()), os.O_EXCL)
    except FileExistsError:
        return False
    return True


def write_next_key(keys: Path, key: PracticeKey) -> None:
    """Write the key that is about to replace the present one, durably."""
    _write(next_key_path(keys, key.practice_id), key, os.O_TRUNC)


def _write(path: Path, key: PracticeKey, how: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | how, _OWNER_ONLY)
    with os.fdopen(handle, "w") as stream:
        os.fchmod(stream.fileno(), _OWNER_ONLY)
        stream.write("".join(f"{each.hex()}\n" for each in (key.secret, *key.earlier)))
        stream.flush()
        os.fsync(stream.fileno())
    fsync_directory(path.parent)


def load_key(keys: Path, practice_id: str) -> PracticeKey:
    """A practice's key. Raises DeliveryRefused: key_destroyed, key_missing, key_readable,
    key_unusable, key_given_twice."""
    if destroyed_path(keys, practice_id).exists():
        raise DeliveryRefused(
            "key_destroyed",
            f"the key of practice {practice_id} was destroyed, and with it every link to its "
            "clients; nothing of it can be taken in again: remove its files from landing, and "
            "declare it under a new practice_id if it is to send again",
        )
    path = key_path(keys, practice_id)
    given = key_in_environment(practice_id)
    if given is not None:
        return _read_variable(given, path, practice_id)
    if not path.exists():
        raise DeliveryRefused(
            "key_missing",
            f"practice {practice_id} has no key; put its key back where it was (keys/ or the "
            f"variable {key_variable(practice_id)}), or make the first one with "
            f"`alliance keys create {practice_id}`",
        )
    return read_key(path, practice_id)


def read_key(path: Path, practice_id: str) -> PracticeKey:
    """A key out of a file. Raises DeliveryRefused: key_readable, key_unusable."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise DeliveryRefused(
            "key_readable",
            f"the key of practice {practice_id} can be read by others; "
            "change its mode to 0600 and consider it known: replace it with `alliance keys rotate`",
        )
    try:
        text = path.read_text()
    except (ValueError, OSError):
        text = ""
    key = _parsed(text, practice_id)
    if key is None:
        raise DeliveryRefused(
            "key_unusable",
            f"the key of practice {practice_id} must be {2 * KEY_BYTES} hexadecimal digits, and as "
            "many in a line of their own for each earlier version; put the right file back",
        )
    return key


def _read_variable(given: str, path: Path, practice_id: str) -> PracticeKey:
    """A key out of the environment. Raises DeliveryRefused: key_unusable, key_given_twice."""
    name = key_variable(practice_id)
    if path.exists():
        raise DeliveryRefused(
            "key_given_twice",
            f"practice {practice_id} has a key in the variable {name} and one in keys/: only "
            "one can be the one its rows were made with; take the other away",
        )
    key = _parsed(given, practice_id)
    if key is None:
        raise DeliveryRefused(
            "key_unusable",
            f"the variable {name} must hold {2 * KEY_BYTES} hexadecimal digits, and as many more "
            f"after a space for each earlier version; set the right key of practice {practice_id}",
        )
    return key


def _parsed(text: str, practice_id: str) -> PracticeKey | None:
    """A key out of its lines; None when they are none. Which one was wrong is not said: a message
    must not describe a key."""
    try:
        secret, *earlier = (bytes.fromhex(line) for line in text.split())
    except ValueError:
        return None
    if len(secret) < KEY_BYTES or any(len(link) != KEY_BYTES for link in earlier):
        return None
    return PracticeKey(practice_id, secret, tuple(earlier))


def key_refusal(keys: Path, practice_id: str) -> str | None:
    """Why a practice's key cannot be used, as a reason; None when it can."""
    try:
        load_key(keys, practice_id)
    except DeliveryRefused as refusal:
        return refusal.reason
    return None


def wipe(path: Path) -> None:
    """Remove a file after writing zeros over it.

    The zeros help on a plain disk only; a copying or journalled one may keep the old blocks.
    """
    if path.exists():
        with path.open("r+b") as stream:
            stream.write(b"\0" * path.stat().st_size)
            stream.flush()
            os.fsync(stream.fileno())
        path.unlink()
        fsync_directory(path.parent)
