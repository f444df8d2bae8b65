"""Made-up exports of survey systems, and contracts for them, in terms of the small practice.

No wording of any questionnaire: where such an export has wording, words about nothing stand.
"""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

NAMES = ("StartDate", "Status", "Finished", "ResponseId", "ExternalReference", "Q1_1", "Q1_2", "Q3")
TEXTS = ("Start Date", "Response Type", "Finished", "Response ID", "External Data Reference",
         'First,\nof "two"\n\nlines', "Second", "Third")  # fmt: skip
IDS = ("startDate", "status", "finished", "_recordId", "externalDataReference", "QID1_1", "QID1_2",
       "QID3")  # fmt: skip
ANSWERS = (
    ("2026-02-03 10:15:00", "0", "1", "R_1AbCdEfGhIjKlMn", "P1", "1", "2", "3"),
    ("2026-02-04 10:15:00", "1", "1", "R_2AbCdEfGhIjKlMn", "P1", "5", "5", "5"),
    ("2026-02-05 10:15:00", "0", "0", "R_3AbCdEfGhIjKlMn", "P2", "2", "", ""),
    ("2026-02-06 10:15:00", "0", "1", "R_4AbCdEfGhIjKlMn", "P2", "4", "3", "2"),
)
QUALTRICS: dict[str, Any] = {
    "file": "survey",
    "pattern": "survey_*.csv",
    "format": "qualtrics",
    "discard": ["ResponseId"],
    "mappings": [
        {
            "feed": "administrations",
            "layout": "wide",
            "date_format": "%Y-%m-%d %H:%M:%S",
            "columns": {
                "client_id": {"from": "ExternalReference"},
                "completed_on": {"from": "StartDate"},
                "status": {"constant": "completed"},
            },
            "exclude": [
                {"column": "Status", "words": ["1", "Survey Preview"], "reason": "preview_row"},
                {"column": "Finished", "words": ["0", "False"], "reason": "unfinished_row"},
            ],
            "forms": [
                {
                    "instrument_code": "short_form",
                    "version": "1",
                    "language": "en",
                    "informant": "client",
                    "items": {1: "Q1_1", 2: "Q1_2", 3: "Q3"},
                }
            ],
        }
    ],
}
LEGACY = {**QUALTRICS, "header_rows": 2}


def qualtrics(
    names: Sequence[str] = NAMES,
    texts: Sequence[str] = TEXTS,
    ids: Sequence[str] | None = IDS,
    answers: Sequence[Sequence[str]] = ANSWERS,
) -> bytes:
    """An export as Qualtrics writes it: byte order mark, quotes, rows of header; no ids: legacy."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerow(texts)
    if ids is not None:
        writer.writerow(json.dumps({"ImportId": each}, separators=(",", ":")) for each in ids)
    writer.writerows(answers)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


REDCAP: dict[str, Any] = {
    "file": "records",
    "pattern": "records_*.csv",
    "format": "redcap",
    "dialect": {"decimal_mark": ","},
    "missing": ["-99", "NI"],
    "discard": ["intake_complete", "why___1", "why____99"],
    "mappings": [
        {
            "feed": "episodes",
            "layout": "table",
            "only": [
                {"column": "redcap_event_name", "words": ["intake_arm_1"], "reason": "other_event"},
                {"column": "redcap_repeat_instrument", "words": [""], "reason": "repeating_row"},
            ],
            "columns": {
                "episode_id": {"from": "record_id"},
                "client_id": {"from": "record_id"},
                "site_id": {
                    "from": "redcap_data_access_group",
                    "recode": {"north_group": "north", "south_group": "south"},
                },
                "opened_on": {"from": "opened"},
                "state": {"constant": "open"},
                "service_type": {"constant": "individual"},
            },
        },
        {
            "feed": "administrations",
            "layout": "wide",
            "exclude": [
                {
                    "column": "redcap_repeat_instrument",
                    "words": [""],
                    "reason": "blank_parent_row",
                }
            ],
            "columns": {
                "client_id": {"from": "record_id"},
                "occasion": {"from": "redcap_repeat_instance"},
                "seen_by_therapist": {"from": "seen___1"},
            },
            "forms": [
                {
                    "instrument_code": "short_form",
                    "version": "1",
                    "language": "en",
                    "informant": informant,
                    "items": {n: f"{form}_{n}" for n in (1, 2, 3)},
                    "columns": {
                        "status": {
                            "from": f"{form}_complete",
                            "recode": {"0": "partial", "1": "partial", "2": "completed"},
                        },
                        "completed_on": {
                            "from": f"{form}_timestamp",
                            "date_format": "%Y-%m-%d %H:%M:%S",
                            "missing": ["[not completed]"],
                        },
                    },
                    "only": [
                        {
                            "column": "redcap_repeat_instrument",
                            "words": [form],
                            "reason": "other_instrument",
                        }
                    ],
                }
                for form, informant in (("sf", "client"), ("sf_t", "therapist"))
            ],
        },
    ],
}
_REDCAP_COLUMNS = (
    "record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance",
    "redcap_data_access_group", "opened", "why___1", "why____99", "intake_complete", "seen___1",
    "sf_timestamp", "sf_1", "sf_2", "sf_3", "sf_complete",
    "sf_t_timestamp", "sf_t_1", "sf_t_2", "sf_t_3", "sf_t_complete",
)  # fmt: skip
REDCAP_ROWS: tuple[dict[str, str], ...] = (
    {"record_id": "1", "redcap_event_name": "intake_arm_1", "why___1": "1\n",
     "redcap_data_access_group": "north_group", "opened": "2026-01-05", "intake_complete": "2"},
    {"record_id": "1", "redcap_event_name": "care_arm_1"},
    {"record_id": "1", "redcap_event_name": "care_arm_1", "redcap_repeat_instrument": "sf",
     "redcap_repeat_instance": "1", "sf_timestamp": "2026-02-03 10:15:00", "sf_1": "1",
     "sf_2": "2,0", "sf_3": "-99", "sf_complete": "2", "seen___1": "1"},
    {"record_id": "1", "redcap_event_name": "care_arm_1", "redcap_repeat_instrument": "sf_t",
     "redcap_repeat_instance": "1", "sf_t_timestamp": "[not completed]", "sf_t_1": "4",
     "sf_t_2": "NI", "sf_t_3": "", "sf_t_complete": "0"},
    {"record_id": "1", "redcap_event_name": "care_arm_1", "redcap_repeat_instrument": "sf",
     "redcap_repeat_instance": "2", "sf_complete": "0"},
    {"record_id": "2", "redcap_event_name": "intake_arm_1", "opened": "2026-01-06",
     "redcap_data_access_group": "south_group", "intake_complete": "2"},
)  # fmt: skip


def redcap(rows: Sequence[dict[str, str]] = REDCAP_ROWS) -> bytes:
    """An export of records as REDCap writes it, raw."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, _REDCAP_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()
