"""Questionnaires in a file: item columns of a wide one, item rows of a long one, stated totals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from expectations.instrument import Instrument
from orchestration.drafting.columns import Profile, number
from orchestration.drafting.instruments import (
    Candidate,
    candidates,
    is_instrument_word,
    item_blocks,
    of_total,
)
from orchestration.drafting.kinds import Kind
from orchestration.drafting.matching import Match
from orchestration.drafting.rows import RowRule
from orchestration.drafting.words import dictionary, named

Instruments = Mapping[tuple[str, str], Instrument]
CHECKBOX = "___"
"""Before a REDCap checkbox's choice: such columns are choices of one question, not items."""


@dataclass(frozen=True)
class Block:
    """One questionnaire's columns, or the rows under one word, and what it may be."""

    word: str
    items: dict[int, str]
    candidates: list[Candidate]
    around: tuple[str, ...]
    total: str | None = None
    is_known_word: bool = True
    matches: tuple[Match, ...] = ()
    """Columns that are this questionnaire's own, in place of the mapping's."""
    only: tuple[RowRule, ...] = ()

    @property
    def columns(self) -> set[str]:
        """All columns it uses up."""
        own = {match.source.header for match in self.matches}
        rules = {rule.column for rule in self.only}
        return {*self.items.values(), *([self.total] if self.total else []), *own, *rules}


@dataclass(frozen=True)
class LinkedBlock:
    """One questionnaire of a FHIR file: link ids in place of columns."""

    word: str
    address: str
    items: dict[int, str]
    candidates: list[Candidate]
    informant: str
    total: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    recode: dict[str, str] = field(default_factory=dict)
    n_unknown_answers: int = 0
    languages: tuple[str, ...] = ()


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
    linked: list[LinkedBlock] = field(default_factory=list)


def find_forms(
    kind: Kind, profiles: Sequence[Profile], missing: Sequence[str], instruments: Instruments
) -> Forms | None:
    """The questionnaires of a file, or None when it has none."""
    found = _long(kind, profiles, missing, instruments)
    if found is not None:
        return found
    blocks = wide_blocks(kind.sample.columns, kind.file, profiles, missing, instruments)
    if not blocks:
        blocks = _totals_by_word(kind, profiles, instruments)
    return Forms("wide", blocks, set().union(*(b.columns for b in blocks))) if blocks else None


def wide_blocks(
    cells: Mapping[str, Sequence[str]],
    file: str,
    profiles: Sequence[Profile],
    missing: Sequence[str],
    instruments: Instruments,
) -> list[Block]:
    """The questionnaires whose items or stated totals are columns."""
    usable = {p.header for p in profiles if p.kind in ("number", "words", "empty")}
    blocks = []
    headers = [h for h in cells if h in usable and CHECKBOX not in h]
    for prefix, items in item_blocks(headers).items():
        answers = [c for column in items.values() for c in cells[column] if c and c not in missing]
        around = (prefix, file)
        found = candidates(len(items), answers, around, instruments)
        blocks.append(Block(prefix, items, found, around))
    used = {column for block in blocks for column in block.items.values()}
    totals = [p for p in profiles if p.kind == "number" and p.header not in used]
    for profile in totals:
        _add_total(blocks, profile, file, instruments)
    return blocks


def _add_total(blocks: list[Block], profile: Profile, file: str, instruments: Instruments) -> None:
    """Give a column of totals to the questionnaire it is named after, or to the only one."""
    score = named(profile.header, dictionary()["total"])
    values = [v for v in map(number, profile.distinct) if v is not None]
    found = of_total(values, (profile.header,), instruments)
    if not score and not (found and not blocks):
        return
    around = (profile.header, file)
    if not found and score == 3:
        if len(blocks) == 1 and blocks[0].total is None:
            blocks[0] = replace(blocks[0], total=profile.header)
            return
        found = of_total(values, around, instruments)
    possible = {candidate.instrument.instrument_code for candidate in found}
    for place, block in enumerate(blocks):
        first = block.candidates[0].instrument.instrument_code if block.candidates else None
        if first in possible and block.total is None:
            blocks[place] = replace(block, total=profile.header)
            return
    if found:
        blocks.append(Block(profile.header, {}, found, around, total=profile.header))


def _totals_by_word(
    kind: Kind, profiles: Sequence[Profile], instruments: Instruments
) -> list[Block]:
    """Totals alone, one a row, with the questionnaire's name beside each."""
    words = dictionary()
    which = _best(profiles, ("words",), words["instrument"])
    value = _best(profiles, ("number",), [*words["total"], *words["answer"]])
    if which is None or value is None:
        return []
    cells = kind.sample.columns
    blocks = []
    for word in sorted({cell for cell in cells[which] if cell}):
        stated = [c for w, c in zip(cells[which], cells[value], strict=True) if w == word]
        values = [v for v in map(number, stated) if v is not None]
        found = of_total(values, (word,), instruments)
        known = is_instrument_word(word, instruments)
        rule = RowRule(which, (word,), "other_questionnaire", "its name stands beside the total")
        blocks.append(Block(word, {}, found, (word,), value, known, only=(rule,)))
    return blocks if any(block.candidates and block.is_known_word for block in blocks) else []


def _best(profiles: Sequence[Profile], kinds: Sequence[str], phrases: Sequence[str]) -> str | None:
    fitting = [
        (named(p.header, list(phrases)), p.header)
        for p in profiles
        if p.kind in kinds and len(p.distinct) > 1
    ]
    score, name = max(fitting, default=(0.0, ""))
    return name if score else None


def _long(
    kind: Kind, profiles: Sequence[Profile], missing: Sequence[str], instruments: Instruments
) -> Forms | None:
    words = dictionary()
    instrument = _best(profiles, ("words",), words["instrument"])
    item = _best(profiles, ("words", "number"), words["item"])
    value = _best(profiles, ("number", "words"), words["answer"])
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
    return stem if stem.lower().rstrip("_.- ") in dictionary()["item_prefixes"] else ""
