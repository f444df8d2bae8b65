"""Which questionnaire some item columns are: by count, range and names. Candidates with reasons."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from expectations.instrument import Instrument
from orchestration.drafting.columns import number
from orchestration.drafting.words import dictionary, plain

_FITS = 0.9
"""Share of answers an instrument must admit; the rest are slips, and the night's to set aside."""
_NUMBERED = re.compile(r"(.*?)[ _.-]?0*(\d{1,3})")
_FEWEST = 3
_SLIP = 0.005
"""Difference of shares that says nothing."""
_WORSE_END = 0.5
_CODED, _UNUSUAL = 0.3, 0.2
"""What a coding of the practice's own, and a form no client fills in, weigh
against the share of a range that no answer reaches."""


@dataclass(frozen=True)
class Candidate:
    """An instrument the answers may be of, and what makes them its own coding."""

    instrument: Instrument
    shift: float
    scale_by: float
    n_named: int
    """How many words of its code are in the names around the items."""
    in_words: bool
    """Whether the answers are words, which a person must recode."""
    is_doubtful: bool = False
    """Whether the answers would fit counted from another number, too."""

    @property
    def options(self) -> str:
        """The contract's options for its coding, as they go into a flow mapping."""
        shift = f", shift: {self.shift:g}" if self.shift else ""
        scale = f", scale_by: {self.scale_by:g}" if self.scale_by != 1 else ""
        return shift + scale

    def informant(self, around: Sequence[str]) -> str:
        """Who fills it in, as far as names tell."""
        tokens = {token for text in around for token in plain(text).split("_")}
        for word, who in self.instrument.informant_words.items():
            if word in tokens:
                return who
        for informant, words in dictionary()["informants"].items():
            if informant in self.instrument.informants and tokens & set(words):
                return str(informant)
        return self.instrument.informants[0]

    @property
    def language(self) -> str:
        """English where it exists in it: what a person is asked to confirm."""
        languages = self.instrument.languages
        return "en" if "en" in languages else languages[0]


def item_blocks(header: Sequence[str]) -> dict[str, dict[int, str]]:
    """Columns that count up from 1 under one prefix: prefix -> item number -> column."""
    blocks: dict[str, dict[int, str]] = {}
    for name in header:
        found = _NUMBERED.fullmatch(name)
        if found:
            blocks.setdefault(found.group(1), {}).setdefault(int(found.group(2)), name)
    return {
        prefix: items
        for prefix, items in blocks.items()
        if len(items) >= _FEWEST and set(items) == set(range(1, len(items) + 1))
    }


def candidates(
    n_items: int,
    answers: Sequence[str],
    around: Sequence[str],
    instruments: Mapping[tuple[str, str], Instrument],
) -> list[Candidate]:
    """Instruments of that many items whose range the answers fit, the likeliest first."""
    values = [value for value in map(number, answers) if value is not None]
    in_words = len(values) < len(answers) / 2
    tokens = {token for text in around for token in plain(text).split("_")}
    found = []
    for instrument in instruments.values():
        if instrument.n_items != n_items:
            continue
        coding = (0.0, 1.0, False) if in_words else _coding(values, instrument)
        if coding is not None:
            n_named = _named(tokens, instrument.instrument_code)
            shift, scale, is_doubtful = coding
            found.append(Candidate(instrument, shift, scale, n_named, in_words, is_doubtful))
    coded = [] if in_words else values
    n_words = len(set(answers)) if in_words else 0
    said = _people(tokens)
    return sorted(
        found,
        key=lambda each: (
            -each.n_named,
            not _is_abbreviated(tokens, each.instrument.instrument_code),
            *_unlikeliness(each, coded, n_words, said),
        ),
    )


def _is_abbreviated(tokens: set[str], code: str) -> bool:
    """Whether some word is made of a code's letters in their order, `wsr` for wai_sr."""
    return any(len(token) > 1 and token[0] == code[0] and _runs_in(token, code) for token in tokens)


def _runs_in(token: str, code: str) -> bool:
    rest = iter(code)
    return all(letter in rest for letter in token)


def _people(tokens: set[str]) -> set[str]:
    """The informants that are named among some words."""
    return {who for who, words in dictionary()["informants"].items() if tokens & set(words)}


def _unlikeliness(
    candidate: Candidate, values: Sequence[float], n_words: int, said: set[str]
) -> tuple[bool, bool, float, bool, bool]:
    """What tells where names do not: who fills it in, then how far its range, a plain coding and
    the commonest informant speak for it: where twelve items are answered 1 to 5, hardly anybody was
    offered 7. Of the rest alliance comes first.
    """
    one = candidate.instrument
    points = one.response_values
    if points is not None and n_words:
        unused = float(abs(len(points) - n_words))
    else:
        unused = _unused(candidate, values)
    people = {*one.informants, *one.informant_words}
    is_coded = candidate.shift != 0 or candidate.scale_by != 1
    is_usual = bool(said) or "client" in people
    return (
        not one.is_scored,
        bool(said) and not said & people,
        unused + _CODED * is_coded + _UNUSUAL * (not is_usual),
        one.kind != "alliance",
        one.needs_group,
    )


def _unused(candidate: Candidate, values: Sequence[float]) -> float:
    """Share of the instrument's range that no admissible answer reaches; at the worse end half of
    it, since few choose that: answers of 1 to 4 are rather those of 0 to 4 than of 1 to 7."""
    one = candidate.instrument
    low, high = one.item_minimum or 0, one.item_maximum or 0
    coded = [round(value * candidate.scale_by + candidate.shift, 3) for value in values]
    fitting = [value for value in coded if one.is_admissible(value)]
    if not fitting or one.item_step is None:
        return 0.0
    above, below = high - max(fitting), min(fitting) - low
    if one.direction == "higher_is_better":
        return (above + below * _WORSE_END) / (high - low)
    return (above * _WORSE_END + below) / (high - low)


def _coding(values: Sequence[float], instrument: Instrument) -> tuple[float, float, bool] | None:
    """Shift and scale under which most answers are admissible, and whether another would do too.

    Of several, the one under which the highest answer is given: on hardly any form of a sample does
    nobody choose it. Then the plainest.
    """
    codings = [(0.0, 1.0), (1.0, 1.0), (-1.0, 1.0)]
    if instrument.item_step is None:
        codings = [(0.0, 1.0), (0.0, 0.1)]
    top = instrument.item_maximum or 0
    fits = []
    for plainness, (shift, scale) in enumerate(codings):
        coded = [round(value * scale + shift, 3) for value in values]
        fitting = [value for value in coded if instrument.is_admissible(value)]
        share = len(fitting) / len(values) if values else 0
        if share >= _FITS:
            fits.append((share, max(fitting) >= 0.95 * top, -plainness, shift, scale))
    if not fits:
        return None
    most = max(share for share, *_ in fits)
    alike = sorted((fit[1:] for fit in fits if fit[0] > most - _SLIP), reverse=True)
    _, _, shift, scale = alike[0]
    return shift, scale, len(alike) > 1


def of_total(
    values: Sequence[float],
    around: Sequence[str],
    instruments: Mapping[tuple[str, str], Instrument],
) -> list[Candidate]:
    """Instruments a column of totals is named after, whose total has room for most of them."""
    tokens = {token for text in around for token in plain(text).split("_")}
    said = _people(tokens)
    scored = []
    for instrument in instruments.values():
        total = instrument.total
        n_fitting = sum(total.minimum <= value <= total.maximum for value in values)
        n_named = _named(tokens, instrument.instrument_code)
        if n_named and values and n_fitting >= _FITS * len(values):
            # Of two versions of one questionnaire the informant tells which is meant.
            is_theirs = bool(said & set(instrument.informants)) - bool(
                said - set(instrument.informants)
            )
            candidate = Candidate(instrument, 0.0, 1.0, n_named, in_words=False)
            # Of three named alike the one whose range the totals fill is meant.
            unused = (total.maximum - max(values) + min(values) - total.minimum) / (
                total.maximum - total.minimum
            )
            scored.append((is_theirs, n_named, unused, candidate))
    scored.sort(key=lambda s: (-s[0], -s[1], abs(s[2])))
    return [candidate for *_, candidate in scored]


def _named(tokens: set[str], code: str) -> int:
    """How much of an instrument's code is among some words; its first word has to be."""
    parts = code.split("_")
    if code.replace("_", "") in tokens:
        return len(parts)
    return sum(part in tokens for part in parts) if parts[0] in tokens else 0


def is_instrument_word(word: str, instruments: Mapping[tuple[str, str], Instrument]) -> bool:
    """Whether a long file's word for a questionnaire is made of an instrument's own name and an
    informant's, so that it may be written down.
    """
    codes = {token for code, _ in instruments for token in code.split("_")}
    codes |= {code.replace("_", "") for code, _ in instruments}
    versions = {version for _, version in instruments}
    people = {word for words in dictionary()["informants"].values() for word in words}
    first, *rest = plain(word).split("_")
    firsts = {code.split("_")[0] for code, _ in instruments}
    firsts |= {code.replace("_", "") for code, _ in instruments}
    return first in firsts and set(rest) <= codes | versions | people
