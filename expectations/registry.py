"""Loads every declaration, checks each against the others, and says by file and line what is wrong.

A practice whose file is broken is left out and reported; the others go on. A broken group, feed or
instrument concerns everyone and stops the load.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from expectations.base import Declaration
from expectations.contract_checks import contract_problems
from expectations.feed_checks import feed_problems, group_problems
from expectations.frozen_reference import FOLDER, FrozenReference, load_references
from expectations.instrument import Instrument
from expectations.instrument_checks import instrument_problems
from expectations.intervention_checks import intervention_problems
from expectations.metric import Metric, shipped_metrics
from expectations.model import FEED_NAMES, Feed, FeedName, Group
from expectations.parallel_checks import parallel_findings
from expectations.practice import Practice
from expectations.yaml_source import DeclarationError, Model, YamlSource, read_yaml

SHIPPED = Path(__file__).parent

InstrumentKey = tuple[str, str]
"""instrument_code, version."""


class RegistryError(Exception):
    """Declarations that cannot be used; `problems` holds each as `file:line: message`."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class Registry:
    """Everything declared, consistent. `broken`: practice -> why it was left out."""

    group: Group
    practices: dict[str, Practice]
    feeds: dict[FeedName, Feed]
    instruments: dict[InstrumentKey, Instrument]
    broken: dict[str, tuple[str, ...]]
    metrics: tuple[Metric, ...] = field(default_factory=shipped_metrics)
    references: tuple[FrozenReference, ...] = ()
    """Norms frozen by this group, oldest first."""

    @cached_property
    def digest(self) -> str:
        """sha256 of all content; equal for equal declarations, whatever their layout as text.

        Which practices are broken counts too: what is published says so, and a broken file that is
        taken away must not look like one that is still there.
        """
        return _digest(
            self.group,
            *self.feeds.values(),
            *self.instruments.values(),
            *self.practices.values(),
            *self.metrics,
            *self.references,
            left_out=self.broken,
        )

    def practice_digest(self, practice_id: str) -> str:
        """sha256 of what one practice's rows depend on: its file, the feeds, its instruments.

        KeyError when the practice is unknown or broken.
        """
        if practice_id not in self._practice_digests:
            self._practice_digests[practice_id] = self._digest_of(self.practices[practice_id])
        return self._practice_digests[practice_id]

    @cached_property
    def _practice_digests(self) -> dict[str, str]:
        """A night asks for each many times."""
        return {}

    def _digest_of(self, practice: Practice) -> str:
        named = sorted(instruments_named(practice) & set(self.instruments))
        return _digest(*self.feeds.values(), *(self.instruments[key] for key in named), practice)


def load_registry(home_dirs: Sequence[Path] = (), *, shipped: Path = SHIPPED) -> Registry:
    """The shipped declarations, extended by those of each home.

    A home holds `group.yml` (the last one found replaces the shipped one), `instruments/`,
    `practices/` and `references/`. Shipped practices are samples and load only when the group says
    so.
    Raises RegistryError when the group, a feed, an instrument or a frozen reference is broken, or
    the group tells of an intervention at a site that nobody declares.
    """
    problems: list[str] = []
    feeds = _load_feeds(shipped, problems)
    instruments = _load_instruments([shipped, *home_dirs], problems)
    group = _load_group([shipped, *home_dirs], problems)
    references = tuple(
        reference for home in home_dirs for reference in load_references(home / FOLDER, problems)
    )
    if group is None or problems:
        raise RegistryError(problems)
    folders = [*([shipped] if group.sample_practices else []), *home_dirs]
    practices, broken = _load_practices(folders, feeds, instruments)
    source = read_yaml(_group_files([shipped, *home_dirs])[-1])
    if wrong := intervention_problems(source, group, practices, broken):
        raise RegistryError(wrong)
    return Registry(group, practices, feeds, instruments, broken, references=references)


def _group_files(folders: Sequence[Path]) -> list[Path]:
    """The last one counts."""
    return [folder / "group.yml" for folder in folders if (folder / "group.yml").exists()]


def _load_group(folders: Sequence[Path], problems: list[str]) -> Group | None:
    files = _group_files(folders)
    if not files:
        problems.append(f"{folders[-1] / 'group.yml'}:1: is missing; `alliance init` writes one")
        return None
    return _read(files[-1], Group, group_problems, problems)


def _load_feeds(shipped: Path, problems: list[str]) -> dict[FeedName, Feed]:
    feeds: dict[FeedName, Feed] = {}
    for name in FEED_NAMES:
        feed = _read(shipped / "feeds" / f"{name}.yml", Feed, feed_problems, problems)
        if feed is not None:
            feeds[name] = feed
    return feeds


def _load_instruments(
    folders: Sequence[Path], problems: list[str]
) -> dict[InstrumentKey, Instrument]:
    found: dict[InstrumentKey, tuple[Instrument, Path]] = {}
    for path in (path for folder in folders for path in _yaml_files(folder / "instruments")):
        instrument = _read(path, Instrument, instrument_problems, problems)
        if instrument is None:
            continue
        key = (instrument.instrument_code, instrument.version)
        if key in found:
            problems.append(
                f"{path}:1: {key[0]} version {key[1]} is already declared in {found[key][1]}; "
                "a different key needs a version of its own"
            )
            continue
        found[key] = (instrument, path)
    known = {key: instrument for key, (instrument, _) in found.items()}
    for instrument, path in (each for each in found.values() if each[0].parallel_to):
        source = read_yaml(path)
        problems += [source.problem(*each) for each in parallel_findings(instrument, known)]
    return {key: found[key][0] for key in sorted(found)}


def _load_practices(
    folders: Sequence[Path],
    feeds: dict[FeedName, Feed],
    instruments: dict[InstrumentKey, Instrument],
) -> tuple[dict[str, Practice], dict[str, tuple[str, ...]]]:
    practices: dict[str, Practice] = {}
    broken: dict[str, list[str]] = {}
    origin: dict[str, Path] = {}

    def check(source: YamlSource, practice: Practice) -> list[str]:
        return contract_problems(source, practice, feeds, instruments)

    for path in (path for folder in folders for path in _yaml_files(folder / "practices")):
        name, problems = path.stem, broken.setdefault(path.stem, [])
        practice = _read(path, Practice, check, problems)
        if name in origin:
            problems.append(f"{path}:1: practice {name} is already declared in {origin[name]}")
        origin.setdefault(name, path)
        if practice is not None:
            practices[name] = practice
    wrong = {name: tuple(found) for name, found in sorted(broken.items()) if found}
    return {name: practices[name] for name in sorted(practices) if name not in wrong}, wrong


def _read(
    path: Path,
    model: type[Model],
    check: Callable[[YamlSource, Model], list[str]],
    problems: list[str],
) -> Model | None:
    """One file as `model`; None, with `problems` extended, when it is broken."""
    try:
        source = read_yaml(path)
        parsed = source.parse(model)
    except DeclarationError as error:
        problems += error.problems
        return None
    found = check(source, parsed)
    problems += found
    return None if found else parsed


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix in (".yml", ".yaml"))


def instruments_named(practice: Practice) -> set[InstrumentKey]:
    """Every instrument a practice's contracts name, in schedules or in files."""
    named: set[InstrumentKey] = set()
    for contract in practice.contracts:
        named |= {(due.instrument_code, due.version) for due in contract.schedules}
        for mapping in (mapping for spec in contract.files for mapping in spec.mappings):
            identities = [
                *mapping.forms,
                *(mapping.long.identity.values() if mapping.long else ()),
            ]
            named |= {(identity.instrument_code, identity.version) for identity in identities}
    return named


def _digest(*declarations: Declaration, left_out: Iterable[str] = ()) -> str:
    content: list[list[object]] = [
        [type(declaration).__name__, declaration.model_dump(mode="json", by_alias=True)]
        for declaration in declarations
    ]
    content += [["left out", name] for name in sorted(left_out)]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
