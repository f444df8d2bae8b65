"""A practice's key replaced: its pseudonyms, its archive and its key file, as one change.

The new pseudonym is the HMAC of the old one under the new key. Three things cannot be renamed in
one step, so the next key, written first, is the journal: while it lies there a rotation is under
way, and whether the warehouse knows it already says which way to go. Before, everything new is
thrown away; after, what is left is done. Both can be repeated after a further crash.

1. the next key is written; 2. the archive is encrypted anew in a folder beside it; 3. the warehouse
is written anew and takes its place (from here on the rotation has happened); 4. the archive's files
take their places; 5. the next key takes its place.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.archive import MAGIC, decrypted, encrypt
from orchestration.durable import fsync_directory
from orchestration.ingest.pseudonyms import (
    PracticeKey,
    install_rotation,
    key_path,
    load_key,
    new_secret,
    next_key_path,
    read_key,
    write_next_key,
)
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.key_versions import check_registered, register, registered
from orchestration.load_notes import MAGIC as NOTE_MAGIC
from orchestration.load_notes import LoadNotes, NoteDamaged
from orchestration.rewriting import Rewriting, Step, Table, remove_candidate, rewrite
from orchestration.settings import Settings, key_in_environment, key_variable
from orchestration.sql import identifier, literal
from orchestration.warehouse import Warehouse

Resealed = Callable[[Path, PracticeKey, PracticeKey, Path], None]
"""Writes what lies sealed at the first path under the old key to the second under the new one."""
STAGED = ".rotating"


class RotationRefused(Exception):
    """The key cannot be replaced; nothing has changed."""


def rotate(
    settings: Settings, practice_id: str, at: datetime, step: Step = lambda _: None
) -> PracticeKey:
    """Replace a practice's key by a new one. The caller holds the writer's lock, no night runs, and
    what an earlier rotation left is finished. `at` is UTC without its zone.

    Raises RotationRefused, RewritingFailed and ArchiveDamaged; nothing has changed then.
    """
    warehouse = Warehouse(settings)
    warehouse.prepare()
    try:
        old = load_key(settings.keys, practice_id)
        _refuse_variable(practice_id)
        with warehouse.connect() as con:
            known = registered(con).get(practice_id)
            if known is None:
                register(con, old, at)
        check_registered(old, known)
    except DeliveryRefused as refusal:
        raise RotationRefused(refusal.message) from refusal
    new = old.replaced_by(new_secret())
    try:
        write_next_key(settings.keys, new)
        step("next key written")
        _encrypt_anew(settings, old, new, step)
        rewrite(settings, _with_pseudonyms_of(new, at), step)
    except Exception:
        # The warehouse says whether it had happened: the next key must not go when it had.
        finish_rotations(settings)
        raise
    _finish(settings, practice_id, step)
    return new


def _refuse_variable(practice_id: str) -> None:
    if key_in_environment(practice_id) is not None:
        raise RotationRefused(
            f"the key of practice {practice_id} comes in the variable {key_variable(practice_id)}, "
            "which no command can change; put its lines into keys/ for the rotation and take the "
            "variable away: docs/runbooks/keys_and_erasure.md, Keys from the environment"
        )


def finish_rotations(settings: Settings) -> None:
    """End what a killed rotation left, forward or back. The caller holds the writer's lock.

    Where the next key can no longer be read though the warehouse was made with it, everything stays
    as it is: the present key is then another than the registered one, which stops that practice.
    """
    for path in sorted(settings.keys.glob("*.key.next")):
        practice_id = path.name.removesuffix(".key.next")
        try:
            has_happened = _has_happened(settings, path, practice_id)
        except DeliveryRefused:
            continue
        if has_happened:
            _finish(settings, practice_id)
        else:
            _undo(settings, practice_id)


def _has_happened(settings: Settings, path: Path, practice_id: str) -> bool:
    """Whether the warehouse in force was made with the next key."""
    if not settings.warehouse.exists():
        return False
    Warehouse(settings).prepare()
    with Warehouse(settings).connect() as con:
        known = registered(con).get(practice_id)
    try:
        following = read_key(path, practice_id)
    except DeliveryRefused:
        # Half written: a rotation that had come no further.
        if known is not None and key_path(settings.keys, practice_id).exists():
            check_registered(load_key(settings.keys, practice_id), known)
            return False
        raise
    return known is not None and known.fingerprint == following.fingerprint


def _staged(settings: Settings, practice_id: str) -> Path:
    return settings.archive / (practice_id + STAGED)


def _encrypt_anew(settings: Settings, old: PracticeKey, new: PracticeKey, step: Step) -> None:
    staged = _staged(settings, old.practice_id)
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(mode=0o700, parents=True)
    folder = settings.archive / old.practice_id
    for path in _archived(folder):
        with path.open("rb") as stream:
            seal = stream.read(len(MAGIC))
        if seal not in RESEALED:
            raise RotationRefused(
                f"{path.relative_to(settings.home)} is in a form this version does not know, and "
                "would stay under the old key; remove it or bring the version that wrote it"
            )
        target = staged / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        RESEALED[seal](path, old, new, target)
        step("an archived file encrypted")
    fsync_directory(staged)
    step("archive encrypted")


def _archived(folder: Path) -> Iterator[Path]:
    """Finished files of a practice's archive; one that a killed run half wrote is not."""
    yield from sorted(
        path for path in folder.rglob("*") if path.is_file() and path.suffix != ".writing"
    )


def _reseal_file(path: Path, old: PracticeKey, new: PracticeKey, target: Path) -> None:
    encrypt(decrypted(path, old), new, target)


def _reseal_note(path: Path, old: PracticeKey, new: PracticeKey, target: Path) -> None:
    notes = LoadNotes(path.parents[2])
    try:
        content = notes.reseal(path.parent.name, path.name, old, new)
    except NoteDamaged as error:
        raise RotationRefused(str(error)) from error
    with target.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


RESEALED: dict[bytes, Resealed] = {MAGIC: _reseal_file, NOTE_MAGIC: _reseal_note}
"""How each kind of sealed file is brought under a new key, by its first bytes."""


def _with_pseudonyms_of(new: PracticeKey, at: datetime) -> Rewriting:
    practice = literal(new.practice_id)

    def select(table: Table) -> str:
        if not table.keys:
            return f"select * from {table.former}"
        changed = ", ".join(
            f"case when practice_id = {practice} then rotated({identifier(name)}) "
            f"else {identifier(name)} end as {identifier(name)}"
            for name in table.keys
        )
        return f"select * replace ({changed}) from {table.former}"

    def after(con: duckdb.DuckDBPyConnection) -> None:
        con.execute(
            "update rewritten.raw.key_versions set replaced_at = ? "
            "where practice_id = ? and replaced_at is null",
            [at, new.practice_id],
        )
        con.execute("use rewritten")
        register(con, new, at)

    return Rewriting(select, lambda con: install_rotation(con, new), after)


def _finish(settings: Settings, practice_id: str, step: Step = lambda _: None) -> None:
    """What is left to do once the warehouse has the new pseudonyms."""
    remove_candidate(settings)
    staged, folder = _staged(settings, practice_id), settings.archive / practice_id
    for path in _archived(staged):
        target = folder / path.relative_to(staged)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
        fsync_directory(target.parent)
        step("an archived file in its place")
    shutil.rmtree(staged, ignore_errors=True)
    step("archive in its place")
    next_key_path(settings.keys, practice_id).replace(key_path(settings.keys, practice_id))
    fsync_directory(settings.keys)
    step("key in its place")


def _undo(settings: Settings, practice_id: str) -> None:
    """Throw everything new away; the journal goes last."""
    remove_candidate(settings)
    shutil.rmtree(_staged(settings, practice_id), ignore_errors=True)
    next_key_path(settings.keys, practice_id).unlink(missing_ok=True)
    fsync_directory(settings.keys)
