"""Questionnaires in a file: item columns of a wide one, item rows of a long one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from expectations.instrument import Instrument
from orchestration.drafting.columns import Profile
from orchestration.drafting.instruments import (
    Candidate,
    candidates,
    is_instrument_word,
    item_blocks,
)
from orchestration.drafting.kinds import Kind
from orchestration.drafting.lines import scalar
from orchestration.drafting.words import dictionary, named


@dataclass(frozen=True)
class Block:
    """One questionnaire's columns, or the rows under one word, and what it may be."""

    word: str
    items: dict[int, str]
    candidates: list[Candidate]
    around: tuple[str, ...]
    total: str | None = None
    is_known_word: bool = True


@dataclass(frozen=True)
class Forms:
    """The questionnaires of one file."""

    layout: str
    blocks: list[Block]
    columns: set[str]
    """Columns they use up."""
    instrument: str = ""
    item: str = ""
    value: str = ""
    prefix: str = ""
    row_keys: list[str] = field(default_factory=list)
    """Columns that name a form where it has no id of its own."""


def find_forms(
    kind: Kind,
    profiles: Sequence[Profile],
    missing: Sequence[str],
    instruments: Mapping[tuple[str, str], Instrument],
) -> Forms | None:
    """The questionnaires of a file, or None when it has none."""
    return _long(kind, profiles, missing, instruments) or _wide(
        kind, profiles, missing, instruments
    )


def _wide(
    kind: Kind,
    profiles: Sequence[Profile],
    missing: Sequence[str],
    instruments: Mapping[tuple[str, str], Instrument],
) -> Forms | None:
    usable = {p.header for p in profiles if p.kind in ("number", "words", "empty")}
    cells = kind.sample.columns
    blocks = []
    for prefix, items in item_blocks([h for h in cells if h in usable]).items():
        answers = [c for column in items.values() for c in cells[column] if c and c not in missing]
        around = (prefix, kind.file)
        found = candidates(len(items), answers, around, instruments)
        blocks.append(Block(prefix, items, found, around))
    if not blocks:
        return None
    used = {column for block in blocks for column in block.items.values()}
    totals = [
        p.header
        for p in profiles
        if p.kind == "number"
        and p.header not in used
        and named(p.header, dictionary()["total"]) == 3
    ]
    if len(blocks) == 1 and len(totals) == 1:
        (block,) = blocks
        blocks = [Block(block.word, block.items, block.candidates, block.around, totals[0])]
        used |= set(totals)
    return Forms("wide", blocks, used)


def _long(
    kind: Kind,
    profiles: Sequence[Profile],
    missing: Sequence[str],
    instruments: Mapping[tuple[str, str], Instrument],
) -> Forms | None:
    words = dictionary()

    def best(kinds: Sequence[str], phrases: list[str]) -> str | None:
        fitting = [
            (named(p.header, phrases), p.header)
            for p in profiles
            if p.kind in kinds and len(p.distinct) > 1
        ]
        score, name = max(fitting, default=(0.0, ""))
        return name if score else None

    instrument = best(("words",), words["instrument"])
    item = best(("words", "number"), words["item"])
    value = best(("number", "words"), words["answer"])
    if instrument is None or item is None or value is None:
        return None
    cells = kind.sample.columns
    rows = [
        (word, number, answer)
        for word, number, answer in zip(cells[instrument], cells[item], cells[value], strict=True)
        if word and number and number not in missing
    ]
    prefix = _prefix({number for _, number, _ in rows})
    blocks = []
    for word in sorted({row[0] for row in rows}):
        numbers = {number for w, number, _ in rows if w == word}
        answers = [a for w, _, a in rows if w == word and a and a not in missing]
        known = is_instrument_word(word, instruments)
        found = candidates(len(numbers), answers, (word,), instruments)
        blocks.append(Block(word, {}, found, (word,), is_known_word=known))
    keys = [p.header for p in profiles if p.kind in ("id", "date")]
    return Forms(
        "long",
        blocks,
        {instrument, item, value},
        instrument=instrument,
        item=item,
        value=value,
        prefix=prefix,
        row_keys=[*keys, instrument],
    )


def _prefix(items: set[str]) -> str:
    """What stands before every item's number, if it is a word for an item and nothing else."""
    stems = {item.rstrip("0123456789") for item in items}
    stem = stems.pop() if len(stems) == 1 else ""
    return stem if stem.lower() in dictionary()["item_prefixes"] else ""


def form_lines(forms: Forms, form_ids: Sequence[Profile]) -> list[str]:
    """The contract's lines of a file's questionnaires."""
    if forms.layout == "long":
        return _long_lines(forms, form_ids)
    lines = ["            forms:"]
    for block in forms.blocks:
        if not block.candidates:
            lines.append(
                f"              # open: columns {scalar(block.word)}1 to {len(block.items)} are "
                "items of no instrument that is declared; declare it, then map them"
            )
            continue
        first = block.candidates[0]
        lines += [
            f"              # {_reason(block, first)}",
            f"              - instrument_code: {first.instrument.instrument_code}",
            f"                version: {scalar(first.instrument.version)}",
            f"                language: {scalar(first.language)}  # open: is it that language?",
            f"                informant: {first.informant(block.around)}",
        ]
        items = ", ".join(f"{n}: {scalar(c)}" for n, c in sorted(block.items.items()))
        lines.append(f"                items: {{{items}}}")
        if block.total is not None:
            lines.append(f"                total: {scalar(block.total)}  # why: named so")
        if first.shift:
            lines.append(f"                shift: {first.shift:g}  # why: only so the answers fit")
        if first.scale_by != 1:
            lines.append(f"                scale_by: {first.scale_by:g}  # why: only so they fit")
        if first.in_words:
            lines.append(
                "                # open: answers are words; give each its number: "
                '`recode: {theirs: "0", ...}`'
            )
    return lines


def _long_lines(forms: Forms, form_ids: Sequence[Profile]) -> list[str]:
    keys = [p.header for p in form_ids] or forms.row_keys
    lines = [
        "            long:",
        f"              instrument_column: {scalar(forms.instrument)}  # why: named so",
        f"              item_column: {scalar(forms.item)}  # why: named so",
    ]
    if forms.prefix:
        lines.append(f"              item_prefix: {scalar(forms.prefix)}")
    lines += [
        f"              value_column: {scalar(forms.value)}  # why: named so",
        f"              form_columns: [{', '.join(map(scalar, keys))}]",
        "              identity:",
    ]
    for block in forms.blocks:
        if not (block.candidates and block.is_known_word):
            continue
        first = block.candidates[0]
        who = first.informant(block.around)
        lines.append(
            f"                {scalar(block.word)}: "
            f"{{instrument_code: {first.instrument.instrument_code}, "
            f"version: {scalar(first.instrument.version)}, language: {scalar(first.language)}, "
            f"informant: {who}{first.options}}}  # {_reason(block, first)}"
        )
    unknown = sum(not (block.candidates and block.is_known_word) for block in forms.blocks)
    if unknown:
        lines.append(f"                # open: which questionnaires are {unknown} other words?")
    return lines


def _reason(block: Block, first: Candidate) -> str:
    others = [c.instrument.instrument_code for c in block.candidates[1:]]
    n = first.instrument.n_items
    why = f"why: {n} items" + ("" if first.in_words else " and their range")
    why += ", named so" if first.n_named else ""
    doubt = f"; open: or {', '.join(others)}?" if others else ""
    if first.is_doubtful:
        doubt += "; open: do its answers count from there? another start would fit too"
    return why + doubt + ("" if first.n_named or others else "; open: is it that one?")
