"""The home: declarations, who may read it, and every practice's key."""

import stat
from collections.abc import Iterator
from pathlib import Path

from expectations.registry import Registry
from orchestration.examination.finding import Finding
from orchestration.ingest.pseudonyms import PracticeKey, key_source, load_key
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.load_notes import LoadName, LoadNotes, NoteDamaged
from orchestration.settings import Settings


def examine_home(settings: Settings, registry: Registry) -> Iterator[Finding]:
    """Findings on a home that has a group.yml."""
    yield permissions(settings)
    for practice_id, problems in registry.broken.items():
        yield Finding(f"contract of {practice_id}", "look", "; ".join(problems))
    newest = _newest_notes(settings)
    for practice_id in registry.practices:
        yield key_of(settings, practice_id, newest.get(practice_id))


def permissions(settings: Settings) -> Finding:
    """Home and keys are their owner's alone."""
    wanted = [(settings.home, 0o700), (settings.keys, 0o700)]
    wanted += [(path, 0o600) for path in sorted(settings.keys.glob("*.key*"))]
    open_to_others = [
        f"chmod {mode:o} {path.relative_to(settings.home.parent)}"
        for path, mode in wanted
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if open_to_others:
        said = "others can read what only the owner may: " + "; ".join(open_to_others)
        return Finding("permissions", "look", said)
    return Finding("permissions", "good", "home and keys are the owner's alone")


def key_of(settings: Settings, practice_id: str, noted: LoadName | None) -> Finding:
    """Whether a practice's key can be used, and is the one its archive was written with."""
    subject = f"key of {practice_id}"
    try:
        key = load_key(settings.keys, practice_id)
    except DeliveryRefused as refusal:
        if refusal.reason == "key_destroyed":
            return Finding(subject, "good", "destroyed: its stored rows are nobody's any more")
        return Finding(subject, "look", refusal.message)
    where = key_source(settings.keys, practice_id)
    if noted is None:
        return Finding(subject, "good", f"{where}; nothing is in the archive yet to try it on")
    if not _opens(settings.archive, key, noted):
        return Finding(
            subject,
            "look",
            "it does not open the newest note in the archive: another key, or a damaged note; put "
            "the right key back before the next night",
        )
    return Finding(subject, "good", f"{where}; it opens the archive")


def _opens(archive: Path, key: PracticeKey, name: LoadName) -> bool:
    try:
        LoadNotes(archive).read(key, name)
    except NoteDamaged:
        return False
    return True


def _newest_notes(settings: Settings) -> dict[str, LoadName]:
    found: dict[str, LoadName] = {}
    for name in sorted(LoadNotes(settings.archive).names()):
        found[name.practice_id] = name
    return found
