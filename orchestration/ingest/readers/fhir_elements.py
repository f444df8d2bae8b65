"""The elements that may be in a questionnaire response, and the walk that holds a file to them.

An allow-list by path: what is not on it refuses the file and is named by its path, never by what
it holds. A key may itself be data, so only names that FHIR has are shown. Every text met on the way
is collected, to be searched for identifiers whether it is kept or not.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any

from expectations.fhir import NEVER_DROPPED
from orchestration.ingest.readers.strict_json import Number, is_storable, too_deep
from orchestration.ingest.refusal import DeliveryRefused

MAX_DEPTH = 32
RESPONSE = "QuestionnaireResponse"


class Leaf(Enum):
    """What a leaf of the allow-list holds."""

    TEXT = "a text"
    ADDRESS = "an address"
    """Of a vocabulary, a profile or a server: searched for all identifiers but web addresses."""
    NUMBER = "a number"
    TRUTH = "true or false"


@dataclass(frozen=True)
class Many:
    """A list of things of one shape."""

    of: "Shape"


@dataclass(frozen=True)
class Either:
    """One shape as a text, another as an object: what changed between STU3 and R4."""

    leaf: Leaf
    members: dict[str, "Shape"]


Shape = Leaf | Many | Either | dict[str, Any]

ORDINALS = frozenset(
    "http://hl7.org/fhir/StructureDefinition/" + name
    for name in ("ordinalValue", "iso21090-CO-value", "itemWeight", "questionnaire-ordinalValue")
)
"""Extensions that say what an answer weighs: R4, STU3, R5, and STU3's own of questionnaires."""
_TEXT, _ADDRESS = Leaf.TEXT, Leaf.ADDRESS
_ORDINAL = {"url": _ADDRESS, "valueDecimal": Leaf.NUMBER, "valueInteger": Leaf.NUMBER}
_CODING: dict[str, Any] = {
    "system": _ADDRESS,
    "version": _TEXT,
    "code": _TEXT,
    "display": _TEXT,
    "userSelected": Leaf.TRUTH,
}
# No display: of a reference it is a person's name.
_REFERENCE = {"reference": _ADDRESS, "type": _ADDRESS}
_META = {
    "versionId": _TEXT,
    "lastUpdated": _TEXT,
    "source": _ADDRESS,
    "profile": Many(_ADDRESS),
    "security": Many(_CODING),
    "tag": Many(_CODING),
}
_ITEM: dict[str, Any] = {"linkId": _TEXT, "definition": _ADDRESS, "text": _TEXT}
_ANSWER = {
    "valueBoolean": Leaf.TRUTH,
    "valueDecimal": Leaf.NUMBER,
    "valueInteger": Leaf.NUMBER,
    "valueString": _TEXT,
    "valueCoding": {**_CODING, "extension": Many(_ORDINAL)},
    "extension": Many(_ORDINAL),
    "item": Many(_ITEM),
}
_ITEM |= {"answer": Many(_ANSWER), "item": Many(_ITEM)}
RESPONSE_SHAPE: dict[str, Any] = {
    "resourceType": _TEXT,
    "id": _TEXT,
    "meta": _META,
    "implicitRules": _ADDRESS,
    "language": _TEXT,
    "identifier": {"use": _TEXT, "system": _ADDRESS, "value": _TEXT},
    "questionnaire": Either(_ADDRESS, {**_REFERENCE, "display": _TEXT}),
    "status": _TEXT,
    "subject": _REFERENCE,
    "encounter": _REFERENCE,
    "context": _REFERENCE,
    "authored": _TEXT,
    "author": _REFERENCE,
    "source": _REFERENCE,
    "basedOn": Many(_REFERENCE),
    "partOf": Many(_REFERENCE),
    "parent": Many(_REFERENCE),
    "item": Many(_ITEM),
}
BUNDLE_SHAPE: dict[str, Any] = {
    "resourceType": _TEXT,
    "id": _TEXT,
    "meta": _META,
    "type": _TEXT,
    "timestamp": _TEXT,
    "total": Leaf.NUMBER,
    "link": Many({"relation": _TEXT, "url": _ADDRESS}),
}
ENTRY_SHAPE: dict[str, Any] = {
    "fullUrl": _ADDRESS,
    "search": {"mode": _TEXT, "score": Leaf.NUMBER},
    "request": {"method": _TEXT, "url": _ADDRESS},
    "response": {"status": _TEXT, "etag": _TEXT, "lastModified": _TEXT, "location": _ADDRESS},
}
_ADDRESS_NAMES = frozenset({"url", "system", "profile", "reference", "fullUrl", "definition"})


def _names(shape: Shape, found: set[str]) -> set[str]:
    if isinstance(shape, Many):
        return _names(shape.of, found)
    members = shape.members if isinstance(shape, Either) else shape
    if isinstance(members, dict):
        for name, of in members.items():
            if name not in found or not isinstance(of, Leaf):
                is_new = name not in found
                found.add(name)
                if is_new:
                    _names(of, found)
    return found


# Names of FHIR, which may be shown; any other key of an object may be data.
_SHOWABLE = (
    _names(RESPONSE_SHAPE, set())
    | _names(BUNDLE_SHAPE, set())
    | _names(ENTRY_SHAPE, set())
    | NEVER_DROPPED
    | {
        *("text", "status", "extension", "resource", "entry", "signature", "answer", "item"),
        *("valueDate", "valueDateTime", "valueTime", "valueUri", "valueQuantity", "valueReference"),
        *("valueCode", "valueCodeableConcept", "code", "coding", "period", "assigner", "type"),
        *("gender", "communication", "maritalStatus", "value", "unit", "url", "use", "note"),
    }
)


@dataclass
class Walked:
    """What a walk over resources met: texts to be searched, and elements that may not be there.

    Each text is kept once, with the path and the place where it was met first.
    """

    texts: dict[tuple[str, bool], tuple[str, str]] = field(default_factory=dict)
    """(text, whether it is an address) -> path and place."""
    n_characters: int = 0
    """Of the texts kept, so that they can be searched before they are too many."""
    refused: dict[str, str] = field(default_factory=dict)
    """Path, with what was expected -> place."""

    def walk(
        self, value: Any, shape: Shape, path: str, place: str, drop: Collection[str], depth: int = 1
    ) -> None:
        """Hold a value to a shape, and take out of it what the contract drops.

        Raises DeliveryRefused: too_deep, damaged_file.
        """
        if depth > MAX_DEPTH:
            raise too_deep(place)
        if isinstance(shape, Either):
            shape = shape.members if isinstance(value, dict) else shape.leaf
        if isinstance(shape, Many):
            if not isinstance(value, list):
                self._refuse(f"{path} (a list is expected)", place)
                return
            for element in value:
                self.walk(element, shape.of, path, place, drop, depth + 1)
        elif isinstance(shape, dict):
            if not isinstance(value, dict):
                self._refuse(f"{path or 'the resource'} (an object is expected)", place)
                return
            for name, member in list(value.items()):
                below = _below(path, name)
                if below in drop:
                    self._drop(member, below, place, depth + 1)
                    del value[name]
                elif name in shape:
                    self.walk(member, shape[name], below, place, drop, depth + 1)
                else:
                    self._refuse(below, place)
        elif not _fits(value, shape):
            self._refuse(f"{path} ({shape.value} is expected)", place)
        elif shape in (Leaf.TEXT, Leaf.ADDRESS):
            self.note(value, shape is Leaf.ADDRESS, path, place)

    def note(self, text: str, is_address: bool, path: str, place: str) -> None:
        """Remember a text to be searched. Raises DeliveryRefused (damaged_file)."""
        if (text, is_address) in self.texts:
            return
        if not is_storable(text):
            raise DeliveryRefused(
                "damaged_file",
                f"{place}: {path} holds control characters or half characters; export it again",
            )
        self.n_characters += len(text)
        self.texts[(text, is_address)] = (path, place)

    def _drop(self, value: Any, path: str, place: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise too_deep(place)
        if isinstance(value, list):
            for element in value:
                self._drop(element, path, place, depth + 1)
        elif isinstance(value, dict):
            for name, member in value.items():
                below = _below(path, name)
                if name in NEVER_DROPPED:
                    self._refuse(below, place)
                else:
                    self.note(name, False, path, place)
                    self._drop(member, below, place, depth + 1)
        elif isinstance(value, str) and not isinstance(value, Number):
            self.note(value, path.rpartition(".")[2] in _ADDRESS_NAMES, path, place)

    def _refuse(self, path: str, place: str) -> None:
        self.refused.setdefault(path, place)


def _fits(value: Any, leaf: Leaf) -> bool:
    if leaf is Leaf.TRUTH:
        return isinstance(value, bool)
    if leaf is Leaf.NUMBER:
        return isinstance(value, Number)
    return isinstance(value, str) and not isinstance(value, Number)


@lru_cache(maxsize=4096)
def _below(path: str, name: str) -> str:
    """The path of a member. Items within items are all `item`: how deep they stand is no matter."""
    if name == "item" and path in ("item", "item.answer"):
        return "item"
    shown = name if name.removeprefix("_") in _SHOWABLE else "(an element FHIR does not name here)"
    return f"{path}.{shown}" if path else shown
