"""What lies in landing: whose file it is, which declaration reads it, and whether it is new."""

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from expectations.model import FeedName
from expectations.practice import Contract, FileSpec
from expectations.registry import Registry
from orchestration.ingest.content_hash import sha256_of
from orchestration.ingest.privacy import is_showable
from orchestration.manifest import Listed, Manifests, is_manifest, manifests_in

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
    """By its name or by a list; where a column says it, it is known once the file is read."""
    modified_at: datetime | None = None
    """UTC, without its zone."""
    period: tuple[date, date] | None = None
    """The days it speaks for, where its name or a list says so."""
    listed: Listed | None = None
    list_problem: str | None = None
    """Why the list of files keeps it from being taken in."""

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
        """Whether the date is not where the contract looks for it, the file's rows apart."""
        is_sought = self.spec is not None and self.spec.exported_at is not None
        return is_sought and self.exported_on is None and not self.is_dated_inside

    @property
    def is_dated_inside(self) -> bool:
        """Whether the date stands in a column, so that only other bytes can have another."""
        date_of = self.spec.export_date if self.spec else None
        return date_of is not None and date_of.column is not None

    @property
    def lacks_period(self) -> bool:
        """Whether its days stand neither in its name nor in the list, as the contract says."""
        return self.spec is not None and self.period is None and _states_period(self.spec)


def is_ahead(exported_on: date | None, today: date) -> bool:
    """Whether an export's date lies beyond tomorrow (a clock may be a day ahead of ours).

    It would win over everything that comes until then.
    """
    return exported_on is not None and exported_on > today + timedelta(days=1)


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
        listed = manifests_in(folder, contract)
        for path in sorted(folder.iterdir()):
            # A link is no export: what it points to may be anything this process can read.
            if path.is_symlink() or not path.is_file() or path.name.startswith("."):
                continue
            if is_manifest(path, contract):
                continue
            found.extend(arrivals_of(practice_id, path, contract, listed))
    return found


def unknown_folders(landing: Path, registry: Registry) -> list[str]:
    """Folders of landing that belong to no practice the registry could read."""
    if not landing.is_dir():
        return []
    known = set(registry.practices) | set(registry.broken)
    return sorted(p.name for p in landing.iterdir() if p.is_dir() and p.name not in known)


def arrivals_of(
    practice_id: str, path: Path, contract: Contract | None, listed: Manifests | None = None
) -> Iterable[Arrival]:
    """One file, wherever it lies, as the contract reads it: once for each feed it carries.

    `listed` are the lists of its folder, which are read when they are not given.
    """
    listed = manifests_in(path.parent, contract) if listed is None else listed
    specs = contract.files if contract else ()
    spec = next((s for s in specs if fnmatch.fnmatchcase(path.name, s.pattern)), None)
    feeds = [mapping.feed for mapping in spec.mappings] if spec else []
    if not feeds:
        # It still needs a place where its refusal shows: the practice's first feed.
        feeds = [contract.feeds[0] if contract else "sessions"]
    facts = path.stat()
    sha256 = _sha256(path, facts.st_size, facts.st_mtime_ns)
    entry = listed.files.get(path.name)
    modified = datetime.fromtimestamp(facts.st_mtime_ns // 1000 / 1e6, UTC).replace(tzinfo=None)
    for feed in feeds:
        yield Arrival(
            practice_id,
            feed,
            path,
            sha256,
            spec,
            contract,
            exported_on(spec, path.name, entry),
            modified,
            period_of(spec, path.name, entry),
            entry,
            listed.problem_with(path.name),
        )


@lru_cache(maxsize=4096)
def _sha256(path: Path, _size: int, _modified: int) -> str:
    """A file's hash, kept while size and time stand: one night looks at landing many times.

    The reading worker hashes what it reads and refuses a file that no longer has this hash.
    """
    return sha256_of(path)


def exported_on(spec: FileSpec | None, name: str, listed: Listed | None = None) -> date | None:
    """The day on which a file was exported, by its name or list; None where neither says so."""
    if spec is None or spec.exported_at is None:
        return None
    if spec.export_date is not None:
        return listed.exported_on if spec.export_date.manifest and listed else None
    found = re.search(spec.export_date_pattern or "", name)
    return _day(found.group(1)) if found else None


def period_of(
    spec: FileSpec | None, name: str, listed: Listed | None = None
) -> tuple[date, date] | None:
    """The first and last day a period delivery speaks for, by its name or list."""
    if spec is None or not _states_period(spec):
        return None
    if spec.period.pattern is None:
        return listed.period if listed else None
    found = re.search(spec.period.pattern, name)
    first, last = (_day(found.group(1)), _day(found.group(2))) if found else (None, None)
    return (first, last) if first and last and first <= last else None


def _states_period(spec: FileSpec) -> bool:
    return spec.delivery_scope == "period" and spec.period.stated_in != "rows"


def _day(text: str | None) -> date | None:
    written = _DAY.fullmatch(text or "")
    try:
        return date(int(written[1]), int(written[3]), int(written[4])) if written else None
    except ValueError:
        return None
