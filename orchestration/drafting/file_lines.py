"""The contract's lines of one kind of file."""

from collections.abc import Mapping, Sequence

from expectations.fhir import NEVER_DROPPED
from orchestration.drafting.columns import id_pattern
from orchestration.drafting.dates import chosen, most_common
from orchestration.drafting.fhir_facts import FhirFacts
from orchestration.drafting.form_lines import form_lines
from orchestration.drafting.forms import Forms
from orchestration.drafting.lines import flow, header, remark, scalar, sequence
from orchestration.drafting.matching import Match
from orchestration.drafting.part import Part
from orchestration.drafting.parts import Understood
from orchestration.drafting.rows import rule_lines
from orchestration.drafting.words import dictionary, named

Sites = Mapping[str, tuple[str, str]]
"""Word of the files -> site id and name; one site under the empty word if no file has any."""
_PLAIN_DAY = "%Y-%m-%d"
HEADER_ROWS = "header_rows"
"""The one option that is a number."""


def file_lines(file: Understood, sites: Sites, is_day_first: bool | None) -> list[str]:
    """The lines of one entry under `files`."""
    kind, sample = file.kind, file.kind.sample
    dialect = dict(sample.dialect)
    if any(p.decimal_comma for p in file.profiles):
        dialect["decimal_mark"] = ","
    lines = [f"      - file: {kind.file}", f"        pattern: {scalar(kind.pattern)}"]
    if sample.format != "csv":
        lines.append(f"        format: {sample.format}  # why: the file says so itself")
    lines += [
        f"        {key}: {value if key == HEADER_ROWS else scalar(value)}"
        for key, value in sample.options.items()
    ]
    if dialect:
        lines.append(f"        dialect: {_dialect(dialect)}")
    if sample.fhir is not None:
        lines += _fhir_lines(sample.fhir, file.parts[0].forms)
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
    used = set().union(set(file.banned), *(_read(part) for part in file.parts))
    unused = [p.header for p in file.profiles if p.header not in used]
    if unused and sample.fhir is None:
        lines.append(
            f"        discard: {sequence(unused)}  # open: nothing fits; may it be left out?"
        )
        lines += _hints(file, unused)
    lines.append("        mappings:")
    for part in file.parts:
        lines += _part_lines(part, sites, is_day_first)
    return lines


def _hints(file: Understood, unused: Sequence[str]) -> list[str]:
    """Columns named like an enumeration of ours whose codes nothing explains."""
    phrases = dictionary()["headers"]
    return [
        f"        # open: {header(name)} may be {column.name}; map it with a recode of its codes,"
        " or give the draft the data dictionary too"
        for name in unused
        for part in file.parts
        for column in part.feed.columns
        if column.type == "enumeration"
        and all(match.column.name != column.name for match in part.matches)
        and named(name, phrases.get(column.name, []))
    ]


def _read(part: Part) -> set[str]:
    """Columns a part's lines name; those of questionnaires left open are not among them."""
    forms = part.forms
    if forms is None or forms.layout == "long":
        return part.columns
    open_ones = [b for b in forms.blocks if not (b.candidates and b.is_known_word)]
    named = set().union(*(b.columns for b in forms.blocks if b not in open_ones))
    left_open = set().union(set(), *(b.columns for b in open_ones)) - named
    return part.columns - left_open


def _dialect(dialect: Mapping[str, str]) -> str:
    def written(value: str) -> str:
        return '"\\t"' if value == "\t" else f"'{value}'" if value == '"' else f'"{value}"'

    return "{" + ", ".join(f"{k}: {written(v)}" for k, v in dialect.items()) + "}"


def _fhir_lines(facts: FhirFacts, forms: Forms | None) -> list[str]:
    lines = ["        fhir:", "          questionnaires:"]
    lines += [
        f"            {scalar(block.word)}: [{scalar(block.address)}]"
        for block in (forms.linked if forms else ())
    ]
    never = {
        path for path in facts.refused if NEVER_DROPPED & set(path.split(".")) or path == "text"
    }
    shown = [path for path in facts.refused if path not in never and "(" not in path]
    if shown:
        lines.append(
            f"          drop: {sequence(shown)}  # open: do they hold nothing about a person?"
        )
    lines += [
        f"          # must not be sent: element {remark(path)}; send the file without it"
        for path in facts.refused
        if path not in shown
    ]
    if facts.texts:
        lines.append(
            f"          # must not be sent: {len(facts.texts)} questions are answered in free text;"
            " where one holds a few words only, name its linkId under coded_strings"
        )
    if len(facts.tag_systems) == 1:
        lines.append(f"          tag_system: {scalar(next(iter(facts.tag_systems)))}")
    if facts.has_instants:
        lines.append(
            "          # open: times are in zones; `time_zone: Europe/Berlin` says whose day counts"
        )
    return lines


def _id_lines(file: Understood) -> list[str]:
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


def _part_lines(part: Part, sites: Sites, is_day_first: bool | None) -> list[str]:
    layout = part.forms.layout if part.forms else "table"
    lines = [f"          - feed: {part.feed.feed}", f"            layout: {layout}"]
    blocks = part.forms.blocks if part.forms else []
    dated = [
        match
        for match in (*part.matches, *(m for block in blocks for m in block.matches))
        if match.column.type == "date" and match.source.kind == "date"
    ]
    pattern = most_common([chosen(match.source, is_day_first)[0] for match in dated])
    if pattern is not None:
        doubtful = any(chosen(match.source, is_day_first)[1] for match in dated)
        doubt = "open: day or month first?" if doubtful else "why: every date reads so"
        lines.append(f'            date_format: "{pattern}"  # {doubt}')

    def column_line(match: Match) -> str:
        return _column_line(match, sites, pattern or _PLAIN_DAY, is_day_first)

    lines.append("            columns:")
    lines += [f"              {column_line(match)}" for match in part.matches]
    lines += [f"              {name}: {source}  # {why}" for name, source, why in part.constants]
    lines += _made_up(part, sites)
    lines += rule_lines("exclude", part.exclude, indent=12)
    lines += rule_lines("only", part.only, indent=12)
    if part.forms is not None:
        form_ids = [m.source for m in part.matches if m.column.name == "administration_id"]
        lines += form_lines(part.forms, form_ids, column_line)
    return lines


def _column_line(match: Match, sites: Sites, date_format: str, is_day_first: bool | None) -> str:
    parts = [f"from: {scalar(match.source.header)}"]
    why = match.why
    recode = match.recode
    if match.column.name == "site_id":
        recode = {word: site for word, (site, _) in sites.items() if word in match.source.distinct}
    if match.column.name == "age_band_at_intake" and match.source.kind == "number":
        parts.append("age_bands: true")
    if match.source.kind == "date":
        own = chosen(match.source, is_day_first)[0]
        if own != date_format:
            parts.append(f'date_format: "{own}"')
    if match.missing:
        parts.append(f"missing: {sequence(match.missing)}")
    if recode:
        parts.append(f"recode: {flow(recode)}")
    if match.n_unknown:
        why += f"; open: what do {match.n_unknown} words mean? add them to recode"
    why = why if why.startswith("open: ") else f"why: {why}"
    return f"{match.column.name}: {{{', '.join(parts)}}}  # {remark(why)}"


def _made_up(part: Part, sites: Sites) -> list[str]:
    """Required columns that no column of the file fits: a safe constant, else a question."""
    have = {match.column.name for match in part.matches} | {name for name, *_ in part.constants}
    blocks = part.forms.blocks if part.forms else []
    own = [{match.column.name for match in block.matches} for block in blocks if block.candidates]
    have |= set.intersection(*own) if own else set()
    lines = []
    constants = {"status": "completed", "service_type": "individual", "state": "open"}
    if "" in sites:
        constants["site_id"] = sites[""][0]
    for column in part.feed.columns:
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
