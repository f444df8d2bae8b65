"""Received files, kept encrypted so that everything can be rebuilt and a key's end is an erasure.

AES-256-GCM in numbered chunks (the STREAM construction: Hoang et al. 2015, CRYPTO), so a file of
any size is written and read with bounded memory and a cut or reordered one does not decrypt.
"""

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestration.durable import fsync_directory
from orchestration.ingest.pseudonyms import PracticeKey

MAGIC = b"AWA1"
CHUNK_BYTES = 2**20
_TAG_BYTES = 16
_NONCE_PREFIX_BYTES = 7


class ArchiveDamaged(Exception):
    """An archived file that is not what was put in, or whose key is not the right one."""


@dataclass(frozen=True)
class Archive:
    """The folder `archive/<practice>/<sha256>`."""

    root: Path

    def path(self, practice_id: str, sha256: str) -> Path:
        """Where a file of that content lies, or would."""
        return self.root / practice_id / sha256

    def store(self, source: Path, key: PracticeKey, sha256: str) -> Path:
        """Encrypt a file into the archive; it must still have the hash it was received with.

        Raises ArchiveDamaged when it changed in the meantime. Written under another name first, so
        a file of its final name is whole.
        """
        target = self.path(key.practice_id, sha256)
        if target.exists():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        candidate = target.with_suffix(".writing")
        with source.open("rb") as plain:
            found = encrypt(iter(lambda: plain.read(CHUNK_BYTES), b""), key, candidate)
        if found != sha256:
            candidate.unlink()
            raise ArchiveDamaged("the file changed while it was being taken in; send it again")
        candidate.replace(target)
        fsync_directory(target.parent)
        return target

    def open(self, key: PracticeKey, sha256: str) -> Iterator[bytes]:
        """The file's bytes, chunk by chunk. Raises ArchiveDamaged."""
        return decrypted(self.path(key.practice_id, sha256), key)


def encrypt(chunks: Iterable[bytes], key: PracticeKey, target: Path) -> str:
    """Write chunks of CHUNK_BYTES (the last may be shorter) encrypted and durably; their sha256."""
    digest, cipher = hashlib.sha256(), AESGCM(key.derived("archive"))
    prefix = secrets.token_bytes(_NONCE_PREFIX_BYTES)
    pending, number = iter(chunks), 0
    with target.open("wb") as stream:
        stream.write(MAGIC + prefix)
        chunk = next(pending, b"")
        while True:
            following = next(pending, b"")
            digest.update(chunk)
            stream.write(cipher.encrypt(_nonce(prefix, number, not following), chunk, None))
            if not following:
                break
            chunk, number = following, number + 1
        stream.flush()
        os.fsync(stream.fileno())
    return digest.hexdigest()


def decrypted(path: Path, key: PracticeKey) -> Iterator[bytes]:
    """The bytes of one archived file, chunk by chunk. Raises ArchiveDamaged."""
    with path.open("rb") as stream:
        header = stream.read(len(MAGIC) + _NONCE_PREFIX_BYTES)
        if not header.startswith(MAGIC):
            raise ArchiveDamaged("the archived file has another format")
        prefix, cipher = header[len(MAGIC) :], AESGCM(key.derived("archive"))
        chunk, number = stream.read(CHUNK_BYTES + _TAG_BYTES), 0
        while chunk:
            following = stream.read(CHUNK_BYTES + _TAG_BYTES)
            try:
                yield cipher.decrypt(_nonce(prefix, number, not following), chunk, None)
            except InvalidTag as error:
                raise ArchiveDamaged(
                    "the archived file does not decrypt: damaged, cut, or another key"
                ) from error
            chunk, number = following, number + 1


def _nonce(prefix: bytes, number: int, is_last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([is_last])
