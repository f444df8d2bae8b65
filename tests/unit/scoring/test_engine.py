"""Rules of scoring that no shipped instrument has: reversal, means, rounding, stated totals."""

import pytest

from expectations.instrument import Instrument, MissingRule, Scale
from orchestration.scoring import Form, ScoringEngine

COMPLETE = MissingRule(rule="complete_only", source="made up")


def _scale(name: str, items: tuple[int, ...], **given: object) -> Scale:
    low, high = (1, 7) if given.get("method") == "mean" else (len(items), 7 * len(items))
    rest = {"minimum": low, "maximum": high, "missing": COMPLETE, "source": "made up"} | given
    return Scale.model_validate({"scale": name, "items": items, **rest})


def _instrument(*scales: Scale, **given: object) -> Instrument:
    return Instrument.model_validate(
        {
            "instrument_code": "made_up",
            "version": "1",
            "name": "Made up",
            "kind": "alliance",
            "informants": ["client"],
            "languages": ["en"],
            "n_items": 4,
            "item_minimum": 1,
            "item_maximum": 7,
            "item_coding": "printed_value",
            "direction": "higher_is_better",
            "scales": scales,
            "key_status": "unverified",
            "key_note": "made up",
            "licence": "none",
            "citations": [],
            "examples": [],
        }
        | given
    )


def _scores(engine: ScoringEngine, instrument: Instrument, form: Form) -> dict[str, float]:
    found = engine.score([(instrument, form)])
    return dict(zip(found["scale"], found["score"], strict=True))


def test_a_reversed_answer_is_mirrored_within_the_items_range(engine: ScoringEngine) -> None:
    instrument = _instrument(_scale("total", (1, 2, 3, 4)), reversed_items=(2, 4))
    # Items 2 and 4 count as 8 less the answer: 1, 6, 3 and 1.
    assert _scores(engine, instrument, Form({1: 1, 2: 2, 3: 3, 4: 7})) == {"total": 11}


def test_prorating_counts_reversed_items_as_answered(engine: ScoringEngine) -> None:
    rule = MissingRule(rule="prorate", max_missing=1, source="made up")
    instrument = _instrument(_scale("total", (1, 2, 3, 4), missing=rule), reversed_items=(2,))
    # Items 1, 2 (mirrored) and 3 count 7, 7 and 6: 20 over three items, times four.
    found = _scores(engine, instrument, Form({1: 7, 2: 1, 3: 6}))
    assert found["total"] == pytest.approx(80 / 3, abs=1e-12)
    assert engine.score([(instrument, Form({1: 7, 2: 1}))])["null_reason"].tolist() == [
        "too_many_missing"
    ]


def test_a_mean_is_prorated_to_the_mean_of_the_answered(engine: ScoringEngine) -> None:
    rule = MissingRule(rule="prorate", max_missing=2, source="made up")
    instrument = _instrument(_scale("total", (1, 2, 3, 4), method="mean", missing=rule, decimals=2))
    assert _scores(engine, instrument, Form({1: 7, 2: 6, 4: 6})) == {"total": 6.33}


def test_a_stated_total_stands_only_where_no_answers_came(engine: ScoringEngine) -> None:
    instrument = _instrument(_scale("total", (1, 2, 3, 4)), reversed_items=(2,))
    forms = [
        Form({}, stated_total=20),
        Form({1: 1, 2: 1, 3: 1, 4: 1}, stated_total=20),
        Form({1: 1}, stated_total=20),
        Form({}),
    ]
    found = engine.score([(instrument, form) for form in forms])
    assert found["score"].fillna(-1).tolist() == [20, 10, -1, -1]
    assert found["score_source"].fillna("none").tolist() == ["stated", "computed", "none", "none"]
    assert found["stated_score"].fillna(-1).tolist() == [20, 20, 20, -1]
    assert found["null_reason"].fillna("none").tolist() == [
        "none",
        "none",
        "too_many_missing",
        "no_answers",
    ]


def test_an_instrument_of_totals_only_has_its_stated_total(engine: ScoringEngine) -> None:
    total = _scale("total", (), minimum=0, maximum=52)
    instrument = _instrument(
        total, n_items=0, totals_only=True, item_minimum=None, item_maximum=None
    )
    found = engine.score([(instrument, Form({}, stated_total=13))])
    assert found[["score", "pomp", "n_missing"]].to_numpy().tolist() == [[13, 25, 0]]


def test_forms_keep_their_order_and_instruments_their_keys(engine: ScoringEngine) -> None:
    forward = _instrument(_scale("total", (1, 2, 3, 4)), version="1")
    backward = _instrument(_scale("total", (1, 2, 3, 4)), version="2", reversed_items=(1, 2, 3, 4))
    form = Form({1: 1, 2: 1, 3: 1, 4: 1})
    found = engine.score([(backward, form), (forward, form), (backward, form)])
    assert found["score"].tolist() == [28, 4, 28]
    assert engine.score([]).empty
