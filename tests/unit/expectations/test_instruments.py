"""The worked examples pin the shipped keys down: any one change to a key makes one of them fail.

The scores are proved by the warehouse's own SQL elsewhere; here a plain scorer of a few lines
stands in for it, so that a weak example shows within a second.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from expectations.instrument import Instrument, Scale, WorkedExample
from expectations.instrument_checks import instrument_findings
from expectations.registry import load_registry

INSTRUMENTS = load_registry().instruments
KEYS = sorted(INSTRUMENTS)


def score(instrument: Instrument, scale: Scale, example: WorkedExample) -> float | None:
    answers = []
    for number in scale.items:
        answer = example.items.get(number)
        if answer is None:
            continue
        if number in instrument.reversed_items:
            assert instrument.item_minimum is not None
            assert instrument.item_maximum is not None
            answer = instrument.item_minimum + instrument.item_maximum - answer
        answers.append(answer)
    if len(scale.items) - len(answers) > scale.missing.max_missing or not answers:
        return None
    mean = sum(answers) / len(answers)
    value = mean if scale.method == "mean" else mean * len(scale.items)
    return value if scale.decimals is None else round(value, scale.decimals)


def failures(content: dict[str, Any]) -> list[str]:
    """What a declaration gets wrong: its shape, its ranges, or the scores of its examples."""
    try:
        instrument = Instrument.model_validate(content)
    except ValidationError as error:
        return [str(found["msg"]) for found in error.errors()]
    found = [text for _, text in instrument_findings(instrument)]
    for example in instrument.examples:
        for scale in instrument.scales:
            if scale.scale in example.scores:
                expected = example.scores[scale.scale]
                if score(instrument, scale, example) != pytest.approx(expected, abs=1e-9):
                    found.append(f"{example.name}: {scale.scale}")
    return found


def mutations(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The declaration with one key, reversal, range bound or missing rule changed."""
    items = range(1, content["n_items"] + 1)
    for bound in ("item_minimum", "item_maximum"):
        for step in (-1, 1):
            yield f"{bound} {step:+}", {**content, bound: content[bound] + step}
    yield "n_items +1", {**content, "n_items": content["n_items"] + 1}
    yield "item_step", {**content, "item_step": 0.5 if content["item_step"] else 1}
    for item in items:
        reversed_items = set(content["reversed_items"]) ^ {item}
        yield f"reversed {item}", {**content, "reversed_items": sorted(reversed_items)}
    for position, scale in enumerate(content["scales"]):
        for what, changed in scale_mutations(scale, items):
            scales = [*content["scales"]]
            scales[position] = changed
            yield f"{scale['scale']}: {what}", {**content, "scales": scales}


def scale_mutations(scale: dict[str, Any], items: range) -> Iterator[tuple[str, dict[str, Any]]]:
    keyed = list(scale["items"])
    for item in items:
        if item in keyed:
            yield f"without {item}", {**scale, "items": [one for one in keyed if one != item]}
            for other in set(items) - set(keyed):
                swapped = [other if one == item else one for one in keyed]
                yield f"{other} for {item}", {**scale, "items": swapped}
        else:
            yield f"with {item}", {**scale, "items": [*keyed, item]}
    for bound in ("minimum", "maximum"):
        for step in (-1, 1):
            yield f"{bound} {step:+}", {**scale, bound: scale[bound] + step}
    if len(keyed) > 1:
        yield "method", {**scale, "method": "mean" if scale["method"] == "sum" else "sum"}
    missing = scale["missing"]
    for most in range(4):
        if (missing["rule"], missing["max_missing"]) != ("prorate", most):
            rule = {**missing, "rule": "prorate", "max_missing": most}
            yield f"prorate {most}", {**scale, "missing": rule}
    if missing["rule"] == "prorate":
        yield "complete", {**scale, "missing": {"rule": "complete_only", "source": "s"}}


@pytest.mark.parametrize("key", KEYS)
def test_the_shipped_examples_hold(key: tuple[str, str]) -> None:
    assert failures(INSTRUMENTS[key].model_dump()) == []


@pytest.mark.parametrize("key", KEYS)
def test_any_one_change_makes_an_example_fail(key: tuple[str, str]) -> None:
    content = INSTRUMENTS[key].model_dump()
    changes = list(mutations(content))
    assert len(changes) > 20
    assert [what for what, changed in changes if not failures(changed)] == []


@pytest.mark.parametrize("key", KEYS)
def test_keys_scores_and_missing_rules_rest_on_scores_alone(key: tuple[str, str]) -> None:
    """A changed key, reversal or missing rule shows in the scores even with no range check."""
    content = INSTRUMENTS[key].model_dump()
    for what, changed in mutations(content):
        if any(word in what for word in ("imum", "n_items", "item_step")):
            continue
        try:
            mutant = Instrument.model_validate(changed)
        except ValidationError:
            continue
        same = all(
            score(mutant, scale, example) == pytest.approx(example.scores[scale.scale], abs=1e-9)
            for example in mutant.examples
            for scale in mutant.scales
            if example.scores
        )
        assert same == is_equivalent(INSTRUMENTS[key], what), what


def is_equivalent(instrument: Instrument, what: str) -> bool:
    """Prorating without a missing item, or with no item left, is complete-only by other words."""
    scale = next(
        (one for one in instrument.scales if what.startswith(f"{one.scale}:")), instrument.total
    )
    is_complete = scale.missing.rule == "complete_only"
    return "prorate" in what and is_complete and ("prorate 0" in what or len(scale.items) == 1)


def test_provenance_is_marked_where_it_is_not_read_in_a_source() -> None:
    marks = {code: INSTRUMENTS[code, version].key_status for code, version in KEYS}
    assert marks["wai_sr"] == marks["wai_srt"] == marks["phq_9"] == "unverified"
    assert marks["srs"] == "verified"
    assert all(len(INSTRUMENTS[key].key_note) > 60 for key in KEYS)


def test_answers_between_points_are_admissible_on_a_line_only() -> None:
    assert INSTRUMENTS["srs", "3"].is_admissible(7.25)
    assert INSTRUMENTS["srs", "3"].response_values is None
    assert not INSTRUMENTS["wai_sr", "1"].is_admissible(2.5)
    assert INSTRUMENTS["phq_9", "1"].response_values == (0, 1, 2, 3)


def test_response_points_are_exact_to_the_stored_decimals() -> None:
    tenths = INSTRUMENTS["srs", "3"].model_copy(update={"item_step": 0.1})
    assert tenths.is_admissible(0.3)
    assert tenths.is_admissible(0.7)
