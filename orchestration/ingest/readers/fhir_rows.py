"""A questionnaire response as rows of text, one for each answered item. Pure.

A response without answers keeps one row, so that none is lost. What stands here has been held to
the allow-list before: shapes and types are given.
"""

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from expectations.fhir import FHIR_STATUSES, FhirReading
from orchestration.ingest.readers.fhir_elements import ORDINALS
from orchestration.ingest.refusal import DeliveryRefused

MAX_CODED_STRING = 64
UNDECLARED = "undeclared"
"""In place of a questionnaire that the contract does not name."""
_VALUES = ("valueBoolean", "valueDecimal", "valueInteger", "valueString", "valueCoding")

Row = dict[str, str | None]


@dataclass(frozen=True)
class Version:
    """What says which of a response's versions is the newest."""

    response_id: str | None
    updated: float | None
    version_no: int | None
    is_amended: bool
    content: str


class ResponseReader:
    """Turns responses into rows as one contract says."""

    def __init__(self, reading: FhirReading) -> None:
        self._words = {
            name: word for word, names in reading.questionnaires.items() for name in names
        }
        self._coded = frozenset(reading.coded_strings)
        self._tag_system = reading.tag_system
        self._zone = ZoneInfo(reading.time_zone) if reading.time_zone else None

    def rows(self, response: dict[str, Any], place: str) -> list[Row]:
        """Rows of one response; `form_no` and `version_state` are the file's to say.

        Raises DeliveryRefused: unknown_status, free_text, ambiguous_answer.
        """
        answers = list(_answers(response, (), place, self._coded))
        about = self._about(response, place)
        return [about | answer for answer in answers] or [about]

    def _about(self, response: dict[str, Any], place: str) -> Row:
        status = response.get("status")
        if status not in FHIR_STATUSES:
            raise DeliveryRefused(
                "unknown_status",
                f"{place}: status is none of {', '.join(FHIR_STATUSES)}; export it again",
            )
        meta = response.get("meta", {})
        context = response.get("encounter") or response.get("context") or {}
        kind, context_id = _reference(context)
        author_type, author = _reference(response.get("author", {}))
        tags = [tag for tag in meta.get("tag", []) if tag.get("system") == self._tag_system]
        return {
            "response_id": response.get("id"),
            "response_version": meta.get("versionId"),
            "identifier": response.get("identifier", {}).get("value"),
            "status": status,
            "authored": _day(response.get("authored"), self._zone),
            "subject": _reference(response.get("subject", {}))[1],
            "encounter": None if kind == "EpisodeOfCare" else context_id,
            "episode": context_id if kind == "EpisodeOfCare" else None,
            "author": author,
            "author_type": author_type,
            "source": _reference(response.get("source", {}))[1],
            "questionnaire": self._questionnaire(response),
            "language": response.get("language"),
            "tag": tags[0].get("code") if self._tag_system and len(tags) == 1 else None,
        }

    def _questionnaire(self, response: dict[str, Any]) -> str | None:
        """The contract's word for it; without a canonical, that of the panel the items are in."""
        named = response.get("questionnaire")
        if isinstance(named, dict):
            named = named.get("reference")
        if named is not None:
            plain = str(named).partition("|")[0]
            return self._words.get(str(named)) or self._words.get(plain) or UNDECLARED
        panels = {
            self._words[name] for name in _panels(response.get("item", [])) if name in self._words
        }
        return panels.pop() if len(panels) == 1 else None


def version_of(response: dict[str, Any]) -> Version:
    """A response's place among its versions. `content` is equal for exact copies only."""
    meta = response.get("meta", {})
    written = meta.get("versionId") or ""
    text = json.dumps(response, sort_keys=True)
    return Version(
        response_id=response.get("id"),
        updated=_instant(meta.get("lastUpdated")),
        version_no=int(written)
        if written.isascii() and written.isdigit() and len(written) < 16
        else None,
        is_amended=response.get("status") == "amended",
        content=hashlib.blake2b(text.encode("utf-8"), digest_size=16).hexdigest(),
    )


def _answers(
    holder: dict[str, Any], above: tuple[str, ...], place: str, coded: Collection[str]
) -> Iterator[Row]:
    for item in holder.get("item", []):
        link_id = item.get("linkId", "").strip().strip("/")
        code = link_id.rpartition("/")[2]
        for answer in item.get("answer", []):
            row = _answer(answer, place, link_id in coded or code in coded)
            if row is not None:
                yield {"link_id": link_id, "item_code": code, **row}
            yield from _answers(answer, (*above, link_id), place, coded)
        yield from _answers(item, (*above, link_id), place, coded)


def _answer(answer: dict[str, Any], place: str, is_coded: bool) -> Row | None:
    held = [name for name in _VALUES if name in answer]
    if not held:
        return None
    if len(held) > 1:
        raise DeliveryRefused(
            "ambiguous_answer", f"{place}: item.answer has {' and '.join(held)}; one is expected"
        )
    value = answer[held[0]]
    ordinal = _ordinal(answer.get("extension", []), place)
    if held[0] == "valueString":
        if not is_coded or len(value) > MAX_CODED_STRING:
            raise DeliveryRefused(
                "free_text",
                f"{place}: item.answer.valueString is free text, which is never taken in; leave "
                "that question out of the export, or, if it holds one of a few words, name its "
                "linkId under `fhir.coded_strings` and recode the words",
            )
    elif held[0] == "valueBoolean":
        value = "true" if value else "false"
    elif held[0] == "valueCoding":
        inner = _ordinal(value.get("extension", []), place)
        if ordinal is not None and inner is not None and ordinal != inner:
            raise DeliveryRefused(
                "ambiguous_answer", f"{place}: one item.answer is given two different weights"
            )
        if value.get("code") is None and (inner or ordinal) is None:
            raise DeliveryRefused(
                "free_text",
                f"{place}: item.answer.valueCoding has no code; its display alone is free text",
            )
        system = _without_scheme(value.get("system"))
        return {
            "answer": value.get("code"),
            "answer_system": system,
            "ordinal": inner if inner is not None else ordinal,
        }
    return {"answer": str(value), "ordinal": ordinal}


def _ordinal(extensions: list[dict[str, Any]], place: str) -> str | None:
    found = []
    for extension in extensions:
        weights = [extension[n] for n in ("valueDecimal", "valueInteger") if n in extension]
        if extension.get("url") not in ORDINALS or len(weights) != 1:
            raise DeliveryRefused(
                "unexpected_element",
                f"{place}: an extension of item.answer is none of the known weights (ordinalValue, "
                "iso21090-CO-value, itemWeight); leave it out of the export",
            )
        found.append(str(weights[0]))
    if len(set(found)) > 1:
        raise DeliveryRefused(
            "ambiguous_answer", f"{place}: one item.answer is given two different weights"
        )
    return found[0] if found else None


def _panels(items: list[dict[str, Any]]) -> Iterator[str]:
    """Codes of the panels that items stand in: a group's own, or the first part of a path."""
    for item in items:
        link_id = item.get("linkId", "").strip().strip("/")
        first, slash, _ = link_id.partition("/")
        if slash:
            yield first
        if "item" in item:
            yield link_id
            yield from _panels(item["item"])


def _reference(reference: dict[str, Any]) -> tuple[str | None, str | None]:
    """Type and id of `Type/id`, of an absolute address, of one version of it, or of a URN."""
    written = reference.get("reference")
    if not written:
        return None, None
    parts = str(written).partition("/_history/")[0].rstrip("/").rsplit("/", 2)
    kind = parts[-2] if len(parts) > 1 else reference.get("type")
    return kind, parts[-1].rpartition(":")[2]


def _without_scheme(address: str | None) -> str | None:
    if address is None:
        return None
    return address.rpartition("://")[2].removeprefix("www.")


def _day(written: str | None, zone: ZoneInfo | None) -> str | None:
    """The day of a FHIR dateTime; what has no day stays as written, and no rule accepts it."""
    if written is None or "T" not in written:
        return written
    if zone is not None:
        try:
            moment = datetime.fromisoformat(written)
            if moment.tzinfo is not None:
                return moment.astimezone(zone).date().isoformat()
        except (ValueError, OverflowError):
            return written
    return written.partition("T")[0]


def _instant(written: str | None) -> float | None:
    try:
        moment = datetime.fromisoformat(written or "")
        return moment.astimezone(UTC).timestamp() if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
