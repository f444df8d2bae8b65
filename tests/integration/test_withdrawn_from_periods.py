"""A file speaks for its days whether a client of it withdrew before it came or after."""

from pathlib import Path

import pytest

from tests.faults import history_nights as nights
from tests.faults.sent_files import PRACTICE, File, Session, client_of

# The newer file holds the days 1 to 5; the older one's session on day 3 is not among them.
OLDER = File("sessions", 1, {3: Session(3, True)})
NEWER = File("sessions", 2, {1: Session(1, True), 2: Session(5, True)})


@pytest.mark.parametrize("is_withdrawn_first", [True, False])
def test_a_period_holds_the_days_of_those_who_withdrew(
    tmp_path: Path, is_withdrawn_first: bool
) -> None:
    home = nights.made_home(tmp_path / "parsed", tmp_path / "home")
    for file in (OLDER, NEWER):
        (home / "landing" / PRACTICE / file.name).write_text(file.content)
    if is_withdrawn_first:
        nights.withdrawn(home, client_of(2))
    nights.take_in(home)
    if not is_withdrawn_first:
        nights.withdrawn(home, client_of(2))
    with nights.opened(home) as ask:
        assert ask(
            "select period_from_on::varchar, period_to_on::varchar, n_accepted "
            "from raw.deliveries where feed = 'sessions' order by exported_on desc limit 1"
        ) == [("2026-02-01", "2026-02-05", 1 if is_withdrawn_first else 2)]
        assert ask(nights.STANDING["sessions"]) == [("2026-02-01", "attended")]
