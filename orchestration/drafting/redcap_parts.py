"""A REDCap project in one file: which rows and columns belong to which feed and questionnaire.

The header has the project's instruments one after the other, each ended by its `_complete`. Rows
of repeating instruments name theirs; the others are parents, told apart by their event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from expectations.instrument import Instrument
from expectations.model import Feed, FeedName
from orchestration.drafting.columns import Profile, profile
from orchestration.drafting.forms import CHECKBOX, Block, Forms, wide_blocks
from orchestration.drafting.kinds import Kind
from orchestration.drafting.matching import Labels, Match, match_columns
from orchestration.drafting.part import Part
from orchestration.drafting.rows import RowRule, exclusions
from orchestration.ingest.readers.redcap import STATUS_SUFFIX

REPEAT, INSTANCE, EVENT = (
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
    "redcap_event_name",
)
GROUP = "redcap_data_access_group"
TIMESTAMP = "_timestamp"
NOT_COMPLETED = "[not completed]"
_TABLES: tuple[FeedName, ...] = ("episodes", "sessions")


@dataclass(frozen=True)
class Segment:
    """One instrument of the project, whether or not it is a questionnaire."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[int, ...]
    """Places of the rows in which any of its columns is filled."""
    repeats: tuple[str, ...]
    """Words of REPEAT in those rows; `""` is a parent row."""
    events: tuple[str, ...]

    @property
    def status(self) -> str | None:
        """Its `_complete` column, where the export has it."""
        return self.name + STATUS_SUFFIX if self.name else None

    @property
    def place(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Where its rows are; segments of one place share their rows."""
        return self.repeats, self.events


def redcap_parts(
    kind: Kind,
    banned: set[str],
    missing: Sequence[str],
    feeds: Mapping[FeedName, Feed],
    instruments: Mapping[tuple[str, str], Instrument],
) -> list[Part]:
    """The feeds of a project's export."""
    cells = kind.sample.columns
    record = next(iter(cells))
    project = _Project(kind, record, tuple(missing))
    segments = [segment for segment in _segments(cells, banned) if segment.rows]
    blocks: list[Block] = []
    tables: dict[object, list[Segment]] = {}
    for segment in segments:
        found = project.blocks(segment, feeds["administrations"], instruments)
        blocks += found
        if not found:
            tables.setdefault(segment.place, []).append(segment)
    parts = project.tables(list(tables.values()), feeds, segments)
    if blocks:
        parts.append(project.forms(blocks, feeds["administrations"], segments))
    return parts


def _segments(cells: Mapping[str, Sequence[str]], banned: set[str]) -> list[Segment]:
    """Columns that are filled in the same kind of rows, in runs that a `_complete` ends.

    An export of chosen fields may lack a `_complete`, or have them all at its end, so the rows
    decide first. A column that is nowhere filled goes with the one before it.
    """
    system = {REPEAT, INSTANCE, EVENT, GROUP, next(iter(cells))}
    names = [name for name in cells if name not in system and name not in banned]
    runs: dict[tuple[tuple[str, ...], int], list[str]] = {}
    place: tuple[str, ...] = ("",)
    n_ended = 0
    for name in names:
        filled = tuple(n for n, cell in enumerate(cells[name]) if cell)
        place = _words(cells, REPEAT, filled) or place if filled and REPEAT in cells else place
        # Repeating instruments are named by their rows; the others by their `_complete` alone.
        is_parent = place == ("",)
        runs.setdefault((place, n_ended if is_parent else 0), []).append(name)
        n_ended += is_parent and name.endswith(STATUS_SUFFIX)
    return [_segment(cells, own) for own in runs.values()]


def _segment(cells: Mapping[str, Sequence[str]], own: Sequence[str]) -> Segment:
    statuses = [name for name in own if name.endswith(STATUS_SUFFIX)]
    columns = tuple(name for name in own if name not in statuses)
    n_rows = len(cells[own[0]])
    places = tuple(n for n in range(n_rows) if any(cells[name][n] for name in own))
    return Segment(
        statuses[0].removesuffix(STATUS_SUFFIX) if statuses else "",
        columns,
        places,
        _words(cells, REPEAT, places),
        _words(cells, EVENT, places),
    )


def _words(
    cells: Mapping[str, Sequence[str]], column: str, places: Sequence[int]
) -> tuple[str, ...]:
    return tuple(sorted({cells[column][n] for n in places})) if column in cells else ()


@dataclass(frozen=True)
class _Project:
    kind: Kind
    record: str
    missing: tuple[str, ...]

    @property
    def labels(self) -> Labels:
        """What its data dictionary says of choices."""
        return self.kind.sample.labels

    def profiles(self, segment: Segment, *, with_record: bool = True) -> list[Profile]:
        """What a segment's columns hold among its own rows."""
        cells = self.kind.sample.columns
        names = [self.record, *([GROUP] if GROUP in cells else [])] if with_record else []
        found = []
        for name in (*names, *segment.columns):
            none = (*self.missing, *([NOT_COMPLETED] if name.endswith(TIMESTAMP) else []))
            found.append(profile(name, [cells[name][n] for n in segment.rows], none))
        if with_record:
            found[0] = replace(found[0], kind="id", entity="client")
        return found

    def blocks(
        self,
        segment: Segment,
        feed: Feed,
        instruments: Mapping[tuple[str, str], Instrument],
    ) -> list[Block]:
        """The questionnaires of a segment, each with its own rows, status and date."""
        profiles = self.profiles(segment, with_record=False)
        cells = {
            name: [self.kind.sample.columns[name][n] for n in segment.rows]
            for name in segment.columns
        }
        found = wide_blocks(cells, segment.name, profiles, self.missing, instruments)
        if not any(block.candidates for block in found):
            return []
        used = set().union(*(block.columns for block in found))
        own = [p for p in profiles if p.header not in used and not self._is_choice(p.header)]
        matches = [m for m in match_columns(feed, own, self.labels) if m.column.name != "status"]
        matches = [self._timed(match) for match in matches]
        matches += self._completion(segment, feed, {m.column.name for m in matches}, own)
        order = [column.name for column in feed.columns]
        matches.sort(key=lambda match: order.index(match.column.name))
        only = tuple(self._rules(segment, "other_instrument"))
        return [replace(block, matches=tuple(matches), only=only) for block in found]

    def _is_choice(self, header: str) -> bool:
        """Whether a column is one of several boxes of a question; a single box is a yes or no."""
        stem, found, _ = header.partition(CHECKBOX)
        boxes = [name for name in self.kind.sample.columns if name.startswith(stem + CHECKBOX)]
        return bool(found) and len(boxes) > 1

    def _timed(self, match: Match) -> Match:
        is_time = match.source.header.endswith(TIMESTAMP)
        return replace(match, missing=(NOT_COMPLETED,)) if is_time else match

    def _completion(
        self, segment: Segment, feed: Feed, have: set[str], own: Sequence[Profile]
    ) -> list[Match]:
        if segment.status is None:
            return []
        cells = self.kind.sample.columns[segment.status]
        status = profile(segment.status, [cells[n] for n in segment.rows], ())
        words = ("Complete", "Unverified", "Incomplete")
        if self.kind.sample.options.get("coding") != "label":
            words = ("2", "1", "0")
        recode = dict(zip(words, ("completed", "partial", "partial"), strict=True))
        found = [Match(feed.column("status"), status, "REDCap's own status", recode, 0)]
        stamps = [p for p in own if p.header == segment.name + TIMESTAMP]
        if "completed_on" not in have and stamps and stamps[0].kind in ("date", "empty"):
            column = feed.column("completed_on")
            stamp = Match(column, stamps[0], "REDCap's own time", {}, 0, (NOT_COMPLETED,))
            found.append(stamp)
        return found

    def _rules(self, segment: Segment, reason: str) -> list[RowRule]:
        """The rows of a segment by instrument and event, as far as the file has others."""
        cells = self.kind.sample.columns
        rules = []
        for column, own, why in (
            (REPEAT, segment.repeats, reason),
            (EVENT, segment.events, "other_event"),
        ):
            if column in cells and set(own) != set(cells[column]):
                rules.append(RowRule(column, own, why, "its rows alone are filled there"))
        return rules

    def tables(
        self,
        groups: Sequence[Sequence[Segment]],
        feeds: Mapping[FeedName, Feed],
        segments: Sequence[Segment],
    ) -> list[Part]:
        """Episodes and sessions: of the segments that are no questionnaire, those that fit best."""
        scored: list[tuple[float, int, FeedName, Part]] = []
        for number, group in enumerate(groups):
            profiles = self.profiles(group[0])
            for segment in group[1:]:
                profiles += self.profiles(segment, with_record=False)
            exclude = tuple(rule for p in profiles for rule in exclusions(p, "redcap"))
            # A checkbox is one choice of several: what it means no single column can say.
            profiles = [p for p in profiles if p.kind != "text" and not self._is_choice(p.header)]
            for name in _TABLES:
                matches = match_columns(feeds[name], profiles, self.labels)
                named = [m for m in matches if m.column.type != "id"]
                only = tuple(self._rules(group[0], "other_row"))
                part = Part(feeds[name], matches, exclude=exclude, only=only)
                score = len(named) + 2 * sum(m.column.required for m in named)
                scored.append((score, -number, name, self._with_unit(part, group[0])))
        chosen: dict[FeedName, Part] = {}
        taken: set[int] = set()
        for points, number, name, part in sorted(scored, key=lambda s: (-s[0], -s[1])):
            if points and name not in chosen and number not in taken:
                chosen[name] = part
                taken.add(number)
        return [chosen[name] for name in _TABLES if name in chosen]

    def _with_unit(self, part: Part, segment: Segment) -> Part:
        """A unit without an id of its own: a record that is not repeated stands for its episode."""
        have = {match.column.name for match in part.matches}
        if part.feed.feed == "episodes" and "episode_id" not in have:
            source = f"{{from: {self.record}}}"
            why = "open: one treatment a record? no other id is there"
            return replace(part, constants=(("episode_id", source, why),))
        return part

    def forms(self, blocks: Sequence[Block], feed: Feed, segments: Sequence[Segment]) -> Part:
        """One mapping for all questionnaires; parents without any are left out by their forms."""
        cells = self.kind.sample.columns
        record = replace(profile(self.record, cells[self.record], ()), kind="id", entity="client")
        matches = [Match(feed.column("client_id"), record, "the record", {}, 0)]
        own = [{match.column.name for match in block.matches} for block in blocks]
        constants: tuple[tuple[str, str, str], ...] = ()
        if INSTANCE in cells and not all("session_id" in names for names in own):
            source = f"{{from: {INSTANCE}}}"
            constants = (("occasion", source, "why: REDCap numbers what repeats"),)
        used = set().union(*(block.columns for block in blocks)) | {self.record}
        used |= {INSTANCE} if constants else set()
        return Part(feed, matches, Forms("wide", list(blocks), used), constants=constants)
