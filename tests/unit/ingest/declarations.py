"""A small practice of its own for the ingest tests: one wide, one long and two table files."""

from datetime import date
from typing import Any

from expectations.instrument import Instrument
from expectations.practice import Practice

INSTRUMENT = Instrument.model_validate(
    {
        "instrument_code": "short_form",
        "version": "1",
        "name": "Short form",
        "kind": "alliance",
        "informants": ["client", "therapist"],
        "languages": ["en"],
        "n_items": 3,
        "item_minimum": 1,
        "item_maximum": 5,
        "item_coding": "printed_value",
        "reversed_items": [2],
        "direction": "higher_is_better",
        "scales": [
            {
                "scale": "total",
                "items": [1, 2, 3],
                "minimum": 3,
                "maximum": 15,
                "missing": {"rule": "complete_only", "source": "test"},
                "source": "test",
            }
        ],
        "key_status": "unverified",
        "key_note": "made up for a test",
        "licence": "none",
        "citations": [],
        "examples": [],
    }
)

WIDE_FILE: dict[str, Any] = {
    "file": "forms",
    "pattern": "forms_*.csv",
    "dialect": {"delimiter": ";", "decimal_mark": ","},
    "missing": ["-99"],
    "discard": ["batch"],
    "exported_at": r"forms_(\d{8})",
    "mappings": [
        {
            "feed": "administrations",
            "layout": "wide",
            "date_format": "%d.%m.%Y",
            "columns": {
                "client_id": {"from": "client"},
                "session_id": {"from": "visit"},
                "completed_on": {"from": "day"},
                "status": {"from": "state", "recode": {"done": "completed", "no": "declined"}},
            },
            "exclude": [{"column": "state", "words": ["preview"], "reason": "preview_row"}],
            "forms": [
                {
                    "instrument_code": "short_form",
                    "version": "1",
                    "language": "en",
                    "informant": "client",
                    "items": {1: "a", 2: "b", 3: "c"},
                    "shift": 1,
                }
            ],
        }
    ],
}
LONG_FILE: dict[str, Any] = {
    "file": "answers",
    "pattern": "answers_*.csv",
    "mappings": [
        {
            "feed": "administrations",
            "layout": "long",
            "columns": {
                "client_id": {"from": "client"},
                "session_id": {"from": "visit"},
                "completed_on": {"from": "day"},
            },
            "long": {
                "instrument_column": "measure",
                "identity": {
                    "SF": {
                        "instrument_code": "short_form",
                        "version": "1",
                        "language": "en",
                        "informant": "client",
                    }
                },
                "item_column": "item",
                "item_prefix": "Q",
                "value_column": "answer",
                "form_columns": ["client", "visit", "measure"],
            },
        }
    ],
}
EPISODES_FILE: dict[str, Any] = {
    "file": "episodes",
    "pattern": "episodes_*.csv",
    "mappings": [
        {
            "feed": "episodes",
            "layout": "table",
            "distinct": True,
            "columns": {
                "episode_id": {"from": "episode"},
                "client_id": {"from": "client"},
                "site_id": {"from": "place", "recode": {"N": "north", "S": "south"}},
                "opened_on": {"from": "start"},
                "state": {"from": "state"},
                "service_type": {"constant": "individual"},
                "age_band_at_intake": {"from": "age", "age_bands": True},
            },
        }
    ],
}
SNAPSHOT_OF_EPISODES: dict[str, Any] = {
    **EPISODES_FILE,
    "exported_at": r"episodes_(\d{8})",
    "delivery_scope": "snapshot",
}
PERIOD_OF_SESSIONS: dict[str, Any] = {
    "file": "sessions",
    "pattern": "sessions_*.csv",
    "exported_at": r"sessions_(\d{8})",
    "delivery_scope": "period",
    "mappings": [
        {
            "feed": "sessions",
            "layout": "table",
            "columns": {
                "session_id": {"from": "session"},
                "client_id": {"from": "client"},
                "site_id": {"constant": "north"},
                "scheduled_on": {"from": "day"},
                "attendance": {"from": "kept"},
            },
        }
    ],
}


def practice(*files: dict[str, Any], **contract: Any) -> Practice:
    """A practice with two sites that sends `files`."""
    return Practice.model_validate(
        {
            "practice_id": "brook",
            "name": "Brook",
            "sites": [
                {
                    "site_id": site,
                    "name": site.title(),
                    "service_setting": "outpatient",
                    "open_from": "2020-01-01",
                }
                for site in ("north", "south")
            ],
            "contracts": [
                {
                    "valid_from": "2020-01-01",
                    "privacy_class": "limited_data_set",
                    "agreements": [
                        {
                            "kind": "data use agreement",
                            "signed_on": "2020-01-01",
                            "expires_on": str(date(2099, 12, 31)),
                            "purpose": "test",
                        }
                    ],
                    "owners": ["test"],
                    "files": list(files),
                    **contract,
                }
            ],
        }
    )
