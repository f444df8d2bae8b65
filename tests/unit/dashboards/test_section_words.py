"""What the page says around its charts is as plain as its sentences are."""

import pytest

from dashboards.sections import group, reading, site
from tests.unit.dashboards.plain_words import HIGHEST_GRADE
from tests.unit.dashboards.reading_grade import reading_grade


@pytest.mark.parametrize(
    "text",
    [
        group.CAPTION,
        group.CODED,
        group.CATERPILLAR,
        group.SEE_TABLE,
        site.CHOOSE,
        reading.HOW.replace("- ", "").replace("\n", " "),
    ],
)
def test_captions_are_plain(text: str) -> None:
    assert reading_grade(text) <= HIGHEST_GRADE
    assert "rank" not in text.lower()
