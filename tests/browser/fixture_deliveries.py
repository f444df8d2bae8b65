"""A fortnight of deliveries in every state, around whatever moment a test reads them at."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")
"""The fixture group's."""

Row = dict[str, object]

REFUSED_MESSAGE = (
    "the file lacks the column opened; unknown: start. Send it with the contract's columns, or "
    "mend the contract"
)
HELD_MESSAGE = (
    "it has 120 rows, 45 % fewer than the median of the last ten; see whether it is whole"
)
ASIDE = 1_234

# Days before today -> what became of the file, by practice and file. Unnamed days are on time.
# "none" is a day on which nothing came: the reader's clock tells whether it is late or missing.
_PLAN: Mapping[tuple[str, str], Mapping[int, str]] = {
    ("birchwood", "sessions"): {3: "quarantined", 6: "late"},
    ("birchwood", "forms"): {3: "quarantined", 5: "refused"},
    ("harbour", "export"): {0: "held", 2: "duplicate", 4: "dead", 7: "paused"},
    # Four, so that at every hour one is missing (its second 03:00 has passed) and one is late.
    ("northgate", "export"): {0: "none", 1: "none", 2: "none", 3: "none"},
}
_FEEDS = {"sessions": "sessions", "forms": "administrations", "export": "sessions"}
_CAME = {"on_time": "loaded", "late": "loaded", "quarantined": "loaded"}


def delivered_around(now: datetime, n_days: int = 20) -> dict[str, Sequence[Row]]:
    """Rows of `expected_deliveries` and `deliveries`; deadlines at 03:00, a day of grace."""
    today = now.astimezone(ZONE).date()
    calendar: list[Row] = []
    ledger: list[Row] = []
    for (practice_id, file), plan in _PLAN.items():
        for before in range(n_days, -4, -1):
            due_on = today - timedelta(days=before)
            state = plan.get(before, "on_time") if before >= 0 else "none"
            deadline = datetime.combine(due_on + timedelta(days=1), time(3), ZONE)
            received = deadline + timedelta(hours=5 if state == "late" else -23)
            row: Row = {
                "practice_id": practice_id,
                "file": file,
                "feeds": _FEEDS[file],
                "due_on": due_on,
                "is_late": state == "late",
                "n_superseded": int(before == 6),
                "n_duplicates": int(state == "duplicate"),
            }
            if state == "paused":
                row["pause_note"] = "Bank holiday"
            else:
                row["expected_by_at"] = _naive(deadline)
                row["missing_after_at"] = _naive(deadline + timedelta(days=1))
            if state not in ("none", "paused"):
                row["state"] = state
            if state not in ("none", "paused", "duplicate"):
                row["received_at"] = _naive(received)
                row["n_quarantined"] = ASIDE if state == "quarantined" else 0
                attempt = _attempt(practice_id, file, state, received, len(ledger) + 1)
                ledger.append({**attempt, "exported_on": due_on, "delivery_scope": "append"})
            calendar.append(row)
    ledger.sort(key=lambda row: str(row["received_at"]))
    for number, row in enumerate(ledger, start=1):
        row["load_seq"] = number
    return {"expected_deliveries": calendar, "deliveries": ledger}


def _attempt(practice_id: str, file: str, state: str, received: datetime, number: int) -> Row:
    is_loaded = state in _CAME
    n_aside = ASIDE if state == "quarantined" else 0
    return {
        "practice_id": practice_id,
        "feed": _FEEDS[file],
        "delivery_id": f"{practice_id}.{_FEEDS[file]}.{number:06d}",
        "file": file,
        "file_name": f"{file}_{received:%Y%m%d}.csv",
        "state": _CAME.get(state, state),
        "received_at": _naive(received),
        "n_file_rows": None if state == "dead" else 5000,
        "n_rows_read": 5000 if is_loaded else 0,
        "n_accepted": 5000 - n_aside if is_loaded else 0,
        "n_quarantined": n_aside,
        "n_excluded": 0,
        "is_over_tolerance": state == "quarantined",
        "reason": {"refused": "wrong_columns", "held": "shrunken"}.get(state),
        "message": {"refused": REFUSED_MESSAGE, "held": HELD_MESSAGE}.get(state),
    }


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
