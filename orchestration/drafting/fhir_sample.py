"""FHIR questionnaire responses as a sample: the rows the night would read, and what they name."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from expectations.fhir import CURRENT, FHIR_COLUMNS, FhirReading
from orchestration.drafting.fhir_facts import Asked, FhirFacts
from orchestration.drafting.sample import MAX_ROWS, Sample
from orchestration.ingest.readers.fhir_elements import RESPONSE_SHAPE, Walked
from orchestration.ingest.readers.fhir_rows import ResponseReader, Row
from orchestration.ingest.readers.fhir_source import FhirFile, response_at
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import Limits

_MOST_RESPONSES = 20_000
_WRONG_SHAPE = "expected)"
"""Ends what a walk says of an element that is there in another shape than FHIR's."""


def read_fhir(path: Path) -> Sample:
    """A file of questionnaire responses, R4 or STU3, however they are packed.

    Raises DeliveryRefused: what `FhirFile`, `Walked` and `ResponseReader` raise,
    unexpected_element, no_rows.
    """
    facts = FhirFacts()
    responses = list(_responses(path, facts))
    systems = sorted(facts.tag_systems)
    reading = FhirReading(
        questionnaires={name: (name,) for name in facts.asked},
        tag_system=systems[0] if len(systems) == 1 else None,
    )
    reader = ResponseReader(reading)
    rows: list[Row] = []
    for number, (response, place) in enumerate(responses, start=1):
        known: Row = {"form_no": str(number), "version_state": CURRENT}
        rows += [row | known for row in reader.rows(response, place)]
        if len(rows) >= MAX_ROWS:
            break
    if not rows:
        raise DeliveryRefused("no_rows", "the file holds no responses; give a fuller sample")
    columns = {name: [(row.get(name) or "").strip() for row in rows] for name in FHIR_COLUMNS}
    return Sample(path.name, "fhir", {}, columns, fhir=facts)


def _responses(path: Path, facts: FhirFacts) -> Iterator[tuple[dict[str, Any], str]]:
    walked = Walked()
    file = FhirFile(path, Limits().file_bytes, walked, frozenset())
    for number, (resource, place) in enumerate(file.resources(), start=1):
        response = response_at(resource, place)
        walked.walk(response, RESPONSE_SHAPE, "", place, frozenset())
        walked.texts.clear()
        if wrong := [path for path in walked.refused if path.endswith(_WRONG_SHAPE)]:
            raise DeliveryRefused(
                "unexpected_element",
                f"{walked.refused[wrong[0]]}: {wrong[0]}; export it again",
            )
        _note(response, facts)
        yield response, place
        if number >= _MOST_RESPONSES:
            break
    facts.refused |= walked.refused


def _note(response: dict[str, Any], facts: FhirFacts) -> None:
    """Remember what a response names, and take its free text out of it."""
    found = Asked()
    for holder in response.get("item", []):
        _note_item(holder, found, facts)
    meta = response.get("meta", {})
    facts.tag_systems |= {str(tag["system"]) for tag in meta.get("tag", []) if "system" in tag}
    written = response.get("authored") or ""
    facts.has_instants |= "T" in written and (written.endswith("Z") or "+" in written)
    named = response.get("questionnaire")
    if isinstance(named, dict):
        named = named.get("reference")
    name = str(named).partition("|")[0] if named is not None else min(found.panels, default=None)
    if name is None:
        return
    kind = str(response.get("author", {}).get("reference", "")).rpartition("/")[0]
    found.authors[kind.rpartition("/")[2]] += 1
    found.languages |= {str(response["language"])} if "language" in response else set()
    facts.asked.setdefault(name, Asked()).add(found)


def _note_item(item: dict[str, Any], found: Asked, facts: FhirFacts) -> None:
    link_id = str(item.get("linkId", "")).strip().strip("/")
    code = link_id.rpartition("/")[2]
    first, slash, _ = link_id.partition("/")
    if slash:
        found.panels.add(first)
    if "item" in item:
        found.panels.add(link_id)
    answers = item.get("answer", [])
    if any("valueString" in answer for answer in answers):
        facts.texts.add(link_id)
        item["answer"] = answers = [each for each in answers if "valueString" not in each]
    for answer in answers:
        _note_answer(answer, code, link_id, found)
        for below in answer.get("item", []):
            _note_item(below, found, facts)
    for below in item.get("item", []):
        _note_item(below, found, facts)


def _note_answer(answer: dict[str, Any], code: str, link_id: str, found: Asked) -> None:
    coding = answer.get("valueCoding", {})
    numbers = [answer[name] for name in ("valueInteger", "valueDecimal") if name in answer]
    said = str(coding["code"]) if "code" in coding else str(numbers[0]) if numbers else None
    if said is None:
        return
    found.link_ids.setdefault(code, link_id)
    found.answers.setdefault(code, Counter())[said] += 1
    for extension in (*coding.get("extension", []), *answer.get("extension", [])):
        weights = [extension[n] for n in ("valueDecimal", "valueInteger") if n in extension]
        if "code" in coding and weights:
            found.weights.setdefault(said, set()).add(str(weights[0]))
