"""Samples -> the text of a first contract, each guess with its reason, each doubt as a question.

Of a file's cells it repeats words for sites, and enumeration words, informants and instruments that
the dictionary knows. Everything else is counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from expectations.header_words import names_direct_identifier
from expectations.instrument import Instrument
from expectations.model import Feed, FeedName
from orchestration.drafting.columns import Profile, id_pattern, missing_words, profile
from orchestration.drafting.forms import Forms, find_forms, form_lines
from orchestration.drafting.kinds import Kind, kinds
from orchestration.drafting.lines import flow, header, remark, scalar, sequence
from orchestration.drafting.matching import Match, match_columns
from orchestration.drafting.sample import Sample
from orchestration.drafting.words import dictionary, plain
from orchestration.ingest.privacy import kinds_in


@dataclass(frozen=True)
class _File:
    kind: Kind
    feed: Feed
    profiles: list[Profile]
    matches: list[Match]
    forms: Forms | None
    missing: tuple[str, ...]
    banned: dict[str, str]
    """Columns the practice must not send -> why."""


def draft_contract(
    samples: Sequence[Sample],
    practice_id: str,
    feeds: Mapping[FeedName, Feed],
    instruments: Mapping[tuple[str, str], Instrument],
    today: date,
) -> str:
    """A practice's first contract as YAML. Raises DeliveryRefused: all of `kinds`."""
    files = [_understood(kind, feeds, instruments) for kind in kinds(samples)]
    sites = _sites(files, practice_id)
    dates = _date_formats(files)
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
        "    files:",
    ]
    for file in files:
        lines += _file_lines(file, sites, dates)
    return "\n".join(lines) + "\n"


def _understood(
    kind: Kind,
    feeds: Mapping[FeedName, Feed],
    instruments: Mapping[tuple[str, str], Instrument],
) -> _File:
    columns = kind.sample.columns
    banned = {name: found for name, cells in columns.items() if (found := _banned(name, cells))}
    missing = missing_words(columns.values())
    profiles = [
        profile(name, cells, missing) for name, cells in columns.items() if name not in banned
    ]
    forms = find_forms(kind, profiles, missing, instruments)
    if forms is not None:
        feed = feeds["administrations"]
    elif any(p.entity == "session" and p.kind == "id" for p in profiles):
        feed = feeds["sessions"]
    else:
        feed = feeds["episodes"]
    free = [p for p in profiles if forms is None or p.header not in forms.columns]
    for each in free:
        if each.kind == "text":
            banned[each.header] = "holds many different texts, and free text is never admitted"
    free = [p for p in free if p.header not in banned]
    return _File(kind, feed, profiles, match_columns(feed, free), forms, missing, banned)


def _banned(name: str, cells: Sequence[str]) -> str | None:
    if names_direct_identifier(name):
        return "names a direct identifier"
    kinds = (kind for cell in dict.fromkeys(cells) for kind in kinds_in(cell))
    kind = next(kinds, None)
    return f"has cells that look like a {kind}" if kind else None


def _sites(files: Sequence[_File], practice_id: str) -> dict[str, tuple[str, str]]:
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


def _date_formats(files: Sequence[_File]) -> tuple[str, ...]:
    """Formats every date of every file can be read with; several when days never pass 12."""
    found = [p.date_formats for file in files for p in file.profiles if p.kind == "date"]
    if not found:
        return ()
    return tuple(f for f in found[0] if all(f in formats for formats in found))


def _file_lines(
    file: _File, sites: Mapping[str, tuple[str, str]], dates: tuple[str, ...]
) -> list[str]:
    kind, sample = file.kind, file.kind.sample
    dialect = dict(sample.dialect)
    if any(p.decimal_comma for p in file.profiles):
        dialect["decimal_mark"] = ","
    lines = [f"      - file: {kind.file}", f"        pattern: {scalar(kind.pattern)}"]
    if dialect:
        lines.append(f"        dialect: {_dialect(dialect)}")
    if file.missing:
        lines.append(f"        missing: {sequence(file.missing)}  # why: stands in several columns")
    if kind.exported_at:
        lines.append(f"        exported_at: '{kind.exported_at}'  # why: a date in the name")
    else:
        lines.append(
            "        # open: no date in the name; give files one, and a `*` in the pattern"
        )
    lines += _id_lines(file)
    lines += [
        f"        # must not be sent: column {header(name)} {why}; send the file without it"
        for name, why in file.banned.items()
    ]
    used = {match.source.header for match in file.matches} | set(file.banned)
    used |= file.forms.columns if file.forms else set()
    rest = [p for p in file.profiles if p.header not in used]
    excluded = {p.header: words for p in rest if (words := _exclusions(p))}
    unused = [p.header for p in rest if p.header not in excluded]
    if unused:
        lines.append(
            f"        discard: {sequence(unused)}  # open: nothing fits; may it be left out?"
        )
    layout = file.forms.layout if file.forms else "table"
    lines += ["        mappings:", f"          - feed: {file.feed.feed}"]
    lines.append(f"            layout: {layout}")
    lines += _date_line(file, dates)
    lines.append("            columns:")
    for match in file.matches:
        lines.append(f"              {_column_line(match, sites)}")
    lines += _made_up(file, sites)
    if excluded:
        lines.append("            exclude:")
        for column, words in excluded.items():
            lines += [
                f"              - {{column: {scalar(column)}, words: {sequence([word])}, "
                f"reason: {reason}}}  # why: such rows are no answers"
                for word, reason in words.items()
            ]
    if file.forms is not None:
        form_ids = [m.source for m in file.matches if m.column.name == "administration_id"]
        lines += form_lines(file.forms, form_ids)
    return lines


def _dialect(dialect: Mapping[str, str]) -> str:
    def written(value: str) -> str:
        return '"\\t"' if value == "\t" else f"'{value}'" if value == '"' else f'"{value}"'

    return "{" + ", ".join(f"{k}: {written(v)}" for k, v in dialect.items()) + "}"


def _id_lines(file: _File) -> list[str]:
    ids = {
        text
        for match in file.matches
        if match.column.type == "id" and match.column.name != "site_id"
        for text in match.source.distinct
    }
    shape = id_pattern(ids)
    if shape is None:
        return ["        # open: its ids share no shape; an exact id_pattern keeps names out"]
    return [f"        id_pattern: '{shape}'  # why: all {len(ids)} ids; open: do they stay so?"]


def _date_line(file: _File, dates: tuple[str, ...]) -> list[str]:
    own = [m.source.date_formats for m in file.matches if m.source.kind == "date"]
    if not own:
        return []
    shared = [f for f in own[0] if all(f in formats for formats in own)]
    usable = [f for f in shared if f in dates] or shared
    if not usable:
        return ["            # open: its date columns are written in different ways"]
    doubt = "why: every date reads so" if len(usable) == 1 else "open: day or month first?"
    return [f'            date_format: "{usable[0]}"  # {doubt}']


def _exclusions(column: Profile) -> dict[str, str]:
    """Words of an unmapped column that mark rows which are no answers -> the reason."""
    if column.kind != "words":
        return {}
    return {
        word: str(reason)
        for word in sorted(column.distinct)
        for reason, words in dictionary()["excluded"].items()
        if plain(word) in words
    }


def _column_line(match: Match, sites: Mapping[str, tuple[str, str]]) -> str:
    parts = [f"from: {scalar(match.source.header)}"]
    why = match.why
    recode = match.recode
    if match.column.name == "site_id":
        recode = {word: site for word, (site, _) in sites.items() if word in match.source.distinct}
    if match.column.name == "age_band_at_intake" and match.source.kind == "number":
        parts.append("age_bands: true")
    if recode:
        parts.append(f"recode: {flow(recode)}")
    if match.n_unknown:
        why += f"; open: what do {match.n_unknown} words mean? add them to recode"
    why = why if why.startswith("open: ") else f"why: {why}"
    return f"{match.column.name}: {{{', '.join(parts)}}}  # {remark(why)}"


def _made_up(file: _File, sites: Mapping[str, tuple[str, str]]) -> list[str]:
    """Required columns that no column of the file fits: a safe constant, else a question."""
    have = {match.column.name for match in file.matches}
    lines = []
    constants = {"status": "completed", "service_type": "individual"}
    if "" in sites:
        constants["site_id"] = sites[""][0]
    for column in file.feed.columns:
        if not column.required or column.name in have:
            continue
        constant = constants.get(column.name)
        if constant is None:
            lines.append(f"              # open: {column.name} is required and no column fits it")
        else:
            lines.append(
                f"              {column.name}: {{constant: {constant}}}"
                "  # open: no column fits; is it always that?"
            )
    return lines
