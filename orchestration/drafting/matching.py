"""Which canonical column a file's column is likely to be, and why. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from expectations.model import Column, Feed, FeedName
from orchestration.drafting.columns import Profile
from orchestration.drafting.words import dictionary, meaning, named

ID_COLUMNS: Mapping[FeedName, Mapping[str, str]] = {
    "episodes": {
        "episode": "episode_id",
        "client": "client_id",
        "unit": "unit_id",
        "therapist": "therapist_id",
    },
    "sessions": {
        "session": "session_id",
        "client": "client_id",
        "unit": "unit_id",
        "episode": "episode_id",
        "therapist": "therapist_id",
        "group_session": "group_session_id",
    },
    "administrations": {
        "form": "administration_id",
        "client": "client_id",
        "episode": "episode_id",
        "session": "session_id",
        "therapist": "rated_therapist_id",
    },
}
_ENOUGH = 0.6
"""Share of known words by which a column is recognised without its name."""
_MOST_SITES = 30


@dataclass(frozen=True)
class Match:
    """A canonical column and the file's column it is drawn from."""

    column: Column
    source: Profile
    why: str
    recode: dict[str, str]
    n_unknown: int
    """Words of an enumeration that the dictionary does not know."""
    missing: tuple[str, ...] = ()
    """Words that stand for nothing in this column alone."""


Labels = Mapping[str, Mapping[str, str]]
"""Column of the file -> code -> label."""
_CONSENT = "use_permission"
"""Never left out: without it the default would decide in the client's place."""


def match_columns(
    feed: Feed, profiles: Sequence[Profile], labels: Labels = MappingProxyType({})
) -> list[Match]:
    """The likeliest canonical column of each, no two alike, in the feed's order.

    An optional column of which not one word is known is left out: its rows would all fail.
    """
    found = _ids(feed, profiles)
    taken = {match.source.header for match in found} | {
        p.header for p in profiles if p.kind in ("id", "text")
    }
    site = _site(feed, [p for p in profiles if p.header not in taken])
    if site is not None:
        found.append(site)
        taken.add(site.source.header)
    scored = [
        (score, -place, column, profile)
        for place, column in enumerate(feed.columns)
        for profile in profiles
        if profile.header not in taken and (score := _score(column, profile)) > 0
    ]
    used = {match.column.name for match in found}
    for _, _, column, profile in sorted(scored, key=lambda s: (-s[0], -s[1])):
        if column.name not in used and profile.header not in taken:
            used.add(column.name)
            taken.add(profile.header)
            match = _matched(column, profile, labels.get(profile.header, {}))
            is_dark = match.n_unknown == len(profile.distinct) > 0
            if not is_dark or column.required or column.name == _CONSENT:
                found.append(match)
    order = [column.name for column in feed.columns]
    return sorted(found, key=lambda match: order.index(match.column.name))


def _ids(feed: Feed, profiles: Sequence[Profile]) -> list[Match]:
    found: dict[str, Match] = {}
    wanted = ID_COLUMNS[feed.feed]
    nameless = []
    for profile in profiles:
        if profile.kind not in ("id", "empty"):
            continue
        name = wanted.get(profile.entity or "")
        # The gate wants a digit in every id, or a name could pass for one.
        lacks_digit = any(not any(map(str.isdigit, cell)) for cell in profile.distinct)
        if lacks_digit and not (name and feed.column(name).required):
            continue
        if name is not None and name not in found:
            why = f"named so; {_counted(profile)}"
            found[name] = Match(feed.column(name), profile, why, {}, 0)
        elif profile.kind == "id" and profile.entity is None:
            nameless.append(profile)
    # Ids without a telling name: the more of them differ, the smaller the unit they stand for.
    missing = [name for name in wanted.values() if name not in found and feed.column(name).required]
    for name, profile in zip(
        missing, sorted(nameless, key=lambda p: -len(p.distinct)), strict=False
    ):
        why = f"open: by number of different ids alone; {_counted(profile)}"
        found[name] = Match(feed.column(name), profile, why, {}, 0)
    return list(found.values())


def _site(feed: Feed, profiles: Iterable[Profile]) -> Match | None:
    if all(column.name != "site_id" for column in feed.columns):
        return None
    scored = [
        (score, profile)
        for profile in profiles
        if profile.kind in ("words", "number") and len(profile.distinct) <= _MOST_SITES
        # Its words will be repeated as sites, so nothing that may be clinical is taken for one.
        if (score := named(profile.header, dictionary()["sites"]))
        and all(_score(column, profile) < score for column in feed.columns)
        and not any(_is_clinical(column, profile) for column in feed.columns)
    ]
    best = max(scored, key=lambda s: s[0], default=None)
    if best is None:
        return None
    why = f"named so; {len(best[1].distinct)} different; open: are these the sites?"
    return Match(feed.column("site_id"), best[1], why, {}, 0)


def _is_clinical(column: Column, profile: Profile) -> bool:
    """Whether a column's words are those of an enumeration; letters alone may be a site's, too."""
    words = [word for word in profile.distinct if len(word) > 1]
    known = sum(meaning(column.name, word, column.allowed) is not None for word in words)
    return bool(column.allowed and known and known >= _ENOUGH * len(words))


def _score(column: Column, profile: Profile) -> float:
    by_name = named(profile.header, dictionary()["headers"].get(column.name, []))
    if column.type == "date":
        return by_name if profile.kind in ("date", "empty") else 0
    if column.type in ("integer", "number"):
        return by_name if profile.kind in ("number", "empty") else 0
    if column.type == "boolean":
        known = _known("boolean", profile, ("true", "false"))
        if profile.kind not in ("words", "number", "empty"):
            return 0
        return by_name + known if by_name else 0
    if column.type != "enumeration" or profile.kind not in ("words", "number", "empty"):
        return 0
    if column.name == "age_band_at_intake" and profile.kind == "number":
        return by_name
    known = _known(column.name, profile, column.allowed)
    # A name alone is believed only while no better one claims the column.
    return by_name + 2 * known if by_name or known >= _ENOUGH else 0


def _known(name: str, profile: Profile, allowed: tuple[str, ...]) -> float:
    if profile.kind != "words":
        return 0
    return sum(meaning(name, word, allowed) is not None for word in profile.distinct) / len(
        profile.distinct
    )


def _matched(column: Column, profile: Profile, labels: Mapping[str, str]) -> Match:
    by_name = named(profile.header, dictionary()["headers"].get(column.name, []))
    why = "named so" if by_name else "open: by its words alone"
    if profile.kind == "empty":
        return Match(column, profile, f"{why}; open: no cell is filled in this sample", {}, 0)
    if column.type not in ("enumeration", "boolean"):
        return Match(column, profile, f"{why}; {_counted(profile)}", {}, 0)
    if column.name == "age_band_at_intake" and profile.kind == "number":
        return Match(column, profile, f"{why}; years", {}, 0)
    name, allowed = column.name, column.allowed
    if column.type == "boolean":
        name, allowed = "boolean", ("true", "false")
    recode, n_unknown = {}, 0
    for word in sorted(profile.distinct):
        meant = meaning(name, labels.get(word, word), allowed)
        if meant is None and not (column.type == "boolean" and word in ("0", "1")):
            n_unknown += 1
        elif meant is not None and meant != word:
            recode[word] = meant
    return Match(column, profile, f"{why}; {len(profile.distinct)} words", recode, n_unknown)


def _counted(profile: Profile) -> str:
    return f"{len(profile.distinct)} different in {profile.n_filled}"
