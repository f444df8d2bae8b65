"""Where a gap comes from, in words: every part with its sign and size, in every state."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dashboards.release import Gap, Instrument
from dashboards.sentences_gap import NO_CAUSE, gap_sentence
from tests.unit.dashboards.plain_words import check_plain
from tests.unit.dashboards.rows import ALLIANCE, SYMPTOMS

GAP = Gap(
    practice_id="harbour",
    site_id="mill_road",
    gap=-1.2,
    gap_case_mix=-0.5,
    gap_response=0.1,
    gap_therapists=-0.2,
    gap_rest=-0.6,
    outcome_instrument_code="phq_9",
    outcome_of_gap=-0.05,
    outcome_lower95=-0.09,
    outcome_upper95=-0.02,
    null_reason=None,
)
SD = "One SD is the usual spread between clients."
NOT_CAUSE = "This describes what goes together. It does not show a cause."

GOLDEN = {
    "all parts known": (
        GAP,
        "At Mill Road, the raw mean is 1.2 points below the group's. "
        "Who comes there takes off 0.5 points. Who was asked and answered adds 0.1 points. "
        "A few therapists take off 0.2 points. All the rest, with chance, takes off 0.6 points. "
        "In this group, clients with a score that much lower have had worse outcomes on the "
        f"symptom form, by 0.05 SD (0.02 to 0.09). {SD} {NOT_CAUSE}",
    ),
    "parts not known, the interval on both sides of nothing": (
        replace(
            GAP,
            gap=0.8,
            gap_case_mix=0.0,
            gap_response=None,
            gap_therapists=None,
            gap_rest=0.8,
            outcome_of_gap=0.03,
            outcome_lower95=-0.02,
            outcome_upper95=0.08,
        ),
        "At Mill Road, the raw mean is 0.8 points above the group's. "
        "Who comes there adds nothing. All the rest, with chance, adds 0.8 points. "
        "We do not know the part of who was asked and answered. "
        "We do not give the part of a few therapists: it is not known, or it could point at one "
        "of them. Both are still in the rest. "
        "In this group, clients with a score that much higher have had outcomes on the symptom "
        f"form from 0.02 SD worse to 0.08 SD better. "
        "So we cannot tell whether such a gap has meant anything for outcome. "
        f"{SD} {NOT_CAUSE}",
    ),
    "nothing known of outcome": (
        replace(GAP, outcome_of_gap=None, outcome_lower95=None, outcome_upper95=None),
        "At Mill Road, the raw mean is 1.2 points below the group's. "
        "Who comes there takes off 0.5 points. Who was asked and answered adds 0.1 points. "
        "A few therapists take off 0.2 points. All the rest, with chance, takes off 0.6 points. "
        f"What such a gap has meant for outcome is not known in this group. {NOT_CAUSE}",
    ),
    "level": (
        replace(GAP, gap=0.02, gap_case_mix=-0.5, gap_rest=0.62),
        "At Mill Road, the raw mean is level with the group's mean. "
        "Who comes there takes off 0.5 points. Who was asked and answered adds 0.1 points. "
        "A few therapists take off 0.2 points. All the rest, with chance, adds 0.6 points. "
        f"{NOT_CAUSE}",
    ),
    "cannot be taken apart": (
        replace(GAP, gap=None, null_reason="covariate_not_identifiable"),
        "At Mill Road, we cannot say what the gap to the group is made of. "
        "As far as we know, all its clients are alike in something we allow for.",
    ),
    "no row": (None, "At Mill Road, the gap to the group is not taken apart in this view."),
}


@pytest.mark.parametrize("state", GOLDEN)
def test_the_sentence_of_a_gap_word_by_word(state: str) -> None:
    gap, text = GOLDEN[state]
    assert gap_sentence(gap, ALLIANCE, "Mill Road", "the symptom form") == text
    check_plain(text)


PARTS = {
    "gap_case_mix": "Who comes there",
    "gap_response": "Who was asked and answered",
    "gap_therapists": "A few therapists",
    "gap_rest": "All the rest, with chance,",
}
SIZES = (None, 0.0, 0.04, 0.31, -1.26)
OUTCOMES = (
    (None, None, None),
    (0.05, None, None),
    (0.05, 0.01, 0.09),
    (-0.05, -0.09, -0.01),
    (0.03, -0.02, 0.08),
    (-0.03, -0.08, 0.02),
    (0.0, 0.0, 0.0),
)


def _states() -> Iterator[tuple[Gap, Instrument]]:
    turn = itertools.count()
    for parts in itertools.product(SIZES, repeat=4):
        n = next(turn)
        value, lower, upper = OUTCOMES[n % len(OUTCOMES)]
        gap = replace(
            GAP,
            gap=sum(part or 0.0 for part in parts),
            **dict(zip(PARTS, parts, strict=True)),  # type: ignore[arg-type]
            outcome_of_gap=value,
            outcome_lower95=lower,
            outcome_upper95=upper,
        )
        yield gap, (ALLIANCE, SYMPTOMS)[n % 2]


def _decimals(instrument: Instrument, value: float) -> str:
    return f"{abs(value):.{instrument.decimals}f}"


def test_every_part_has_its_sign_and_size_or_is_said_to_be_unknown() -> None:
    for gap, instrument in _states():
        text = gap_sentence(gap, instrument)
        check_plain(text)
        assert NO_CAUSE in text
        for column, subject in PARTS.items():
            value = getattr(gap, column)
            ending = "" if column == "gap_therapists" else "s"
            found = re.search(rf"{subject} (adds? nothing|(adds?|takes? off) \d+\.\d+)[ .]", text)
            if value is None:
                assert found is None, text
                continue
            assert found is not None, text
            size = _decimals(instrument, value)
            if float(size) == 0:
                assert found[1] == f"add{ending} nothing"
            else:
                verb = f"add{ending}" if value > 0 else f"take{ending} off"
                assert found[1] == f"{verb} {size}", text
        assert ("who was asked and answered." in text) == (gap.gap_response is None)
        assert ("could point at one of them" in text) == (gap.gap_therapists is None)


def test_the_gap_lies_where_its_number_says() -> None:
    for gap, instrument in _states():
        text = gap_sentence(gap, instrument)
        assert gap.gap is not None
        size = _decimals(instrument, gap.gap)
        if float(size) == 0:
            assert "level with the group's mean" in text
            assert "above" not in text
            assert "below" not in text
            continue
        side, other = ("above", "below") if gap.gap > 0 else ("below", "above")
        assert f"is {size} points {side} the group's." in text
        assert other not in text
        assert ("a lower score is better" in text) == (instrument is SYMPTOMS)


def test_what_a_gap_has_meant_is_said_as_surely_as_it_is_known() -> None:
    seen = set()
    for gap, instrument in _states():
        assert gap.gap is not None
        if float(_decimals(instrument, gap.gap)) == 0:
            continue
        text = gap_sentence(gap, instrument)
        value, lower, upper = gap.outcome_of_gap, gap.outcome_lower95, gap.outcome_upper95
        way = "higher" if gap.gap > 0 else "lower"
        if value is None:
            expected = "is not known in this group"
        elif lower is None or upper is None:
            expected = "is not known well enough to tell"
        elif lower <= 0 <= upper:
            is_nothing = value == lower == upper == 0
            expected = "So we cannot tell whether such a gap has meant anything"
            if is_nothing:
                expected = "that differ by less than 0.01 SD."
            assert f"a score that much {way} " in text
        else:
            turn = "better" if value > 0 else "worse"
            expected = f"a score that much {way} have had {turn} outcomes, by 0.05"
            assert "(0.01 to 0.09)" in text
        assert expected in text
        seen.add(expected)
    assert len(seen) == 8


def test_parts_that_do_not_add_up_for_rounding_are_said_to_be_rounded() -> None:
    off = replace(GAP, gap=0.1, gap_case_mix=0.04, gap_response=0.0, gap_therapists=0.02)
    off = replace(off, gap_rest=0.04)
    assert "These figures are rounded." in gap_sentence(off, ALLIANCE)
    assert "rounded" not in gap_sentence(GAP, ALLIANCE)


@pytest.mark.parametrize(
    "reason", ["covariate_not_identifiable", "no_case_mix_model", "moon", None]
)
def test_a_gap_without_parts_has_its_reason(reason: str | None) -> None:
    text = gap_sentence(replace(GAP, gap=None, null_reason=reason), ALLIANCE)
    check_plain(text)
    assert not re.search(r"\d", text)
    assert text.startswith("Here, we cannot say what the gap to the group is made of. ")
