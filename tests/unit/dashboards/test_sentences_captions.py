"""Captions of deciles, references and models, and what an empty place says."""

import itertools
import re
from dataclasses import replace
from datetime import date

import pytest

from dashboards import sentences_captions
from dashboards.release import Deciles, ReferenceBand
from dashboards.sentences_captions import band_caption, deciles_caption, model_caption
from tests.unit.dashboards.plain_words import check_plain
from tests.unit.dashboards.rows import ALLIANCE

AUGUST = Deciles("2026-08", date(2026, 8, 1), 14, *(33.9 + 0.3 * step for step in range(9)))
SEPTEMBER = replace(AUGUST, period="2026-09", period_on=date(2026, 9, 1), n_sites=13, p50=35.4)
OWN = ReferenceBand(
    source="this network",
    band="this network's forms through 2026-02-28",
    frozen_on=date(2026, 3, 1),
    n=320,
    mean=None,
    sd=None,
    p10=30.0,
    p25=32.0,
    p50=35.0,
    p75=37.0,
    p90=39.0,
)
PUBLISHED = ReferenceBand("Smith 2010", "adults", None, 412, 34.2, 4.1, *[None] * 5)
MODEL = {
    "n_clients": 3200,
    "n_sites": 14,
    "r2_within": 0.12,
    "r2_between": 0.3,
    "calibration_slope": 0.97,
    "calibration_lower95": 0.7,
    "calibration_upper95": 1.2,
    "null_reason": None,
}


def test_deciles_are_told_of_the_newest_period() -> None:
    text = deciles_caption([SEPTEMBER, AUGUST], ALLIANCE)
    assert text == (
        "In September 2026, half of the 13 sites had a mean of 35.4 points or more. "
        "About 8 in 10 sites lay between 33.9 and 36.3. "
        "This shows how sites spread. It is no target."
    )
    check_plain(text)
    assert deciles_caption([], ALLIANCE) == sentences_captions.NO_DECILES


def test_a_reference_says_whose_it_is_and_of_how_many() -> None:
    assert band_caption(OWN, ALLIANCE) == (
        "Our own reference: this network's forms through 28 February 2026, "
        "frozen on 1 March 2026. It is made of about 320 people. "
        "The middle half scored 32.0 to 37.0. "
        "A reference tells what others have scored. It is no target."
    )
    assert band_caption(PUBLISHED, ALLIANCE) == (
        "A published reference: Smith 2010, “adults” (N = 412). "
        "Its mean is 34.2 points, with an SD of 4.1. "
        "A reference tells what others have scored. It is no target."
    )


@pytest.mark.parametrize("band", [OWN, PUBLISHED])
def test_a_reference_is_plain_in_every_state(band: ReferenceBand) -> None:
    for frozen_on, n, mean, sd, p25 in itertools.product(
        (None, date(2026, 3, 1)), (None, 320), (None, 34.2), (None, 4.1), (None, 32.0)
    ):
        changed = replace(band, frozen_on=frozen_on, n=n, mean=mean, sd=sd, p25=p25, p75=37.0)
        text = band_caption(changed, ALLIANCE)
        check_plain(text)
        assert ("320" in text) == (n is not None)
        assert ("not told" in text) == (n is None)
        assert ("34.2" in text) == (mean is not None)
        assert ("32.0 to 37.0" in text) == (p25 is not None)
        assert ("1 March 2026" in text) == (band is OWN and frozen_on is not None)


def test_a_model_s_worth_is_told() -> None:
    text = model_caption(**MODEL)  # type: ignore[arg-type]
    assert text == (
        "What we allow for was learnt from about 3,200 clients of 14 sites. "
        "It accounts for 12 % of how clients of one site differ. "
        "It accounts for 30 % of how the means of sites differ. "
        "Tried at sites it had not seen, no fault shows: "
        "a slope of 0.97 (0.70 to 1.20), where 1 is right. "
        "What nobody wrote down cannot be allowed for."
    )


def test_a_model_is_plain_in_every_state() -> None:
    slopes = ((None, None, None), (0.97, 0.7, 1.2), (0.5, 0.3, 0.8), (1.6, 1.2, 2.0))
    for within, between, (slope, lower, upper) in itertools.product(
        (None, -0.01, 0.0, 0.12), (None, -0.2, 0.3), slopes
    ):
        changed = MODEL | {"r2_within": within, "r2_between": between}
        changed |= {"calibration_slope": slope}
        changed |= {"calibration_lower95": lower, "calibration_upper95": upper}
        text = model_caption(**changed)  # type: ignore[arg-type]
        check_plain(text)
        assert ("how clients of one site differ" in text) == (within is not None)
        assert not re.search(r"[-−]\d", text)
        assert ("further apart" in text) == (between == -0.2)
        assert ("allows too much" in text) == (slope == 0.5)
        assert ("allows too little" in text) == (slope == 1.6)
        assert ("no fault shows" in text) == (slope == 0.97)
        assert ("could not be tried" in text) == (slope is None)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("no covariate is known and varies", "both known and different."),
        (
            "baseline_severity: its measurement error is most of what differs in it",
            "too unsure to allow for.",
        ),
        ("too few sites with known therapists", "at too few sites."),
        ("2 sites have known therapists: too few", "The reason is “2 sites have known"),
        ("too few clients for the number of coefficients", "too few clients for all that"),
        ("no covariate varies within a site", "Within a site, nothing differs"),
        ("moon_phase", "The reason is “moon phase”."),
    ],
)
def test_no_model_has_its_reason(reason: str, words: str) -> None:
    text = model_caption(**MODEL | {"null_reason": reason})  # type: ignore[arg-type]
    check_plain(text)
    assert words in text
    assert "3,200" not in text


def test_a_model_whose_number_of_clients_is_hidden_is_told_without() -> None:
    text = model_caption(**MODEL | {"n_clients": None})  # type: ignore[arg-type]
    check_plain(text)
    assert text.startswith("What we allow for was learnt from the clients of 14 sites.")
    nothing = model_caption(**MODEL | {"n_clients": None, "n_sites": None})  # type: ignore[arg-type]
    assert nothing == sentences_captions.NO_CASE_MIX


@pytest.mark.parametrize("name", ["MEASURES", "CASE_MIX", "GAPS", "DECILES", "BANDS"])
def test_an_empty_place_says_why_in_plain_words(name: str) -> None:
    check_plain(getattr(sentences_captions, f"NO_{name}"))
