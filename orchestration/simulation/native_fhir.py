"""FHIR questionnaire responses: one resource a line, as a bulk export writes them.

R4, or STU3 where the contract knows its questionnaires by a reference and not by an address. What
a form is about stands in references; who filled it in is its author. Where wording stands in a real
export (`text`, `display`), nothing stands here.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from expectations.mapping import LongIdentity, Mapping
from expectations.practice import FileSpec
from orchestration.simulation.arrays import Flags, Ints
from orchestration.simulation.filled import Filled
from orchestration.simulation.frames import Frame, Words, taken
from orchestration.simulation.native_exported import Exported
from orchestration.simulation.native_files import TextFile
from orchestration.simulation.native_rows import Cells, attributes, previews
from orchestration.simulation.native_words import Writing, answer_codes, answer_words, scattered
from orchestration.simulation.response import COMPLETED
from orchestration.simulation.schedules import identity_of

RESOURCE = "resource"
FILLED_COLUMNS = frozenset(
    (
        *("form_no", "version_state", "response_id", "status", "authored", "subject"),
        *("encounter", "author", "author_type", "source", "questionnaire", "link_id"),
        *("item_code", "answer", "ordinal"),
    )
)
"""FHIR columns that the simulation has something for."""
ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
STU3_ORDINAL = "http://hl7.org/fhir/StructureDefinition/iso21090-CO-value"
CODE_SYSTEM = "http://loinc.org"
_MINUTES = 11 * 60


class ResponseFile(TextFile):
    """Lines of JSON, without a header."""

    def begin(self, header: Sequence[str]) -> None:
        """See TextFile."""


def response_cells(spec: FileSpec, exported: Exported) -> Cells:
    """One column of whole resources. A form that was not filled in leaves none.

    ValueError for a column that the simulation has nothing for.
    """
    (mapping,) = spec.mappings
    unfilled = [name for name in spec.wanted_columns if name not in FILLED_COLUMNS]
    if unfilled or mapping.long is None:
        raise ValueError(
            f"file {spec.file}: the simulation writes responses in layout long, and no "
            f"{', '.join(unfilled) or 'other layout'}"
        )
    lines: list[str] = []
    for word, form in mapping.long.identity.items():
        identity = identity_of(form)
        own = exported.forms.shown(identity, with_missed=False)
        if len(own):
            filled = exported.forms.filled[identity]
            frame = {
                name: taken(column, own) for name, column in exported.forms.frames[identity].items()
            }
            asked = _Asked(spec, mapping, word, form, filled, own, frame)
            marked = previews(mapping, frame, exported.forms.preview_share)
            lines += map(_line, asked.responses(marked))
    return {RESOURCE: pa.array(lines, pa.string())} if lines else {}


def _line(resource: dict[str, Any]) -> str:
    return json.dumps(resource, separators=(",", ":"))


@dataclass(frozen=True)
class _Asked:
    """The shown forms of one questionnaire."""

    spec: FileSpec
    mapping: Mapping
    word: str
    form: LongIdentity
    filled: Filled
    own: Ints
    frame: Frame

    def responses(self, marked: Flags) -> Iterator[dict[str, Any]]:
        """One resource a form. Of some marked ones an older version stands before them, others
        are followed by a response that was entered in error."""
        said = self._said()
        codes = answer_codes(self.filled.points[self.own], self.filled.score)
        answers = [self._answers(plain) for plain in self._words()]
        total = self.filled.total[self.own]
        status = self.frame["status"]
        assert isinstance(status, Words)
        is_amended = scattered(self.frame, 2) == 1
        for row in range(len(self.own)):
            about = {name: texts[row] for name, texts in said.items()}
            items = self._items(codes[row], answers, total[row])
            if not marked[row] or status.codes[row] != COMPLETED:
                yield self._resource(about, items, about["status"], 1)
            elif is_amended[row] and "amended" in self._statuses():
                yield self._resource(about, items[1:], "completed", 1)
                yield self._resource(about, items, "amended", 2)
            else:
                yield self._resource(about, items, about["status"], 1)
                wrong = {**about, "response_id": f"{about['response_id']}-e"}
                yield self._resource(wrong, items, "entered-in-error", 1)

    def _statuses(self) -> set[str]:
        source = self.mapping.columns.get("status")
        return set(source.recode) if source is not None else set()

    def _said(self) -> dict[str, list[str]]:
        """Texts by FHIR column, and the ids that references need."""
        writing = Writing(self.spec, self.mapping)
        cells = attributes(writing, self.mapping.columns, self.frame)
        found = {name: texts.to_pylist() for name, texts in cells.items()}
        for name, column in (
            ("response_id", "administration_id"),
            ("subject", "client_id"),
            ("encounter", "session_id"),
            ("therapist", "rated_therapist_id"),
        ):
            if name not in found:
                found[name] = writing.ids(self.frame[column]).to_pylist()
        day = Writing(self.spec, self.mapping.model_copy(update={"date_format": "%Y-%m-%d"}))
        found["day"] = day.days(self.frame).to_pylist()
        found["minute"] = [str(minute) for minute in scattered(self.frame, _MINUTES)]
        if "status" not in found:
            found["status"] = ["completed"] * len(self.own)
        return found

    def _words(self) -> list[tuple[str, str]]:
        """For each point what the practice writes, and its weight."""
        writing = Writing(self.spec, self.mapping)
        plain = self.form.model_copy(update={"recode": {}})
        score = self.filled.score
        words = answer_words(writing, score, self.form)
        return list(zip(words, answer_words(writing, score, plain), strict=True))

    def _answers(self, word: tuple[str, str]) -> dict[str, Any]:
        written, weight = word
        number = float(weight)
        if not self.form.recode:
            is_whole = self.filled.score.step == 1 and number == int(number)
            return {"valueInteger": int(number)} if is_whole else {"valueDecimal": number}
        extension = {"url": ORDINAL if self._is_r4 else STU3_ORDINAL, "valueDecimal": number}
        coding = {"extension": [extension], "system": CODE_SYSTEM, "code": written}
        return {"valueCoding": coding}

    @property
    def _is_r4(self) -> bool:
        return "://" in self._questionnaire

    @property
    def _questionnaire(self) -> str:
        assert self.spec.fhir is not None
        return self.spec.fhir.questionnaires[self.word][0]

    def _items(
        self, codes: Ints, answers: list[dict[str, Any]], total: float
    ) -> list[dict[str, Any]]:
        assert self.mapping.long is not None
        slash = "/" if self._is_r4 else f"{self.word}/"
        if self.mapping.long.item_column == "link_id" and not self._is_r4:
            slash = ""
        found: list[dict[str, Any]] = []
        for number, code in enumerate(codes.tolist(), start=1):
            names = self.form.items.get(number)
            if names and code >= 0:
                found.append({"linkId": slash + names[0], "answer": [answers[code]]})
        if self.form.ignored:
            found.append({"linkId": slash + self.form.ignored[0], "answer": [{"valueInteger": 1}]})
        if self.form.total and not np.isnan(total):
            found.append(
                {"linkId": slash + self.form.total[0], "answer": [{"valueDecimal": float(total)}]}
            )
        return found if self._is_r4 else [{"linkId": self.word, "item": found}]

    def _resource(
        self, about: dict[str, str], items: list[dict[str, Any]], status: str, version: int
    ) -> dict[str, Any]:
        assert self.spec.fhir is not None
        minute = int(about["minute"])
        authored = _moment(about["day"], minute, self.spec.fhir.time_zone)
        updated = _moment(about["day"], minute + version, self.spec.fhir.time_zone)
        kind = about.get("author_type", "Practitioner")
        person = about.get("author", about["subject" if kind == "Patient" else "therapist"])
        author = {"reference": f"{kind}/{person}"}
        source = {"reference": f"{kind}/{about['source']}"} if "source" in about else author
        session = {"reference": f"Encounter/{about['encounter']}"}
        name = self._questionnaire
        return {
            "resourceType": "QuestionnaireResponse",
            "id": about["response_id"],
            "meta": {"versionId": str(version), "lastUpdated": updated},
            "questionnaire": name if self._is_r4 else {"reference": name},
            "status": status,
            "subject": {"reference": f"Patient/{about['subject']}"},
            "encounter" if self._is_r4 else "context": session,
            "authored": authored,
            "author": author,
            "source": source,
            "item": items,
        }


@lru_cache(maxsize=2**16)
def _moment(day: str, minute: int, zone: str | None) -> str:
    """A local time of day between 8 and 19 o'clock as FHIR writes it, with the zone's offset."""
    hour, rest = divmod(8 * 60 + minute, 60)
    moment = datetime.fromisoformat(f"{day}T{hour:02d}:{rest:02d}:00")
    return moment.replace(tzinfo=ZoneInfo(zone) if zone else UTC).isoformat()
