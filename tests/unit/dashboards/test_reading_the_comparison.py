"""The page of words is as plain as the sentences it explains, and has those that they use."""

import re
from pathlib import Path

import pytest

from tests.unit.dashboards.plain_words import HIGHEST_GRADE
from tests.unit.dashboards.reading_grade import reading_grade


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "reading_the_comparison.md").read_text(encoding="utf-8")


def test_every_paragraph_is_plain(page: str) -> None:
    paragraphs = re.split(r"\n\n|\n(?=- )", re.sub(r"^#.*$", "", page, flags=re.MULTILINE))
    graded = [text for each in paragraphs if len((text := " ".join(each.split())).split()) > 5]
    assert len(graded) > 40
    for text in graded:
        assert reading_grade(text) <= HIGHEST_GRADE, f"{reading_grade(text):.1f}: {text}"


@pytest.mark.parametrize(
    "word",
    [
        "Raw mean",
        "Give or take",
        "Adjusted mean",
        "shrunken",
        "Reliability",
        "Expected range",
        "Over-dispersion",
        "Not comparable",
        "Not shown",
        "Deciles",
        "Reference",
    ],
)
def test_every_word_is_explained(page: str, word: str) -> None:
    assert re.search(rf"\*\*[^*]*{word}[^*]*\*\*", page)
