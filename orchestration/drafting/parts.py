"""What a file holds, feed by feed: its columns' likely meanings and its questionnaires."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from expectations.header_words import names_direct_identifier
from expectations.instrument import Instrument
from expectations.model import Feed, FeedName
from orchestration.drafting.columns import Profile, missing_words, profile
from orchestration.drafting.fhir_forms import fhir_forms
from orchestration.drafting.forms import Forms, find_forms
from orchestration.drafting.kinds import Kind
from orchestration.drafting.matching import Match, match_columns
from orchestration.drafting.part import Part
from orchestration.drafting.redcap_parts import NOT_COMPLETED, TIMESTAMP, redcap_parts
from orchestration.drafting.rows import RowRule, exclusions
from orchestration.ingest.privacy import kinds_in

Feeds = Mapping[FeedName, Feed]
Instruments = Mapping[tuple[str, str], Instrument]
VISIT = {"session_id", "client_id", "site_id", "scheduled_on", "attendance"}
"""Canonical columns by which a row of forms is a session, too."""


@dataclass(frozen=True)
class Understood:
    """A kind of file, and all that was made of it."""

    kind: Kind
    profiles: list[Profile]
    parts: list[Part]
    missing: tuple[str, ...]
    banned: dict[str, str]
    """Columns the practice must not send -> why."""

    @property
    def matches(self) -> list[Match]:
        """The meanings of all columns, those of single questionnaires included."""
        return [
            match
            for part in self.parts
            for match in (
                *part.matches,
                *(m for block in (part.forms.blocks if part.forms else ()) for m in block.matches),
            )
        ]


def understood(kind: Kind, feeds: Feeds, instruments: Instruments) -> Understood:
    """What a kind of file holds."""
    sample = kind.sample
    if sample.fhir is not None:
        return _responses(kind, feeds, instruments)
    banned = {
        name: found
        for name, cells in sample.columns.items()
        if (found := _banned(kind, name, cells))
    }
    missing = missing_words(sample.columns.values())
    profiles = [
        profile(name, cells, (*missing, NOT_COMPLETED) if name.endswith(TIMESTAMP) else missing)
        for name, cells in sample.columns.items()
        if name not in banned
    ]
    if sample.format == "redcap":
        parts = redcap_parts(kind, set(banned), missing, feeds, instruments)
        used = set().union(*(part.columns for part in parts))
        texts = {p.header for p in profiles if p.kind == "text" and p.header not in used}
        return Understood(kind, profiles, parts, missing, banned | _free_text(texts))
    forms = find_forms(kind, profiles, missing, instruments)
    free = [p for p in profiles if forms is None or p.header not in forms.columns]
    banned |= _free_text({each.header for each in free if each.kind == "text"})
    free = [p for p in free if p.header not in banned]
    return Understood(kind, profiles, _parts(kind, free, forms, feeds), missing, banned)


def _parts(kind: Kind, free: Sequence[Profile], forms: Forms | None, feeds: Feeds) -> list[Part]:
    exclude = tuple(rule for p in free for rule in exclusions(p, kind.sample.format))
    by_rule = {rule.column for rule in exclude}
    free = [p for p in free if p.header not in by_rule]
    if forms is None:
        is_session = any(p.entity == "session" and p.kind == "id" for p in free)
        feed = feeds["sessions" if is_session else "episodes"]
        return [Part(feed, match_columns(feed, free), exclude=exclude)]
    feed = feeds["administrations"]
    parts = [Part(feed, match_columns(feed, free), forms, exclude)]
    visits = match_columns(feeds["sessions"], free)
    if {match.column.name for match in visits} >= VISIT:
        parts.insert(0, Part(feeds["sessions"], visits, exclude=exclude))
    return parts


def _responses(kind: Kind, feeds: Feeds, instruments: Instruments) -> Understood:
    """A FHIR file: its columns are the reader's, so their meaning is known."""
    assert kind.sample.fhir is not None
    forms = fhir_forms(kind.sample.fhir, instruments)
    feed = feeds["administrations"]
    columns = kind.sample.columns
    profiles = [profile(name, cells, ()) for name, cells in columns.items()]
    filled = {p.header: p for p in profiles if p.n_filled}
    known = {
        "administration_id": "response_id",
        "client_id": "subject",
        "session_id": "encounter",
        "episode_id": "episode",
        "completed_on": "authored",
    }
    matches = [
        Match(feed.column(ours), filled[theirs], "FHIR's own", {}, 0)
        for ours, theirs in known.items()
        if theirs in filled
    ]
    writers = {"Patient": "client", "Practitioner": "therapist", "RelatedPerson": "other_caregiver"}
    if "author_type" in filled and filled["author_type"].distinct <= set(writers):
        said = {word: writers[word] for word in sorted(filled["author_type"].distinct)}
        matches.append(
            Match(feed.column("respondent"), filled["author_type"], "who wrote it", said, 0)
        )
    recode = {"amended": "completed", "in-progress": "partial", "stopped": "partial"}
    matches.append(Match(feed.column("status"), filled["status"], "FHIR's own", recode, 0))
    exclude = (
        RowRule("version_state", ("superseded",), "superseded_version", "older versions"),
        RowRule("version_state", ("copy",), "repeated_row", "the same again"),
        RowRule("status", ("entered-in-error",), "entered_in_error", "FHIR's word for a mistake"),
    )
    order = [column.name for column in feed.columns]
    matches.sort(key=lambda match: order.index(match.column.name))
    return Understood(kind, profiles, [Part(feed, matches, forms, exclude)], (), {})


def _banned(of: Kind, name: str, cells: Sequence[str]) -> str | None:
    if names_direct_identifier(name) or name in of.sample.identifying:
        return "names a direct identifier"
    kinds = (kind for cell in dict.fromkeys(cells) for kind in kinds_in(cell))
    kind = next(kinds, None)
    return f"has cells that look like a {kind}" if kind else None


def _free_text(names: set[str]) -> dict[str, str]:
    return dict.fromkeys(
        sorted(names), "holds many different texts, and free text is never admitted"
    )
