"""Every state that a site's row and its adjustment can have, and what its sentence must then say.

The states are a product of flags, reasons, adjustments, intervals and directions. What must be said
is worked out here from the numbers alone.
"""

import itertools
import re
from dataclasses import dataclass, replace
from functools import cache

from dashboards import sentences, sentences_reasons
from dashboards.release import Adjustment, Instrument, SiteResult
from orchestration.benchmarking.comparability import REASONS
from tests.unit.dashboards.plain_words import check_plain
from tests.unit.dashboards.rows import (
    ADJUSTED,
    ALLIANCE,
    NO_NUMBERS,
    SYMPTOMS,
    row,
    suppressed,
)

# Values that lie where the flag says, in the limits of rows.WITHIN and of rows.ADJUSTED.
RAW = {None: 35.2, "within": 35.2, "above_95": 36.9, "above_998": 37.9}
RAW |= {"below_95": 34.0, "below_998": 33.0}
OF_ADJUSTED = {None: 35.0, "within": 35.0, "above_95": 36.7, "above_998": 37.6}
OF_ADJUSTED |= {"below_95": 33.9, "below_998": 32.8}

NOT_IDENTIFIABLE = "covariate_not_identifiable"
NOTHING_ADJUSTED = {
    # null_reason, not_identifiable: what the sentence says
    (NOT_IDENTIFIABLE, "delivery_mode"): "alike in something we allow for (way of meeting).",
    (NOT_IDENTIFIABLE, "age_band,service_type"): "(age group and kind of treatment).",
    (NOT_IDENTIFIABLE, "moon_phase"): "(“moon phase”).",
    (NOT_IDENTIFIABLE, None): "alike in something we allow for.",
    ("no_case_mix_model", None): "The data of the group do not tell us how much to allow for.",
    ("moon_phase", None): "The reason is “moon phase”.",
}
ADJUSTMENTS: list[Adjustment | None] = [
    None,
    *(
        replace(ADJUSTED, adjusted=None, flag=None, null_reason=why, not_identifiable=which)
        for why, which in NOTHING_ADJUSTED
    ),
    *(replace(ADJUSTED, adjusted=value, flag=flag) for flag, value in OF_ADJUSTED.items()),
]
COMPARABILITY = [None, *REASONS, NOT_IDENTIFIABLE, "response_rate_low, dates_by_year", "moon_phase"]
COMPARABILITY.append(",".join([*REASONS, NOT_IDENTIFIABLE]))
# Group's means of rows: 35.4 raw, 35.3 adjusted. Shrunken value, its interval, reliability, wide?
Interval = tuple[float | None, float | None, float | None, float | None, bool]
INTERVALS: list[Interval] = [
    (None, None, None, None, False),
    (35.3, 34.8, 35.9, 0.58, False),
    (35.3, 34.8, 35.9, 0.31, True),
    (36.2, 35.7, 36.9, 0.31, False),
    (34.6, 34.1, 35.2, 0.31, False),
    (36.2, 35.7, 36.9, 0.86, False),
    (35.3, 34.8, 35.9, None, False),
]
BESIDE = [(None, None), (0.72, 0.24), (0.34, 0.61), (0.0, 1.0)]
CLIENTS = [212, 1, None]
# Of raw mean, share at the best score, margin; taking turns.
BOUNDS = [
    (None, None, None),
    ("at_least", None, None),
    ("at_most", "at_least", "at_most"),
    ("any", "at_most", None),
    (None, "any", "at_most"),
]
IN_WORDS = {None: "", "at_most": " or less", "at_least": " or more", "any": " or any other"}
PERIODS = [None, "2026-09", "2026-Q3", "2026", "12m-2026-09", "all"]


@dataclass(frozen=True)
class State:
    """What a sentence is made of, whether its interval is wide, and the sentence."""

    row: SiteResult
    instrument: Instrument
    adjustment: Adjustment | None
    period: str | None
    is_wide: bool
    text: str


@cache
def _states() -> tuple[State, ...]:
    """Flags x adjustments x directions in full, with every interval and with every reason.

    What stands beside them takes turns.
    """
    cases = [
        *itertools.product(RAW, ADJUSTMENTS, (ALLIANCE, SYMPTOMS), [None], INTERVALS),
        *itertools.product(RAW, ADJUSTMENTS, (ALLIANCE, SYMPTOMS), COMPARABILITY, [None]),
    ]
    return tuple(_state(n, *case) for n, case in enumerate(cases))


def _state(
    n: int,
    flag: str | None,
    adjustment: Adjustment | None,
    instrument: Instrument,
    comparability: str | None,
    interval: Interval | None,
) -> State:
    guess, lower, upper, reliability, is_wide = interval or INTERVALS[n % len(INTERVALS)]
    response_rate, ceiling_share = BESIDE[n % len(BESIDE)]
    limits = {} if flag else dict.fromkeys(("lower95", "upper95", "lower998", "upper998"))
    result = row(
        raw=RAW[flag],
        flag=flag,
        comparability=comparability,
        n_clients=CLIENTS[n % len(CLIENTS)],
        response_rate=response_rate,
        ceiling_share=ceiling_share,
        shrunken=guess,
        shrunken_lower95=lower,
        shrunken_upper95=upper,
        reliability=reliability,
        **limits,
    )
    if adjustment is not None:
        adjustment = replace(
            adjustment, shrunken=guess, shrunken_lower95=lower, shrunken_upper95=upper
        )
    of_raw, of_share, of_margin = BOUNDS[n % len(BOUNDS)]
    result = replace(
        result,
        raw_bound=of_raw,
        ceiling_share_bound=of_share,
        standard_error_bound=of_margin,
    )
    period = PERIODS[n % len(PERIODS)]
    text = sentences.site_sentence(result, instrument, adjustment, period)
    return State(result, instrument, adjustment, period, is_wide, text)


def test_the_words_are_plain_in_every_state() -> None:
    texts = {state.text for state in _states()}
    assert len(texts) > 2000
    for text in texts:
        check_plain(text)


def test_a_share_that_stands_for_more_or_less_says_so_in_every_state() -> None:
    for state in _states():
        share, bound = state.row.ceiling_share, state.row.ceiling_share_bound
        if share is not None:
            told = f"{100 * share:.0f} %{IN_WORDS[bound]} of its forms have the best score"
            assert told in state.text


def test_raw_and_adjusted_stand_together_in_every_state() -> None:
    for state in _states():
        text, clients = state.text, _clients(state.row)
        about = "about " if state.row.raw_bound else ""
        mean = f"{about}{state.row.raw} points{IN_WORDS[state.row.raw_bound]}"
        margin = f"1.0{IN_WORDS[state.row.standard_error_bound]}"
        assert f"raw mean score{clients} is {mean}, give or take {margin}." in text
        adjusted = None if state.adjustment is None else state.adjustment.adjusted
        if adjusted is not None:
            assert f"Adjusted for who comes there, it is {adjusted} points," in text
            assert "does not allow" not in text
        else:
            assert text.count("The raw mean does not allow for who comes there. ") == 1
            assert "djusted mean" not in text.replace("holds no adjusted mean", "")
            assert _why_nothing_adjusted(state.row, state.adjustment, state.period) in text


def _clients(result: SiteResult) -> str:
    return {None: "", 1: " for 1 client"}.get(result.n_clients, f" for {result.n_clients} clients")


def _why_nothing_adjusted(
    result: SiteResult, adjustment: Adjustment | None, period: str | None
) -> str:
    if adjustment is not None:
        return NOTHING_ADJUSTED[(adjustment.null_reason or "", adjustment.not_identifiable)]
    if NOT_IDENTIFIABLE in result.reasons:
        return NOTHING_ADJUSTED[(NOT_IDENTIFIABLE, None)]
    is_short = period in ("2026-09", "2026-Q3")
    return "a year or longer only." if is_short else "This release holds no adjusted mean"


_PLACED = re.compile(
    r"(?P<which>This|The raw mean|The adjusted mean) (is|lies) "
    r"(?P<place>within|above|below)( even)? the (wide )?range[^(.]*"
    r"\((?P<low>[\d.]+) to (?P<high>[\d.]+)\)"
)
_PLACED_TOGETHER = re.compile(
    r"Both lie (?P<place>within|above|below)( even)? the (wide )?range[^(.]*"
    r"\(raw (?P<low>[\d.]+) to (?P<high>[\d.]+); "
    r"adjusted (?P<adjusted_low>[\d.]+) to (?P<adjusted_high>[\d.]+)\)"
)


def _place(value: float, low: str, high: str) -> str:
    return "above" if value > float(high) else "below" if value < float(low) else "within"


def test_above_and_below_agree_with_the_numbers_beside_them() -> None:
    n_placed = n_together = 0
    for state in _states():
        text = state.text
        adjusted = state.adjustment.adjusted if state.adjustment is not None else None
        assert state.row.raw is not None
        said = set()
        for found in _PLACED.finditer(text):
            n_placed += 1
            is_adjusted = "adjusted" in found["which"]
            value = adjusted if is_adjusted else state.row.raw
            assert value is not None
            assert found["place"] == _place(value, found["low"], found["high"]), text
            said.add(found["place"])
        for found in _PLACED_TOGETHER.finditer(text):
            n_together += 1
            assert adjusted is not None
            assert found["place"] == _place(state.row.raw, found["low"], found["high"]), text
            assert found["place"] == _place(
                adjusted, found["adjusted_low"], found["adjusted_high"]
            ), text
            said.add(found["place"])
        flags = _judged_flags(state.row, state.adjustment)
        assert said == {flag.split("_")[0] for flag in flags}, text
        outside = said - {"within"}
        assert {side for side in ("above", "below") if side in text} == outside, text
        assert ("a lower score is better" in text) == (
            bool(outside) and state.instrument is SYMPTOMS
        )
        assert ("1 site in 20" in text or "2 sites in 1,000" in text) <= bool(outside)
    assert n_placed > 500
    assert n_together > 200


def _judged_flags(result: SiteResult, adjustment: Adjustment | None) -> set[str]:
    """Flags that may be spoken of: none at all where a reason keeps the raw one back."""
    is_adjusted = adjustment is not None and adjustment.adjusted is not None
    against = set(result.reasons) - (set() if is_adjusted else {NOT_IDENTIFIABLE})
    if result.flag is None and against:
        return set()
    of_adjusted = adjustment.flag if adjustment is not None and is_adjusted else None
    return {flag for flag in (result.flag, of_adjusted) if flag is not None}


def test_readings_that_disagree_are_said_to() -> None:
    for state in _states():
        raw = state.row.flag
        adjusted = None if state.adjustment is None else state.adjustment.flag
        differ = raw is not None and adjusted is not None and raw != adjusted
        is_said = "The two do not agree" in state.text or "not on how far" in state.text
        assert is_said == differ, state.text
        assert ("no longer stands out" in state.text) == (differ and adjusted == "within")
        assert ("stands out only once" in state.text) == (differ and raw == "within")


def test_every_reason_is_named_in_every_state() -> None:
    for state in _states():
        text = state.text
        for code in state.row.reasons:
            [words] = sentences_reasons.reasons(replace(state.row, comparability=code))
            assert words[1:] in text or (code == NOT_IDENTIFIABLE and "does not allow" in text), (
                text
            )
        assert ("We do not flag it" in text or "no flag" in text) == (
            not _judged_flags(state.row, state.adjustment)
        ), text


def test_a_wide_interval_is_said_and_its_reliability_is_in_words() -> None:
    words = {0.31: "more chance than real", 0.58: "more real than chance", 0.86: "mostly real"}
    in_text = {
        "more chance than real": "more of what sets sites apart is chance than real",
        "more real than chance": "more of what sets sites apart is real than chance",
        "mostly real": "most of what sets sites apart is real",
    }
    for state in _states():
        text = state.text
        assert ("cannot tell much about this site yet" in text) == state.is_wide, text
        assert ("our best guess" in text) == (
            state.row.shrunken is not None and not state.is_wide
        ), text
        expected = words.get(state.row.reliability or 0.0)
        assert {name for name, said in in_text.items() if said in text} == (
            {expected} if expected else set()
        ), text
        if state.row.shrunken is not None:
            assert f"{state.row.shrunken_lower95} to {state.row.shrunken_upper95}" in text


def test_a_low_return_and_a_high_ceiling_are_said() -> None:
    for state in _states():
        text = state.text
        rate, ceiling = state.row.response_rate, state.row.ceiling_share
        assert ("of the forms due came back" in text) >= (rate is not None)
        assert ("what the others would say" in text) == (rate is not None and rate < 0.5)
        assert ("the best score there is" in text) == (ceiling is not None)
        assert ("little room" in text) == (ceiling is not None and ceiling >= 0.5)


def test_a_suppressed_site_gives_no_number_and_no_hint_of_the_rule() -> None:
    texts = {
        sentences.site_sentence(
            replace(suppressed(), suppression_reason=reason, comparability=comparability),
            instrument,
            adjustment,
            period,
        )
        for reason, comparability, instrument, adjustment, period in itertools.product(
            ("too_few", "complementary", None),
            (None, "too_few_clients"),
            (ALLIANCE, SYMPTOMS),
            ADJUSTMENTS,
            PERIODS,
        )
    }
    assert len(texts) == 1
    [text] = texts
    check_plain(text)
    assert not re.search(r"\d|few|therapist|client|rule|other site", text)


def test_a_site_without_a_mean_is_said_to_have_none() -> None:
    for adjustment in ADJUSTMENTS:
        text = sentences.site_sentence(row(**NO_NUMBERS), ALLIANCE, adjustment)
        assert text == "There is no mean score for Mill Road in this view."


def test_much_that_is_missing_is_said_of_an_adjusted_mean_alone() -> None:
    for share, is_said in ((None, False), (0.0, False), (0.15, False), (0.2, True), (0.5, True)):
        missing = replace(ADJUSTED, largest_share_missing=share)
        text = sentences.site_sentence(row(), ALLIANCE, missing)
        check_plain(text)
        assert ("what we adjust for is not all known" in text) == is_said
        unadjusted = replace(missing, adjusted=None, flag=None, null_reason="no_case_mix_model")
        assert "what we adjust for" not in sentences.site_sentence(row(), ALLIANCE, unadjusted)
