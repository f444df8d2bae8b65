"""What lies in landing: whose file it is, which declaration reads it, and whether it is new."""

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from expectations.model import FeedName
from expectations.practice import Contract, FileSpec
from expectations.registry import Registry
from orchestration.ingest.privacy import is_showable
from orchestration.ingest.receive import sha256_of

_DAY = re.compile(r"(\d{4})([-_.]?)(\d{2})\2(\d{2})", re.ASCII)


@dataclass(frozen=True)
class Arrival:
    """A file in landing for one feed. `spec` is None when no pattern of the contract fits it."""

    practice_id: str
    feed: FeedName
    path: Path
    sha256: str
    spec: FileSpec | None
    contract: Contract | None
    exported_on: date | None

    @property
    def delivery_id(self) -> str:
        """Name of the delivery: the same content for the same feed is the same delivery."""
        return f"{self.practice_id}.{self.feed}.{self.sha256[:16]}"

    @property
    def shown_name(self) -> str:
        """The file's name, unless the name itself looks like an identifier."""
        if is_showable(self.path.name):
            return self.path.name
        return f"file {self.sha256[:12]}"

    @property
    def lacks_export_date(self) -> bool:
        """Whether the name does not give the date that the contract looks for in it."""
        return bool(self.spec and self.spec.exported_at) and self.exported_on is None


def arrivals(
    landing: Path, registry: Registry, today: date, practice_ids: Iterable[str] | None = None
) -> list[Arrival]:
    """Every file in landing (of some practices), once for each feed it carries, in name order."""
    found: list[Arrival] = []
    for practice_id in registry.practices if practice_ids is None else practice_ids:
        contract = registry.practices[practice_id].contract_on(today)
        folder = landing / practice_id
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            # A link is no export: what it points to may be anything this process can read.
            if path.is_symlink() or not path.is_file() or path.name.startswith("."):
                continue
            found.extend(arrivals_of(practice_id, path, contract))
    return found


def unknown_folders(landing: Path, registry: Registry) -> list[str]:
    """Folders of landing that belong to no practice the registry could read."""
    if not landing.is_dir():
        return []
    known = set(registry.practices) | set(registry.broken)
    return sorted(p.name for p in landing.iterdir() if p.is_dir() and p.name not in known)


def arrivals_of(practice_id: str, path: Path, contract: Contract | None) -> Iterable[Arrival]:
    """One file, wherever it lies, as the contract reads it: once for each feed it carries."""
    specs = contract.files if contract else ()
    spec = next((s for s in specs if fnmatch.fnmatchcase(path.name, s.pattern)), None)
    feeds = [mapping.feed for mapping in spec.mappings] if spec else []
    if not feeds:
        # It still needs a place where its refusal shows: the practice's first feed.
        feeds = [contract.feeds[0] if contract else "sessions"]
    facts = path.stat()
    sha256 = _sha256(path, facts.st_size, facts.st_mtime_ns)
    for feed in feeds:
        yield Arrival(practice_id, feed, path, sha256, spec, contract, exported_on(spec, path.name))


@lru_cache(maxsize=4096)
def _sha256(path: Path, _size: int, _modified: int) -> str:
    """A file's hash, kept while size and time stand: one night looks at landing many times.

    The reading worker hashes what it reads and refuses a file that no longer has this hash.
    """
    return sha256_of(path)


def exported_on(spec: FileSpec | None, name: str) -> date | None:
    """The day on which a file was exported, by its name; None where there is none to be read."""
    if spec is None or spec.exported_at is None:
        return None
    found = re.search(spec.exported_at, name)
    written = _DAY.fullmatch(found.group(1) or "") if found else None
    if written is None:
        return None
    try:
        return date(int(written[1]), int(written[3]), int(written[4]))
    except ValueError:
        return None
