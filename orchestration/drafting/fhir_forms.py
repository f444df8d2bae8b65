"""Questionnaires of a FHIR file: by LOINC where the file speaks it, else by count and range."""

import re
from collections.abc import Mapping

from expectations.instrument import Instrument
from orchestration.drafting.columns import number
from orchestration.drafting.fhir_facts import Asked, FhirFacts
from orchestration.drafting.forms import Forms, LinkedBlock
from orchestration.drafting.instruments import Candidate, candidates
from orchestration.drafting.words import dictionary, named

Instruments = Mapping[tuple[str, str], Instrument]
_NUMBERED = re.compile(r"(.*?)0*(\d{1,3})")
_LINK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A link id that may be written down: a name, never a sentence."""
_WRITERS = {"Practitioner": "therapist", "PractitionerRole": "therapist", "Patient": "client"}


def fhir_forms(facts: FhirFacts, instruments: Instruments) -> Forms:
    """Every questionnaire that the responses name, under a word of ours."""
    blocks: list[LinkedBlock] = []
    for name, asked in sorted(facts.asked.items()):
        block = _by_loinc(name, asked, instruments) or _by_number(name, asked, instruments)
        taken = sum(other.word.partition("__")[0] == block.word for other in blocks)
        word = f"{block.word}__{taken + 1}" if taken else block.word
        blocks.append(LinkedBlock(**{**vars(block), "word": word}))
    return Forms("long", [], set(), "questionnaire", "item_code", "answer", linked=blocks)


def _by_loinc(name: str, asked: Asked, instruments: Instruments) -> LinkedBlock | None:
    for instrument in instruments.values():
        codes = {code: item for item, code in instrument.loinc_items.items()}
        items = {codes[link]: link for link in asked.link_ids if link in codes}
        if not items:
            continue
        total = tuple(link for link in asked.link_ids if link == instrument.loinc_total)
        rest = [link for link in asked.link_ids if link not in (*items.values(), *total)]
        candidate = Candidate(instrument, 0.0, 1.0, n_named=1, in_words=False)
        return _block(name, asked, dict(sorted(items.items())), [candidate], total, rest)
    return None


def _by_number(name: str, asked: Asked, instruments: Instruments) -> LinkedBlock:
    totals = tuple(link for link in asked.link_ids if named(link, dictionary()["total"]))
    numbered: dict[str, dict[int, str]] = {}
    for link in asked.link_ids:
        found = _NUMBERED.fullmatch(link)
        if found and link not in totals:
            numbered.setdefault(found.group(1), {}).setdefault(int(found.group(2)), link)
    items = max(numbered.values(), key=len, default={})
    if set(items) != set(range(1, len(items) + 1)):
        items = {}
    answers = [
        value
        for link in items.values()
        for code, n in asked.answers[link].items()
        for value in [_weight(asked, code)] * min(n, 50)
    ]
    around = (name.rpartition("/")[2], *asked.panels)
    found_candidates = candidates(len(items), answers, around, instruments) if items else []
    rest = [link for link in asked.link_ids if link not in (*items.values(), *totals)]
    return _block(name, asked, dict(sorted(items.items())), found_candidates, totals, rest)


def _weight(asked: Asked, code: str) -> str:
    weights = asked.weights.get(code, set())
    return next(iter(weights)) if len(weights) == 1 else code


def _block(
    name: str,
    asked: Asked,
    items: dict[int, str],
    found: list[Candidate],
    total: tuple[str, ...],
    rest: list[str],
) -> LinkedBlock:
    first = found[0] if found else None
    recode: dict[str, str] = {}
    n_unknown = 0
    codes = {code for link in items.values() for code in asked.answers[link]}
    if any(number(code) is None for code in codes):
        known = first.instrument.loinc_answers if first else {}
        for code in sorted(codes):
            weight = f"{known[code]:g}" if code in known else _weight(asked, code)
            if number(weight) is None or not _LINK.fullmatch(code):
                n_unknown += 1
            else:
                recode[code] = weight
    writer, n_written = next(iter(asked.authors.most_common(1)), ("", 0))
    informants = first.instrument.informants if first else ()
    said = _WRITERS.get(writer, "") if n_written else ""
    named_so = first.informant((name.rpartition("/")[2], *asked.panels)) if first else ""
    return LinkedBlock(
        word=first.instrument.instrument_code if first else "questionnaire",
        address=name,
        items={n: link for n, link in items.items() if _LINK.fullmatch(link)},
        candidates=found,
        informant=said if said in informants else named_so,
        total=total,
        ignored=tuple(link for link in rest if _LINK.fullmatch(link)),
        recode=recode,
        n_unknown_answers=n_unknown,
        languages=tuple(sorted(asked.languages)),
    )
