"""One practice's contract in eight shapes and four variants: the same ids, each its own coding.

Every shape maps all that it can carry; what it cannot is in shapes_differ.yml.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from expectations.practice import Practice
from expectations.registry import load_registry

ID_PATTERN = "^e[0-9]{8}$"
EXPORTED_AT = r"_(\d{8})\."
SITES = ("eighth_street", "eighth_avenue")
EPISODE = {
    "episode_id": "episode",
    "client_id": "client",
    "unit_id": "unit",
    "site_id": "site",
    "therapist_id": "therapist",
    "opened_on": "opened",
    "closed_on": "closed",
    "state": "state",
    "ending_code": "ending",
    "service_type": "service",
    "modality": "modality",
    "planned_sessions": "planned",
    "agreed_interval_days": "interval_days",
    "age_band_at_intake": "age_band",
    "gender": "gender",
    "language": "language",
    "problem_group": "problem",
    "use_permission": "use",
    "prior_episodes": "earlier",
}
SESSION = {
    "session_id": "session",
    "client_id": "client",
    "unit_id": "unit",
    "episode_id": "episode",
    "therapist_id": "therapist",
    "site_id": "site",
    "scheduled_on": "day",
    "attendance": "attendance",
    "session_type": "kind",
    "delivery_mode": "mode",
    "stated_number": "number",
    "planned_minutes": "minutes_planned",
    "actual_minutes": "minutes",
    "group_session_id": "shared",
    "interpreter": "interpreter",
}
FORM = {
    "administration_id": "form_no",
    "client_id": "client",
    "episode_id": "episode",
    "session_id": "session",
    "rated_therapist_id": "therapist",
    "respondent": "respondent",
    "occasion": "occasion",
    "status": "status",
    "completed_on": "filled_on",
    "timing": "timing",
    "collection_mode": "device",
    "seen_by_therapist": "seen",
}
ASKED: dict[str, tuple[str, str, str, int]] = {
    "srs": ("srs", "3", "client", 4),
    "wai": ("wai_sr", "1", "client", 12),
    "wait": ("wai_srt", "1", "therapist", 10),
    "phq": ("phq_9", "1", "client", 9),
}
"""Our word for a questionnaire -> code, version, informant, number of items."""
MISSED = [{"column": "redcap_repeat_instrument", "words": [""], "reason": "blank_parent_row"}]


def _from(columns: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"from": column} for name, column in columns.items()}


def _identity(word: str) -> dict[str, Any]:
    code, version, informant, _ = ASKED[word]
    return {
        "instrument_code": code,
        "version": version,
        "language": "en",
        "informant": informant,
    }


def _file(name: str, ending: str, mappings: list[dict[str, Any]], **how: Any) -> dict[str, Any]:
    return {
        "file": name,
        "pattern": f"{name}_*.{ending}",
        "exported_at": EXPORTED_AT,
        "id_pattern": ID_PATTERN,
        "mappings": mappings,
        **how,
    }


def _tables(ending: str, days: str, **how: Any) -> list[dict[str, Any]]:
    return [
        _file(
            name,
            ending,
            [{"feed": name, "layout": "table", "date_format": days, "columns": _from(columns)}],
            **how,
        )
        for name, columns in (("episodes", EPISODE), ("sessions", SESSION))
    ]


def _wide(ending: str, days: str, *, answers: bool = True, **how: Any) -> list[dict[str, Any]]:
    """A file for each questionnaire; the WAI is counted from 0, as many systems do."""
    found = []
    for word, (_, _, _, n_items) in ASKED.items():
        form = _identity(word)
        if answers:
            form["items"] = {n: f"{word}_{n}" for n in range(1, n_items + 1)}
            form["shift"] = 1 if word.startswith("wai") else 0
        else:
            form["total"] = "score"
        mapping = {
            "feed": "administrations",
            "layout": "wide",
            "date_format": days,
            "columns": _from(FORM),
            "forms": [form],
        }
        found.append(_file(f"{word}_forms", ending, [mapping], **how))
    return found


def _long(ending: str, days: str, **how: Any) -> list[dict[str, Any]]:
    mapping = {
        "feed": "administrations",
        "layout": "long",
        "date_format": days,
        "columns": _from(FORM),
        "exclude": [{"column": "row_kind", "words": ["test"], "reason": "preview"}],
        "long": {
            "instrument_column": "scale",
            "item_column": "item",
            "item_prefix": "Q",
            "value_column": "answer",
            "form_columns": ["form_no"],
            "identity": {word: _identity(word) for word in ASKED},
        },
    }
    return [_file("answers", ending, [mapping], **how)]


def _only(instrument: str) -> list[dict[str, Any]]:
    return [
        {"column": "redcap_event_name", "words": ["care_arm_1"], "reason": "other_event"},
        {"column": "redcap_repeat_instrument", "words": [instrument], "reason": "other_instrument"},
    ]


def _redcap() -> list[dict[str, Any]]:
    sites = {"from": "redcap_data_access_group", "recode": {f"g_{s}": s for s in SITES}}
    record = {"client_id": {"from": "record_id"}}
    mappings: list[dict[str, Any]] = [
        {
            "feed": feed,
            "layout": "table",
            "exclude": MISSED,
            "only": _only(prefix),
            "columns": _from({name: f"{prefix}_{column}" for name, column in columns.items()})
            | record
            | {"site_id": sites},
        }
        for feed, prefix, columns in (("episodes", "ep", EPISODE), ("sessions", "visit", SESSION))
    ]
    forms = []
    for word, (_, _, informant, n_items) in ASKED.items():
        own = {
            name: f"{word}_{column}"
            for name, column in FORM.items()
            if name not in ("client_id", "respondent", "status", "completed_on")
        }
        columns = _from(own) | {
            "respondent": {"constant": informant},
            "seen_by_therapist": {
                "from": f"{word}_seen___1",
                "recode": {"1": "true", "0": "false"},
            },
            "completed_on": {
                "from": f"{word}_timestamp",
                "date_format": "%Y-%m-%d %H:%M:%S",
                "missing": ["[not completed]"],
            },
            "status": {
                "from": f"{word}_complete",
                "recode": {"2": "completed", "0": "partial"},
            },
        }
        items = {n: f"{word}_{n}" for n in range(1, n_items + 1)}
        forms.append(_identity(word) | {"items": items, "columns": columns, "only": _only(word)})
    administrations = {
        "feed": "administrations",
        "layout": "wide",
        "exclude": MISSED,
        "columns": record,
        "forms": forms,
    }
    return [
        _file(
            "records",
            "csv",
            [*mappings, administrations],
            format="redcap",
            missing=["-99"],
            discard=["redcap_repeat_instance", "ep_complete", "visit_complete"],
        )
    ]


def _qualtrics(header_rows: int) -> list[dict[str, Any]]:
    found = []
    for word, (_, _, informant, n_items) in ASKED.items():
        columns = _from({n: c for n, c in FORM.items() if n != "administration_id"}) | {
            "client_id": {"from": "ExternalReference"},
            "completed_on": {"from": "RecordedDate"},
            "respondent": {"constant": informant},
            "status": {"constant": "completed"},
        }
        form = _identity(word) | {"items": {n: f"Q{n}" for n in range(1, n_items + 1)}}
        # A slider of 0 to 100, and choices whose recode values start at 1.
        form |= {"srs": {"scale_by": 0.1}, "phq": {"shift": -1}}.get(word, {})
        mapping = {
            "feed": "administrations",
            "layout": "wide",
            "date_format": "%Y-%m-%d %H:%M:%S",
            "columns": columns,
            "exclude": [
                {"column": "Status", "words": ["1", "Survey Preview"], "reason": "preview_row"},
                {"column": "Finished", "words": ["0", "False"], "reason": "unfinished_row"},
            ],
            "forms": [form],
        }
        discard = ["StartDate", "EndDate", "Progress", "ResponseId"]
        how = {"format": "qualtrics", "header_rows": header_rows, "discard": discard}
        found.append(_file(f"{word}_survey", "csv", [mapping], **how))
    return found


def _fhir(address: str) -> list[dict[str, Any]]:
    identity = {}
    for word, (_, _, _, n_items) in ASKED.items():
        form = _identity(word) | {"items": {n: [f"{word}-{n}"] for n in range(1, n_items + 1)}}
        low, high = {"wai": (1, 5), "wait": (1, 5), "phq": (0, 3)}.get(word, (0, -1))
        form["recode"] = {f"c-{value}": str(value) for value in range(low, high + 1)}
        identity[word] = form
    mapping = {
        "feed": "administrations",
        "layout": "long",
        "columns": {
            "administration_id": {"from": "response_id"},
            "client_id": {"from": "subject"},
            "session_id": {"from": "encounter"},
            "respondent": {
                "from": "author_type",
                "recode": {"Patient": "client", "Practitioner": "therapist"},
            },
            "completed_on": {"from": "authored"},
            "collection_mode": {"constant": "tablet"},
            "status": {
                "from": "status",
                "recode": {"amended": "completed", "in-progress": "partial", "stopped": "partial"},
            },
        },
        "exclude": [
            {"column": "version_state", "words": ["superseded"], "reason": "superseded_version"},
            {"column": "version_state", "words": ["copy"], "reason": "repeated_row"},
            {"column": "status", "words": ["entered-in-error"], "reason": "entered_in_error"},
        ],
        "long": {
            "instrument_column": "questionnaire",
            "item_column": "item_code",
            "value_column": "answer",
            "ordinal_column": "ordinal",
            "form_columns": ["form_no"],
            "identity": identity,
        },
    }
    reading = {
        "time_zone": "America/Denver",
        "questionnaires": {word: [f"{address}Questionnaire/{word}"] for word in ASKED},
    }
    return [_file("responses", "ndjson", [mapping], format="fhir", fhir=reading)]


ISO, POINTS, SLASHES = "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y"
COMMAS = {"delimiter": ";", "decimal_mark": ",", "encoding": "utf-16"}
TABS = {"delimiter": "\t"}
PACKED = {"compression": "gzip"}
_BESIDE = _tables("csv", SLASHES)
FILES: dict[str, list[dict[str, Any]]] = {
    "csv_wide": [
        *_tables("csv", POINTS, dialect=COMMAS, missing=["."]),
        *_wide("csv", POINTS, dialect=COMMAS, missing=["."]),
    ],
    "csv_long": [*_tables("csv", ISO), *_long("csv", ISO)],
    "xlsx": [
        *_tables("xlsx", ISO, format="xlsx", sheet="Export", missing=["n/a"]),
        *_wide("xlsx", ISO, format="xlsx", missing=["n/a"]),
    ],
    "parquet": [
        *_tables("parquet", ISO, format="parquet"),
        *_long("parquet", ISO, format="parquet"),
    ],
    "redcap": _redcap(),
    "qualtrics": [*_BESIDE, *_qualtrics(3)],
    "fhir": [*_BESIDE, *_fhir("https://forms.example.org/fhir/")],
    "totals": [*_BESIDE, *_wide("csv", SLASHES, answers=False)],
    "tsv": [
        *_tables("tsv", SLASHES, dialect=TABS),
        *_wide("tsv", SLASHES, dialect=TABS),
    ],
    "gzip": [
        *_tables("csv.gz", ISO, dialect=PACKED, missing=["NA"]),
        *_long("csv.gz", ISO, dialect=PACKED, missing=["NA"]),
    ],
    "qualtrics_legacy": [*_BESIDE, *_qualtrics(2)],
    "fhir_stu3": [*_BESIDE, *_fhir("")],
}
"""What the practice sends in each shape; the last four are variants."""


def practice(practice_id: str, shape: str) -> Practice:
    """The practice under that name, sending in that shape."""
    plan = load_registry().practices["harbor_counseling"].contracts[0].schedules
    return Practice.model_validate(
        {
            "practice_id": practice_id,
            "name": "Eight Shapes",
            "sites": [
                {
                    "site_id": site,
                    "name": site,
                    "service_setting": "community_clinic",
                    "open_from": date(2015, 1, 1),
                }
                for site in SITES
            ],
            "contracts": [
                {
                    "valid_from": date(2024, 1, 1),
                    "privacy_class": "limited_data_set",
                    "agreements": [
                        {
                            "kind": "test",
                            "signed_on": date(2024, 1, 1),
                            "expires_on": date(2036, 1, 1),
                            "purpose": "a test",
                        }
                    ],
                    "owners": ["test"],
                    "schedules": plan,
                    "files": FILES[shape],
                }
            ],
        }
    )
