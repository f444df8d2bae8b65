"""A copy of a home that stands apart from it.

Archived files and releases never change, so a night
adds little; a killed backup adds contents that no manifest names, and nothing is lost. Keys are
never in it: with them a backup would be the clients' ids. They are kept apart, by someone else.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from orchestration.backup_folder import (
    FILES,
    FOLDERS,
    MANIFESTS,
    POOL,
    BackupRefused,
    Entry,
    content_path,
    copy_durably,
    manifests,
    read_manifest,
)
from orchestration.durable import fsync_directory, write_whole
from orchestration.former_warehouse import read_whole
from orchestration.load_notes import LoadNotes, known_names, said_briefly
from orchestration.release.reader import Releases
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse, WarehouseDamaged, trouble

LAST_BACKUP = "last_backup.json"
KEPT = 14


@dataclass(frozen=True)
class BackupReport:
    """What was copied."""

    manifest: str
    n_files: int
    n_bytes: int
    n_copied: int
    n_bytes_copied: int
    n_manifests_kept: int


def back_up(
    settings: Settings,
    folder: Path,
    *,
    kept: int = KEPT,
    now: datetime | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> BackupReport:
    """Copy a home's state into a backup folder; only contents it has not yet are written.

    The writer's lock is held, so warehouse, archive and releases are of one moment. The newest
    `kept` backups stay. Raises WarehouseBusy, WarehouseDamaged (damage is not carried into a
    backup), DiskFull and BackupRefused.
    """
    home, target = settings.home.resolve(), folder.resolve()
    if target == home or home in target.parents:
        raise BackupRefused("the backup folder lies in the home itself; name one elsewhere")
    if not settings.warehouse.exists():
        raise BackupRefused("this home has no warehouse yet; run `alliance nightly` first")
    with Warehouse(settings).writer(waiting=progress):
        try:
            progress("reading the warehouse through")
            _make_sure(settings)
            known = _known_contents(target)
            (target / POOL).mkdir(mode=0o700, parents=True, exist_ok=True)
            (target / MANIFESTS).mkdir(mode=0o700, parents=True, exist_ok=True)
            files: dict[str, Entry] = {}
            copied: list[int] = []
            for path in _paths(home):
                name = path.relative_to(home).as_posix()
                progress(f"{name}")
                files[name], is_new = _kept(path, known.get(name), target)
                copied += [files[name]["n_bytes"]] if is_new else []
            manifest = _write_manifest(settings, target, files, now or datetime.now(UTC))
        except (duckdb.Error, OSError) as error:
            raise (trouble(error) or error) from error
        n_kept = _prune(target, kept)
        facts = {"made_at": _made_at(manifest), "manifest": manifest, "folder": str(target)}
        write_whole(settings.home / LAST_BACKUP, json.dumps(facts, indent=2) + "\n")
    total = sum(int(entry["n_bytes"]) for entry in files.values())
    return BackupReport(manifest, len(files), total, len(copied), sum(copied), n_kept)


def _make_sure(settings: Settings) -> None:
    """All can be read, the ledger has every load of the archive, and the log is written out."""
    with Warehouse(settings).connect() as con:
        lost = LoadNotes(settings.archive).names() - known_names(con)
        if lost:
            raise WarehouseDamaged(f"the ledger lacks {len(lost)} loads: {said_briefly(lost)}")
        read_whole(con)
        con.execute("checkpoint")


def _paths(home: Path) -> Iterator[Path]:
    for name in FILES:
        if (home / name).is_file():
            yield home / name
    for name in FOLDERS:
        for path in sorted((home / name).rglob("*")):
            is_passing = path.name.endswith(".writing") or path.name.startswith(".")
            if path.is_file() and not path.is_symlink() and not is_passing:
                yield path


def _kept(path: Path, before: Entry | None, target: Path) -> tuple[Entry, bool]:
    """A file's line of the manifest, and whether its content was copied now.

    Of unchanged size and time it is taken to be what it was, as long as the content is there.
    """
    facts = path.stat()
    same = before is not None and (before["n_bytes"], before["modified_ns"]) == (
        facts.st_size,
        facts.st_mtime_ns,
    )
    if same and before is not None and content_path(target, before["sha256"]).exists():
        return before, False
    candidate = target / POOL / ".writing"
    sha256 = copy_durably(path, candidate)
    entry = {
        "sha256": sha256,
        "n_bytes": candidate.stat().st_size,
        "modified_ns": facts.st_mtime_ns,
    }
    content = content_path(target, sha256)
    if content.exists():
        candidate.unlink()
        return entry, False
    content.parent.mkdir(mode=0o700, exist_ok=True)
    candidate.replace(content)
    fsync_directory(content.parent)
    return entry, True


def _write_manifest(
    settings: Settings, target: Path, files: Mapping[str, Entry], now: datetime
) -> str:
    document = {
        "made_at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "code_version": settings.code_version,
        "release_id": Releases(settings.releases).current_id(),
        "files": files,
    }
    text = json.dumps(document, indent=1, sort_keys=True) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    name = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}_{digest[:16]}"
    write_whole(target / MANIFESTS / f"{name}.json", text)
    return name


def _made_at(manifest: str) -> str:
    made = datetime.strptime(manifest.partition("_")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return made.isoformat(timespec="seconds")


def _known_contents(target: Path) -> Mapping[str, Entry]:
    """The lines of the newest manifest that can be read."""
    for name in reversed(manifests(target)):
        try:
            files: Mapping[str, Entry] = read_manifest(target, name)["files"]
        except BackupRefused:
            continue
        return files
    return {}


def _prune(target: Path, kept: int) -> int:
    """Take away older backups and contents that no manifest names: what was erased at home goes
    from its backups with the last of them."""
    names = manifests(target)
    for name in names[: max(0, len(names) - kept)]:
        (target / MANIFESTS / f"{name}.json").unlink()
    left = manifests(target)
    try:
        named = {e["sha256"] for n in left for e in read_manifest(target, n)["files"].values()}
    except BackupRefused:
        # A manifest that cannot be read may name anything: nothing is taken away.
        return len(left)
    for path in (target / POOL).glob("*/*"):
        if path.name not in named:
            path.unlink()
    return len(left)
