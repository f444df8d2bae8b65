"""What the ledger's last word means for a file that lies in landing."""

import pytest

from orchestration.ingest.ledger import Disposition, Entry, disposition


def _entry(state: str, digest: str = "rules", attempts: int = 1) -> Entry:
    return Entry(state, None, None, digest, attempts)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (None, "new"),
        (_entry("loaded"), "already_loaded"),
        (_entry("loaded", "older rules"), "already_loaded"),
        (_entry("refused"), "waiting"),
        (_entry("refused", "older rules"), "new"),
        (_entry("dead"), "new"),
        (_entry("dead", attempts=2), "new"),
        (_entry("dead", attempts=3), "waiting"),
        (_entry("dead", "older rules", 3), "new"),
    ],
)
def test_disposition(entry: Entry | None, expected: Disposition) -> None:
    assert disposition(entry, "rules", attempts=3) == expected
