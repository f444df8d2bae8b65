"""The colours of both themes: every one that is named is there, and text can be read on paper."""

import re
from pathlib import Path

import pytest

DASHBOARDS = Path(__file__).parents[3] / "dashboards"
STYLE = (DASHBOARDS / "theme.css").read_text(encoding="utf-8")
PAIRS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"(--[a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", STYLE
    )
}
TEXT = ("--ink", "--muted", "--soft", "--above-text", "--below-text", "--reference", "--accent")
MARKS = ("--above", "--below", "--accent", "--muted")


def _luminance(colour: str) -> float:
    """Relative luminance of sRGB (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_worked_out_as_the_guidelines_do() -> None:
    assert _contrast("#ffffff", "#000000") == pytest.approx(21)
    assert _contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_every_colour_that_is_named_is_there_in_both_themes() -> None:
    named = set(re.findall(r"var\((--[a-z0-9-]+)\)", STYLE))
    for path in DASHBOARDS.glob("chart*.py"):
        named |= set(re.findall(r"var\((--[a-z0-9-]+)\)", path.read_text(encoding="utf-8")))
    assert len(named) > 10
    assert named == set(PAIRS)


def test_no_chart_has_a_colour_of_its_own() -> None:
    for path in DASHBOARDS.glob("chart*.py"):
        assert not re.findall(r"#[0-9a-fA-F]{6}", path.read_text(encoding="utf-8")), path.name


@pytest.mark.parametrize("theme", [0, 1])
def test_text_and_marks_stand_out_from_the_paper(theme: int) -> None:
    """WCAG 2.2: 4.5 for text, 3 for marks."""
    paper = PAIRS["--paper"][theme]
    for name in TEXT:
        assert _contrast(PAIRS[name][theme], paper) >= 4.5, name
    for name in MARKS:
        assert _contrast(PAIRS[name][theme], paper) >= 3, name
