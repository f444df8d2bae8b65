"""A tolerated threshold is acted on: the check counts as passed, its rows are set aside anyway,
and from the day it ends on everything is as it was.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.ingest.outcome import Outcome
from tests.integration import small_group as group
from tests.unit.ingest import declarations

CHECK = "administrations.client_id.valid"
TOLERATED: list[dict[str, Any]] = [
    {"check": check, "share": 0.5, "noted_on": "2026-09-01", "until": "2026-10-01", "note": "test"}
    for check in (CHECK, "quarantine")
]


def _taken_in(home: Path, tolerated: list[dict[str, Any]], day: int) -> Outcome:
    """What becomes of five forms of which one has a client's name for an id."""
    file = {**declarations.WIDE_FILE, "tolerated": tolerated}
    practice = declarations.practice(file, declarations.EPISODES_FILE)
    night = group.night_in(home, group.registry(practice))
    night.now = datetime(2026, 10, day, 8, tzinfo=UTC)
    group.send(night, "brook", "forms_20260930.csv", group.FORMS.replace("P1;V2", "name;V2"))
    (outcome,) = group.run(night)[("brook", "administrations")]
    night.close()
    return outcome


@pytest.mark.parametrize(
    ("tolerated", "day", "status", "is_over"),
    [
        ([], 1, "failed", True),
        (TOLERATED, 1, "passed_with_failures", False),
        (TOLERATED, 2, "failed", True),
    ],
)
def test_a_tolerance_holds_until_its_day(
    tmp_path: Path, tolerated: list[dict[str, Any]], day: int, status: str, is_over: bool
) -> None:
    outcome = _taken_in(tmp_path / "home", tolerated, day)
    (verdict,) = [each for each in outcome.verdicts if each.check_id == CHECK]
    assert (verdict.status, verdict.threshold) == (status, 0.5 if status != "failed" else 0.0)
    assert outcome.is_over_tolerance is is_over
    assert outcome.n_quarantined == 1
