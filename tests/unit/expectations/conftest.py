"""The suites are built once: importing Great Expectations takes seconds."""

from typing import Any

import pytest

from expectations.suites import feed_suite, form_suite
from tests.unit.expectations.frames import RECEIVED, REGISTRY, SITES, SRS, WAI


@pytest.fixture(scope="session")
def suites() -> dict[str, Any]:
    feeds = REGISTRY.feeds
    return {
        "episodes": feed_suite(feeds["episodes"], SITES, RECEIVED),
        "sessions": feed_suite(feeds["sessions"], SITES, RECEIVED),
        "process_ratings": feed_suite(feeds["process_ratings"], SITES, RECEIVED),
        "administrations": form_suite(feeds["administrations"], WAI, SITES, RECEIVED),
        "srs": form_suite(feeds["administrations"], SRS, SITES, RECEIVED),
    }
