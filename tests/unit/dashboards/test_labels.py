"""Plain words for codes, unknown ones included."""

from datetime import UTC, date, datetime

import pytest

from dashboards import labels


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("12m-2026-09", "12 months to September 2026"),
        ("2026-Q2", "April to June 2026"),
        ("2026-06", "June 2026"),
        ("2025", "Year 2025"),
        ("all", "All dates"),
        ("2026-99", "2026-99"),
        ("fortnight", "fortnight"),
    ],
)
def test_a_period_is_read_aloud(code: str, words: str) -> None:
    assert labels.period(code) == words


def test_periods_stand_newest_first_within_their_kind() -> None:
    ordered = ["12m-2026-10", "12m-2026-09", "2025", "2026-Q3", "2025-Q4", "2026-10", "all", "odd"]
    assert sorted(sorted(ordered), key=labels.period_order) == ordered


def test_each_period_has_a_kind() -> None:
    codes = ["12m-2026-10", "2025", "2026-Q3", "2026-10", "all", "odd"]
    kinds = [labels.period_kind(code) for code in codes]
    assert kinds == ["12 months", "Year", "Quarter", "Month", "All dates", "Other"]
    assert [labels.period_kind_order(kind) for kind in kinds] == [0, 1, 2, 3, 4, 5]


def test_stages_stand_in_the_order_of_treatment() -> None:
    ordered = ["all", "opening", "developing", "maintaining", "ending", "after"]
    assert sorted(sorted(ordered), key=labels.stage_order) == ordered


def test_language_and_way_are_told_apart_even_where_they_are_missing() -> None:
    pairs = [("en", "tablet"), ("en-GB", "paper"), ("not_recorded", None), (None, "not_recorded")]
    words = [labels.language_and_mode(pair) for pair in pairs]
    assert words[:2] == ["English, on a tablet", "English (GB), on paper"]
    assert len(set(words)) == len(pairs)
    assert labels.language_and_mode(("xx", "carrier_pigeon")) == "xx, carrier pigeon"


def test_a_moment_is_on_the_groups_clock() -> None:
    instant = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert labels.moment(instant, "Europe/Berlin") == "2 July 2026, 00:30 (Europe/Berlin)"
    assert labels.moment(instant, "Nowhere/At_all") == "1 July 2026, 22:30 (UTC)"
    assert labels.day(date(2026, 2, 28)) == "28 February 2026"


def test_numbers_have_a_true_minus_and_a_dash_for_nothing() -> None:
    assert labels.number(-0.25, 1) == "−0.2"
    assert labels.number(1234, 0) == "1,234"
    assert labels.number(None, 1) == "–"
    assert labels.percent(0.456) == "46 %"
    assert labels.percent(None) == "–"


@pytest.mark.parametrize("code", ["within", "above_95", "below_95", "above_998", "below_998", None])
def test_every_flag_has_words_of_its_own(code: str | None) -> None:
    words = labels.flag(code)
    assert "_" not in words
    assert words != (code or "").capitalize()
