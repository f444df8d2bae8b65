"""A backup folder: contents by their sha256, and one document a backup that names them.

`pool/` holds each content once, `manifests/` says which of them belongs to which path of a home.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

POOL, MANIFESTS = "pool", "manifests"
FILES = ("warehouse.duckdb", "group.yml", "simulation.json")
FOLDERS = ("archive", "practices", "instruments", "references", "releases")
_CHUNK = 2**20

Entry = Mapping[str, Any]


class BackupRefused(Exception):
    """A backup or restore that must not be carried out as asked, and what to do."""


def content_path(target: Path, sha256: str) -> Path:
    """Where a content lies in a backup folder, or would."""
    return target / POOL / sha256[:2] / sha256


def copy_durably(source: Path, target: Path) -> str:
    """Copy a file durably; the sha256 of what was written."""
    digest = hashlib.sha256()
    with source.open("rb") as reading, target.open("wb") as writing:
        os.fchmod(writing.fileno(), 0o600)
        while chunk := reading.read(_CHUNK):
            digest.update(chunk)
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())
    return digest.hexdigest()


def manifests(folder: Path) -> list[str]:
    """Names of a folder's backups, oldest first."""
    return sorted(path.stem for path in (folder / MANIFESTS).glob("*.json"))


def read_manifest(folder: Path, name: str) -> dict[str, Any]:
    """One backup's document. Raises BackupRefused when it is not what was written."""
    try:
        text = (folder / MANIFESTS / f"{name}.json").read_text(encoding="utf-8")
        document: dict[str, Any] = json.loads(text)
    except (OSError, ValueError) as error:
        raise BackupRefused(f"the manifest {name} cannot be read; name another one") from error
    if hashlib.sha256(text.encode()).hexdigest()[:16] != name.rpartition("_")[2]:
        raise BackupRefused(f"the manifest {name} was changed or damaged; name another one")
    return document
