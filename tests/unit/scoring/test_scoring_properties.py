"""What holds of every form of every instrument, through the warehouse's own SQL."""

from random import Random

import pandas as pd
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from expectations.instrument import Instrument
from expectations.registry import load_registry
from orchestration.scoring import Form, ScoringEngine

WITH_ITEMS = [one for one in load_registry().instruments.values() if one.n_items]
SCORED = [one for one in WITH_ITEMS if one.is_scored]
Forms = list[tuple[Instrument, Form]]

SHARES_MISSING = (0.0, 0.1, 0.5)

few = settings(
    max_examples=4,
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
"""Few examples of many forms each: a query costs the same for one form as for a hundred."""
seeds = st.integers(min_value=0, max_value=2**32)


def _forms(seed: int) -> Forms:
    """Three forms of every instrument: complete, a tenth and half of the answers missing."""
    random = Random(seed)
    made = []
    for share in SHARES_MISSING:
        for one in WITH_ITEMS:
            answers = {
                number: None if random.random() < share else _answer(one, random.random())
                for number in range(1, one.n_items + 1)
            }
            made.append((one, Form(answers)))
    return made


def _answer(instrument: Instrument, place: float) -> float:
    points = instrument.response_values
    if points is not None:
        return points[int(place * len(points))]
    low, high = instrument.item_minimum or 0, instrument.item_maximum or 0
    return round(low + place * (high - low), 3)


def _scores(engine: ScoringEngine, given_forms: Forms) -> pd.DataFrame:
    return engine.score(given_forms)[["form_no", "scale", "score", "pomp", "null_reason"]]


@few
@given(seed=seeds)
def test_scores_stay_within_their_scales_and_pomp_within_0_to_100(
    engine: ScoringEngine, seed: int
) -> None:
    found = engine.score(_forms(seed))
    bounds = {
        (one.instrument_code, scale.scale): (scale.minimum, scale.maximum)
        for one in WITH_ITEMS
        for scale in one.scales
    }
    names = list(zip(found["instrument_code"], found["scale"], strict=True))
    low = pd.Series([bounds[name][0] for name in names])
    high = pd.Series([bounds[name][1] for name in names])
    scored = found["score"].notna()
    assert scored.any()
    assert found.loc[scored, "score"].between(low[scored] - 1e-9, high[scored] + 1e-9).all()
    assert found.loc[scored, "pomp"].between(-1e-9, 100 + 1e-9).all()
    assert (found["null_reason"].isna() == scored).all()


@few
@given(seed=seeds)
def test_reversing_twice_is_identity(engine: ScoringEngine, seed: int) -> None:
    """Mirrored answers under a key that reverses every item once more give the same scores."""
    made = [(one, form) for one, form in _forms(seed) if one.is_scored]
    turned = {
        one.instrument_code: one.model_copy(
            update={
                "reversed_items": tuple(
                    number
                    for number in range(1, one.n_items + 1)
                    if number not in one.reversed_items
                )
            }
        )
        for one in SCORED
    }
    mirrored = [(turned[one.instrument_code], _mirrored(one, form)) for one, form in made]
    pd.testing.assert_frame_equal(_scores(engine, made), _scores(engine, mirrored))


def _mirrored(one: Instrument, form: Form) -> Form:
    both = (one.item_minimum or 0) + (one.item_maximum or 0)
    return Form({n: None if a is None else round(both - a, 3) for n, a in form.answers.items()})


@few
@given(seed=seeds)
def test_a_form_without_answers_has_no_score_and_changes_none(
    engine: ScoringEngine, seed: int
) -> None:
    made = _forms(seed)
    without = _scores(engine, made)
    empty: Forms = [(one, Form(dict.fromkeys(range(1, one.n_items + 1)))) for one in WITH_ITEMS]
    with_them = _scores(engine, made + empty)
    there = with_them["form_no"] < len(made)
    pd.testing.assert_frame_equal(without, with_them[there].reset_index(drop=True))
    assert with_them.loc[~there, "score"].isna().all()
    assert set(with_them.loc[~there, "null_reason"]) == {"no_answers"}


@few
@given(seed=seeds)
def test_the_order_of_forms_and_answers_changes_nothing(engine: ScoringEngine, seed: int) -> None:
    made = _forms(seed)
    places = list(range(len(made)))
    Random(seed).shuffle(places)
    shuffled = [
        (made[place][0], Form(dict(reversed(list(made[place][1].answers.items())))))
        for place in places
    ]
    found = _scores(engine, shuffled)
    found["form_no"] = [places[number] for number in found["form_no"]]
    found = found.sort_values("form_no", kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(_scores(engine, made), found)
