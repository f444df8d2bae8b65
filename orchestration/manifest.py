"""The list of files that may come beside them: what a sender says of name, hash, rows and date.

A list is small and read at every look at landing. One that cannot be read stops its practice's
files, since nobody knows what it would have said of them; it stops nobody else's.
"""

import csv
import fnmatch
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from expectations.delivery_terms import ManifestTerms
from expectations.practice import Contract
from expectations.yaml_source import DeclarationError, read_yaml
from orchestration.ingest.privacy import is_showable

MAXIMUM_BYTES = 2**20
_WANTED = ("file", "sha256")
_KNOWN = (*_WANTED, "rows", "exported_at", "period_from", "period_to")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,15}", re.ASCII)


@dataclass(frozen=True)
class Listed:
    """What a list says of one file."""

    sha256: str
    n_rows: int | None = None
    exported_on: date | None = None
    period: tuple[date, date] | None = None


@dataclass(frozen=True)
class Manifests:
    """The lists of one landing folder: by file name the last list's word, and what is wrong."""

    terms: ManifestTerms | None = None
    paths: tuple[Path, ...] = ()
    files: Mapping[str, Listed] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    named_in: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
    """The names each list holds."""

    def problem_with(self, name: str) -> str | None:
        """The reason why a file of that name cannot be taken in, or None."""
        if self.terms is None:
            return None
        if self.problems:
            return "manifest_unreadable"
        if self.terms.required and name not in self.files:
            return "not_in_manifest"
        return None


class ManifestUnreadable(Exception):
    """A list that is not what the contract says; the text names no cell's value."""


def manifests_in(folder: Path, contract: Contract | None) -> Manifests:
    """The lists in a folder that the contract declares, in the order of their names."""
    if contract is None or contract.manifest is None:
        return Manifests()
    terms = contract.manifest
    paths = tuple(p for p in sorted(folder.iterdir()) if is_manifest(p, contract))
    files: dict[str, Listed] = {}
    problems: list[str] = []
    named: dict[Path, tuple[str, ...]] = {}
    for path in paths:
        try:
            found = read_manifest(path, terms)
        except ManifestUnreadable as problem:
            shown = path.name if is_showable(path.name) else "a list"
            problems.append(f"{shown}: {problem}; send it again")
        else:
            files |= found
            named[path] = tuple(found)
    return Manifests(terms, paths, files, tuple(problems), named)


def is_manifest(path: Path, contract: Contract | None) -> bool:
    """Whether a file in landing is a list and no export."""
    return (
        contract is not None
        and contract.manifest is not None
        and path.is_file()
        and not path.name.startswith(".")
        and fnmatch.fnmatchcase(path.name, contract.manifest.pattern)
    )


def read_manifest(path: Path, terms: ManifestTerms) -> dict[str, Listed]:
    """What one list says, by file name. Raises ManifestUnreadable."""
    if path.stat().st_size > MAXIMUM_BYTES:
        raise ManifestUnreadable("the list is larger than 1 MB")
    rows = _csv_rows(path, terms) if terms.format == "csv" else _yaml_rows(path)
    found: dict[str, Listed] = {}
    for number, row in rows:
        name = row.get("file", "")
        if not name or "/" in name or "\\" in name:
            raise ManifestUnreadable(f"entry {number}: `file` must be a bare file name")
        if name in found:
            raise ManifestUnreadable(f"entry {number}: a file is listed twice")
        found[name] = _listed(number, row)
    return found


def _csv_rows(path: Path, terms: ManifestTerms) -> Iterable[tuple[int, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = list(csv.reader(stream, delimiter=terms.delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ManifestUnreadable("the list is no UTF-8 text in CSV") from error
    header = [cell.strip() for cell in lines[0]] if lines else []
    if not set(_WANTED) <= set(header) <= set(_KNOWN) or len(set(header)) < len(header):
        raise ManifestUnreadable(
            f"line 1: the columns must be {' and '.join(_WANTED)}, and may be "
            f"{', '.join(_KNOWN[len(_WANTED) :])}"
        )
    for number, line in enumerate(lines[1:], start=1):
        if line and len(line) != len(header):
            raise ManifestUnreadable(f"entry {number}: {len(header)} cells are expected")
        if line:
            yield number, dict(zip(header, (cell.strip() for cell in line), strict=True))


def _yaml_rows(path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    try:
        content = read_yaml(path).content
    except DeclarationError as error:
        raise ManifestUnreadable("the list is no valid YAML") from error
    entries = content.get("files") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ManifestUnreadable("a mapping with the list `files` is expected")
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict) or not set(_WANTED) <= set(entry) <= set(_KNOWN):
            raise ManifestUnreadable(
                f"entry {number}: the keys must be {' and '.join(_WANTED)}, and may be "
                f"{', '.join(_KNOWN[len(_WANTED) :])}"
            )
        yield number, {name: "" if cell is None else str(cell) for name, cell in entry.items()}


def _listed(number: int, row: Mapping[str, str]) -> Listed:
    sha256, rows = row["sha256"].lower(), row.get("rows", "")
    if not _SHA256.fullmatch(sha256):
        raise ManifestUnreadable(f"entry {number}: `sha256` must be 64 hexadecimal digits")
    if rows and not _COUNT.fullmatch(rows):
        raise ManifestUnreadable(f"entry {number}: `rows` must be a number")
    first, last = (_day(number, row, name) for name in ("period_from", "period_to"))
    if (first is None) != (last is None) or (first and last and last < first):
        raise ManifestUnreadable(f"entry {number}: `period_from` and `period_to` are no period")
    return Listed(
        sha256=sha256,
        n_rows=int(rows) if rows else None,
        exported_on=_day(number, row, "exported_at"),
        period=(first, last) if first and last else None,
    )


def _day(number: int, row: Mapping[str, str], name: str) -> date | None:
    text = row.get(name, "")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ManifestUnreadable(
            f"entry {number}: `{name}` must be a day like 2026-01-31"
        ) from None


@dataclass(frozen=True)
class ListingState:
    """What is wrong with a folder's lists, and the lists that nothing is owed on any more."""

    problems: tuple[str, ...]
    done: tuple[Path, ...]


def listing_state(folder: Path, contract: Contract, loaded: Collection[str]) -> ListingState:
    """`loaded` are the content hashes of the practice's files that are dealt with."""
    lists = manifests_in(folder, contract)
    here = {path.name for path in folder.iterdir() if path.is_file()}
    problems = list(lists.problems)
    done: list[Path] = []
    for path, names in lists.named_in.items():
        missing = [n for n in names if n not in here and lists.files[n].sha256 not in loaded]
        shown = ", ".join(name if is_showable(name) else "a file" for name in missing)
        if missing:
            listed_in = path.name if is_showable(path.name) else "a list"
            problems.append(
                f"{listed_in} names {shown}, which did not come; have it sent, or remove the list"
            )
        elif not any(name in here for name in names):
            done.append(path)
    return ListingState(tuple(problems), tuple(done))
