"""The waterfall of a gap: its bars begin where the one before ends, and end at the whole gap."""

from dataclasses import replace

import pytest

from dashboards import charts_gap as charts
from dashboards.release import Gap
from tests.unit.dashboards.rows import ALLIANCE
from tests.unit.dashboards.specs import field, layers, loads_nothing, rows_of, spec_of

GAP = Gap(
    practice_id="harbour",
    site_id="mill_road",
    gap=1.2,
    gap_case_mix=0.7,
    gap_response=-0.3,
    gap_therapists=0.5,
    gap_rest=0.3,
    outcome_instrument_code="phq_9",
    outcome_of_gap=0.07,
    outcome_lower95=0.02,
    outcome_upper95=0.12,
    null_reason=None,
)


def test_each_bar_begins_where_the_one_before_ends() -> None:
    frame = charts.gap_frame(GAP, ALLIANCE)
    assert frame["part"].tolist() == [
        "Case mix",
        "Who answered",
        "A few therapists",
        "The rest",
        "Whole gap",
    ]
    # 0.7, then 0.7 - 0.3 = 0.4, then 0.4 + 0.5 = 0.9, then 0.9 + 0.3 = 1.2: the whole gap.
    assert frame["start"].tolist() == pytest.approx([0.0, 0.7, 0.4, 0.9, 0.0])
    assert frame["end"].tolist() == pytest.approx([0.7, 0.4, 0.9, 1.2, 1.2])
    assert frame["text"].tolist() == ["+0.7 ▲", "−0.3 ▼", "+0.5 ▲", "+0.3 ▲", "+1.2 ▲"]


def test_an_unknown_part_has_words_and_moves_nothing() -> None:
    gap = replace(GAP, gap_therapists=None, gap_rest=0.8)
    frame = charts.gap_frame(gap, ALLIANCE)
    assert frame["text"][2] == "not known"
    assert frame["start"].tolist() == pytest.approx([0.0, 0.7, 0.4, 0.4, 0.0])
    assert frame["end"].tolist() == pytest.approx([0.7, 0.4, 0.4, 1.2, 1.2])


def test_a_part_that_rounds_to_nothing_has_no_direction() -> None:
    frame = charts.gap_frame(replace(GAP, gap_case_mix=-0.04), ALLIANCE)
    assert frame["text"][0] == "0.0"
    assert frame["direction"][0] == "none"


def test_bars_and_their_words_stand_where_the_numbers_put_them() -> None:
    frame = charts.gap_frame(GAP, ALLIANCE)
    spec = spec_of(charts.gap_chart(frame))
    [bars] = layers(spec, "bar")
    assert (field(bars, "x"), field(bars, "x2"), field(bars, "y")) == ("start", "end", "part")
    drawn = [(row["part"], row["start"], row["end"]) for row in rows_of(spec, bars)]
    assert drawn == list(zip(frame["part"], frame["start"], frame["end"], strict=True))
    assert bars["encoding"]["y"]["sort"] == frame["part"].tolist()
    sides = {layer["mark"]["align"]: rows_of(spec, layer) for layer in layers(spec, "text")}
    assert [row["text"] for row in sides["right"]] == ["−0.3 ▼"], "left of the bar's end"
    assert len(sides["left"]) == 4
    low, high = bars["encoding"]["x"]["scale"]["domain"]
    assert low < 0.0
    assert high > 1.2
    assert loads_nothing(spec)


def test_a_line_leads_from_each_bar_to_the_next() -> None:
    spec = spec_of(charts.gap_chart(charts.gap_frame(GAP, ALLIANCE)))
    [steps] = layers(spec, "rule", lambda layer: field(layer, "y2") is not None)
    assert [(row["part"], row["next_part"]) for row in rows_of(spec, steps)] == [
        ("Case mix", "Who answered"),
        ("Who answered", "A few therapists"),
        ("A few therapists", "The rest"),
        ("The rest", "Whole gap"),
    ]


def test_without_parts_there_is_no_chart() -> None:
    empty = replace(GAP, gap=None, null_reason="covariate_not_identifiable")
    frame = charts.gap_frame(empty, ALLIANCE)
    assert frame.empty
    with pytest.raises(ValueError, match="no waterfall"):
        charts.gap_chart(frame)


def test_the_description_holds_every_number() -> None:
    said = charts.gap_description(charts.gap_frame(GAP, ALLIANCE), "Mill Road")
    assert "Mill Road" in said
    assert "Who answered: −0.3 ▼" in said
    assert "Whole gap: +1.2 ▲" in said
