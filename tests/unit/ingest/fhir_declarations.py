"""A practice that sends PHQ-9 forms as FHIR, and responses of the shape systems export; made up."""

import json
from typing import Any

LINKS = (
    *("44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3"),
    "44260-8",
)
"""LOINC codes of the nine items, in the questionnaire's order."""
CODES = {0: "LA6568-5", 1: "LA6569-3", 2: "LA6570-1", 3: "LA6571-9"}
CANONICAL = "http://example.org/fhir/Questionnaire/phq-9"
ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
STU3_ORDINAL = "http://hl7.org/fhir/StructureDefinition/iso21090-CO-value"
FHIR_FILE: dict[str, Any] = {
    "file": "responses",
    "pattern": "responses_*",
    "format": "fhir",
    "fhir": {
        "questionnaires": {
            "phq_9": [
                CANONICAL,
                "Questionnaire/phq-9",
                "http://hl7.org/fhir/us/core/Questionnaire/phq-9-example",
                "44249-1",
            ]
        },
        "coded_strings": ["69722-7"],
        "drop": ["meta.extension"],
        "tag_system": "http://example.org/fhir/site",
    },
    "id_pattern": "^[a-z0-9-]+$",
    "mappings": [
        {
            "feed": "administrations",
            "layout": "long",
            "columns": {
                "administration_id": {"from": "response_id"},
                "client_id": {"from": "subject"},
                "session_id": {"from": "encounter"},
                "completed_on": {"from": "authored"},
                "status": {
                    "from": "status",
                    "recode": {
                        "amended": "completed",
                        "in-progress": "partial",
                        "stopped": "partial",
                    },
                },
            },
            "exclude": [
                {
                    "column": "version_state",
                    "words": ["superseded"],
                    "reason": "superseded_version",
                },
                {"column": "version_state", "words": ["copy"], "reason": "repeated_row"},
                {
                    "column": "status",
                    "words": ["entered-in-error"],
                    "reason": "entered_in_error",
                },
            ],
            "long": {
                "instrument_column": "questionnaire",
                "item_column": "item_code",
                "value_column": "answer",
                "ordinal_column": "ordinal",
                "form_columns": ["form_no"],
                "identity": {
                    "phq_9": {
                        "instrument_code": "phq_9",
                        "version": "1",
                        "language": "en",
                        "informant": "client",
                        "items": {no: [link] for no, link in enumerate(LINKS, start=1)},
                        "total": ["44261-6"],
                        "ignored": ["69722-7"],
                        "recode": {code: str(value) for value, code in CODES.items()},
                    }
                },
            },
        }
    ],
}


def coded(value: int, ordinal: int | None = None, url: str = ORDINAL) -> dict[str, Any]:
    """An answer by code, with a weight if one is given."""
    coding: dict[str, Any] = {
        "system": "http://loinc.org",
        "code": CODES[value],
        "display": "made-up words",
    }
    if ordinal is not None:
        coding["extension"] = [{"url": url, "valueDecimal": ordinal}]
    return {"valueCoding": coding}


def items(values: list[int], slash: str = "/") -> list[dict[str, Any]]:
    """Nine answered items."""
    return [
        {"linkId": slash + link, "text": "made-up question", "answer": [coded(value)]}
        for link, value in zip(LINKS, values, strict=True)
    ]


def response(name: str, values: list[int], **more: Any) -> dict[str, Any]:
    """An R4 response of client c1."""
    return {
        "resourceType": "QuestionnaireResponse",
        "id": name,
        "questionnaire": CANONICAL + "|1.0",
        "status": "completed",
        "subject": {"reference": "Patient/c1"},
        "encounter": {"reference": f"https://example.org/fhir/Encounter/v-{name}"},
        "authored": "2026-02-03T21:50:32.718Z",
        "author": {"reference": "Practitioner/t1"},
        "item": items(values),
    } | more


def ndjson(*responses: dict[str, Any]) -> str:
    """A resource a line."""
    return "".join(json.dumps(each) + "\n" for each in responses)


def bundle(*responses: dict[str, Any], **more: Any) -> str:
    """A Bundle, written over several lines as servers do."""
    return json.dumps(
        {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(responses),
            "link": [{"relation": "self", "url": "https://example.org/fhir/x?y=z"}],
            "entry": [
                {"fullUrl": f"https://example.org/fhir/x/{each['id']}", "resource": each}
                for each in responses
            ],
        }
        | more,
        indent=1,
    )


NESTED_STU3: dict[str, Any] = {
    "resourceType": "QuestionnaireResponse",
    "id": "nested-1",
    "meta": {"tag": [{"system": "http://example.org/fhir/site", "code": "north"}]},
    "questionnaire": {"reference": "Questionnaire/phq-9", "display": "made-up title"},
    "status": "completed",
    "subject": {"reference": "Patient/c2"},
    "context": {"reference": "Encounter/v9"},
    "authored": "2026-02-04",
    "item": [
        {
            "linkId": "44249-1",
            "item": [
                *(
                    {"linkId": f"44249-1/{link}", "answer": [coded(1, 1, STU3_ORDINAL)]}
                    for link in LINKS[:8]
                ),
                {
                    "linkId": "44249-1/44260-8",
                    "answer": [
                        coded(1, 1, STU3_ORDINAL)
                        | {"item": [{"linkId": "69722-7", "answer": [{"valueString": "some"}]}]}
                    ],
                },
            ],
        },
        {"linkId": "44261-6", "answer": [{"valueDecimal": 9}]},
    ],
}
"""STU3: questionnaire as a reference, `context`, items in a group and under an answer, a total."""
