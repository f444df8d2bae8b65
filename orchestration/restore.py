"""A home made from a backup: every file is held against the manifest before any is in its place."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestration.backup_folder import (
    FILES,
    FOLDERS,
    BackupRefused,
    Entry,
    content_path,
    copy_durably,
    manifests,
    read_manifest,
)
from orchestration.durable import fsync_directory
from orchestration.ingest.pseudonyms import key_source
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse, trouble

_STAGING = ".restoring"
_ALLOWED = {"keys", "dbt", "dagster", "warehouse.lock", _STAGING}
"""What may lie in a home that is otherwise empty: keys come back by another way."""


@dataclass(frozen=True)
class RestoreReport:
    """What was put back, and which keys are still to come."""

    manifest: str
    n_files: int
    n_bytes: int
    release_id: str | None
    practices_without_key: tuple[str, ...]


def restore(
    settings: Settings,
    folder: Path,
    *,
    manifest: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> RestoreReport:
    """Make an empty home what it was at a backup, the newest unless one is named.

    Every file is held against the manifest before any is put in its place. Raises BackupRefused
    (the home is not empty, a file is missing or damaged) and DiskFull; the home is empty then.
    """
    names = manifests(folder)
    if not names:
        raise BackupRefused(f"{folder} holds no backup")
    chosen = manifest or names[-1]
    document = read_manifest(folder, chosen)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    in_the_way = _in_the_way(settings.home)
    if in_the_way:
        raise BackupRefused(
            f"the home is not empty ({', '.join(in_the_way[:5])}); restore into a new folder "
            "(--home), or move these away first"
        )
    with Warehouse(settings).writer(waiting=progress):
        staging = settings.home / _STAGING
        shutil.rmtree(staging, ignore_errors=True)
        try:
            for name, entry in document["files"].items():
                progress(name)
                _put_back(folder, name, entry, staging)
            _into_place(settings.home, staging)
        except OSError as error:
            raise (trouble(error) or error) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    for name in ("landing", *FOLDERS):
        (settings.home / name).mkdir(exist_ok=True)
    practices = {path.name for path in settings.archive.iterdir() if path.is_dir()}
    without = [name for name in practices if key_source(settings.keys, name) is None]
    total = sum(int(entry["n_bytes"]) for entry in document["files"].values())
    return RestoreReport(
        manifest=chosen,
        n_files=len(document["files"]),
        n_bytes=total,
        release_id=document["release_id"],
        practices_without_key=tuple(sorted(without)),
    )


def _in_the_way(home: Path) -> list[str]:
    """What a home holds beside keys, empty folders, the lock and what anyone can make again."""
    return sorted(
        path.name
        for path in home.iterdir()
        if path.name not in _ALLOWED
        and not (path.is_dir() and not any(p.is_file() for p in path.rglob("*")))
    )


def _put_back(folder: Path, name: str, entry: Entry, staging: Path) -> None:
    parts = Path(name).parts
    if Path(name).is_absolute() or ".." in parts or parts[0] not in (*FILES, *FOLDERS):
        raise BackupRefused(f"the manifest names {name}, which no home holds")
    source, target = content_path(folder, entry["sha256"]), staging / name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not source.exists():
        raise BackupRefused(f"the content of {name} is missing in the backup; name another one")
    if copy_durably(source, target) != entry["sha256"]:
        raise BackupRefused(f"the content of {name} is damaged in the backup; name another one")
    os.utime(target, ns=(entry["modified_ns"], entry["modified_ns"]))


def _into_place(home: Path, staging: Path) -> None:
    """Renames only. The pointer's folder goes last: until then nobody is served anything."""
    order = [name for name in (*FILES, *FOLDERS) if (staging / name).exists()]
    for name in order:
        if (home / name).is_dir():
            shutil.rmtree(home / name)  # empty: it was looked at
        (staging / name).replace(home / name)
    fsync_directory(home)
