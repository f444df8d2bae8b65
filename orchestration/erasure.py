"""A practice's key destroyed: the end of every way back from pseudonyms to its ids.

What of the practice could be read again goes with it: received files still in landing, files being
read, the encrypted archive. Stored rows stay; they are no longer linkable to anyone. An empty file
beside the keys is written first: it stops the practice's ingest, and says to a later run that a
killed one has to be finished.
"""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from orchestration.durable import fsync_directory
from orchestration.ingest.pseudonyms import destroyed_path, key_path, next_key_path, wipe
from orchestration.key_rotation import STAGED
from orchestration.rewriting import Step, remove_candidate
from orchestration.settings import Settings, key_in_environment, key_variable
from orchestration.warehouse import Warehouse

STAYS = (
    "its stored rows stay, under pseudonyms that nobody can link to an id any more",
    "its releases and verdicts stay: no row in them is about one client",
    "copies of the key outside this home are not reached: destroy them too, or nothing is erased",
)
"""What a destroyed key leaves, in words."""


class ErasureRefused(Exception):
    """The key lies where no command can destroy it; nothing has changed."""


def destroy(settings: Settings, practice_id: str, step: Step = lambda _: None) -> None:
    """Destroy a practice's key and all that it opens. The caller holds the writer's lock.

    Can be repeated; a practice without a key ends in the same state. Raises OSError when something
    cannot be removed, and ErasureRefused, before anything is done, where the key is out of reach:
    nothing is said to be erased that is not.
    """
    mark = destroyed_path(settings.keys, practice_id)
    if key_in_environment(practice_id) is not None and not mark.exists():
        raise ErasureRefused(
            f"the key of practice {practice_id} comes in the variable {key_variable(practice_id)}: "
            "destroy it where that is set, and every copy; then run this again without it, and the "
            "archive and what else the key opened goes too; nothing was changed"
        )
    settings.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(mark, os.O_WRONLY | os.O_CREAT, 0o600))
    fsync_directory(settings.keys)
    step("marked")
    for path in (next_key_path(settings.keys, practice_id), key_path(settings.keys, practice_id)):
        wipe(path)
        step("a key wiped")
    if settings.warehouse.exists():
        Warehouse(settings).prepare()
        with Warehouse(settings).connect() as con:
            con.execute(
                "update raw.key_versions set destroyed_at = ? "
                "where practice_id = ? and destroyed_at is null",
                [datetime.now(UTC).replace(tzinfo=None), practice_id],
            )
    step("noted")
    remove_candidate(settings)
    for folder in _what_it_opened(settings, practice_id):
        if folder.exists():
            shutil.rmtree(folder)
            fsync_directory(folder.parent)
        step("a folder removed")
    (settings.landing / practice_id).mkdir(parents=True, exist_ok=True)


def finish_erasures(settings: Settings) -> None:
    """End what a killed erasure left. The caller holds the writer's lock."""
    for mark in sorted(settings.keys.glob("*.destroyed")):
        practice_id = mark.name.removesuffix(".destroyed")
        left = (key_path(settings.keys, practice_id), next_key_path(settings.keys, practice_id))
        archived = settings.archive / practice_id
        if archived.exists() or any(path.exists() for path in left):
            destroy(settings, practice_id)


def _what_it_opened(settings: Settings, practice_id: str) -> Iterator[Path]:
    """The archive last: while it is there the erasure is not finished."""
    yield settings.scratch
    yield settings.landing / practice_id
    yield settings.archive / (practice_id + STAGED)
    yield settings.archive / practice_id
