"""Samples -> the text of a first contract, each guess with its reason, each doubt as a question.

Of a file's cells it repeats words for sites, and enumeration words, informants and instruments that
the dictionary knows. Everything else is counted.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from expectations.instrument import Instrument
from expectations.model import Feed, FeedName
from orchestration.drafting.dates import day_first
from orchestration.drafting.file_lines import file_lines
from orchestration.drafting.kinds import kinds
from orchestration.drafting.lines import scalar
from orchestration.drafting.parts import Understood, understood
from orchestration.drafting.sample import Sample
from orchestration.drafting.words import plain


def draft_contract(
    samples: Sequence[Sample],
    practice_id: str,
    feeds: Mapping[FeedName, Feed],
    instruments: Mapping[tuple[str, str], Instrument],
    today: date,
) -> str:
    """A practice's first contract as YAML. Raises DeliveryRefused: all of `kinds`."""
    files = [understood(kind, feeds, instruments) for kind in kinds(samples)]
    sites = _sites(files, practice_id)
    is_day_first = day_first(p for file in files for p in file.profiles if p.kind == "date")
    lines = [
        "# A first contract, drafted from samples. `why:` is what a guess rests on, `open:` is a",
        "# question only a person can answer. No cell of a client is repeated here.",
        f"practice_id: {practice_id}",
        f"name: {scalar(practice_id.replace('_', ' ').title())}  # open: its name for readers?",
        "sites:  # open: names, settings (community_clinic, private_group, ...) and opening days?",
    ]
    for site_id, name in sites.values():
        lines.append(
            f"  - {{site_id: {site_id}, name: {scalar(name)}, "
            f"service_setting: community_clinic, open_from: 2015-01-01}}"
        )
    lines += [
        "contracts:",
        f"  - valid_from: {date(today.year - 1, 1, 1)}",
        "    privacy_class: limited_data_set  # open: as the agreement says; see the runbook",
        "    # open: the agreement in force; nothing is taken in without one",
        "    agreements: []",
        "    owners: [to_be_named]  # open: who answers for this practice's files?",
        '    cadence: {every: day, deadline: "03:00"}  # open: when does the next file come?',
        "    schedules: []  # open: which form is due when? response rates need it",
    ]
    sent = {part.feed.feed for file in files for part in file.parts}
    if sent == {"administrations"}:
        lines.append(
            "    # open: a form's site is its session's or its episode's, and no file holds either;"
            " ask for one that does"
        )
    if "sessions" in sent and "episodes" not in sent:
        lines += [
            "    # why: no file holds episodes, so sessions have to do; open: may a client",
            "    # stay away for that many days within one treatment, and are all seen for that?",
            "    episodes: {derive: {gap_days: 90, service_type: individual}}",
        ]
    lines.append("    files:")
    for file in files:
        lines += file_lines(file, sites, is_day_first)
    return "\n".join(lines) + "\n"


def _sites(files: Sequence[Understood], practice_id: str) -> dict[str, tuple[str, str]]:
    """Word of the files -> site id and name; one site under the empty word if no file has any."""
    words = sorted(
        {
            word
            for file in files
            for match in file.matches
            if match.column.name == "site_id"
            for word in match.source.distinct
        }
    )
    if not words:
        return {"": (f"{practice_id[:50]}_site", practice_id.replace("_", " ").title())}
    sites: dict[str, tuple[str, str]] = {}
    for number, word in enumerate(words, start=1):
        site_id = f"{practice_id[:30]}_{plain(word)[:30] or number}"
        if any(site_id == known for known, _ in sites.values()):
            site_id = f"{site_id}_{number}"
        sites[word] = (site_id, word)
    return sites
