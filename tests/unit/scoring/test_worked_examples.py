"""Every instrument's worked examples through the warehouse's SQL, and no slip they would miss."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

from expectations.instrument import Instrument, WorkedExample
from expectations.registry import InstrumentKey, Registry, load_registry
from orchestration.scoring import Form, ScoringEngine
from tests.unit.scoring.mutations import mutations

INSTRUMENTS = load_registry().instruments
KEYS = sorted(INSTRUMENTS)
Claim = tuple[Instrument, Instrument]
"""An instrument as it may have been changed, and the one whose examples it has to get wrong."""


def disagreements(engine: ScoringEngine, claims: Sequence[Claim]) -> list[set[str]]:
    """For each claim the names of the examples that the changed instrument gets wrong.

    All are scored at once, as versions of their instruments, so that thousands cost one query. An
    example another set of whose answers is refused needs no scoring.
    """
    wrong: list[set[str]] = []
    forms: list[tuple[Instrument, Form]] = []
    asked: list[tuple[int, str]] = []
    expected: list[tuple[int, str, float, float]] = []
    for number, (changed, stated) in enumerate(claims):
        examples = stated.examples
        wrong.append({e.name for e in examples if _refused(changed, e) != set(e.refused_items)})
        if wrong[number]:
            continue
        version = changed.model_copy(update={"version": f"v{number}"})
        scales = [scale.scale for scale in changed.scales]
        for example in examples:
            if not example.refused_items:
                for scale in scales:
                    score, pomp = example.scores[scale], example.pomp.get(scale)
                    expected.append((len(forms), scale, _nan(score), _nan(pomp)))
                asked.append((number, example.name))
                forms.append((version, Form(example.items, example.stated_total)))
    columns = ["form_no", "scale", "wanted_score", "wanted_pomp"]
    both = pd.DataFrame(expected, columns=columns).merge(
        engine.score(forms), on=["form_no", "scale"], how="outer", indicator=True
    )
    found, wanted = both["score"].astype(float), both["wanted_score"]
    off = (found - wanted).abs() > 1e-12
    off |= found.isna() != wanted.isna()
    off |= (both["pomp"].astype(float) - both["wanted_pomp"]).abs() > 1e-6
    off |= both["_merge"] != "both"
    for form_no in both.loc[off, "form_no"].unique():
        number, name = asked[int(form_no)]
        wrong[number].add(name)
    return wrong


def _nan(value: float | None) -> float:
    return np.nan if value is None else value


def _refused(instrument: Instrument, example: WorkedExample) -> set[int]:
    return {
        number
        for number, answer in example.items.items()
        if answer is not None and not instrument.is_admissible(answer)
    }


@pytest.fixture(scope="module")
def unseen(engine: ScoringEngine, registry: Registry) -> Mapping[InstrumentKey, list[str]]:
    """For each instrument the changes to its key that none of its examples notices."""
    found: dict[InstrumentKey, list[str]] = {key: [] for key in KEYS}
    made = [
        (key, what, changed)
        for key in KEYS
        for what, changed in mutations(registry.instruments[key])
    ]
    claims = [(changed, registry.instruments[key]) for key, _, changed in made]
    for (key, what, _), names in zip(made, disagreements(engine, claims), strict=True):
        if not names:
            found[key].append(what)
    return found


def test_the_sql_gives_what_the_examples_say(engine: ScoringEngine, registry: Registry) -> None:
    instruments = [registry.instruments[key] for key in KEYS]
    wrong = disagreements(engine, [(one, one) for one in instruments])
    assert dict(zip(KEYS, wrong, strict=True)) == {key: set() for key in KEYS}


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_every_single_slip_in_the_key_makes_an_example_fail(
    key: InstrumentKey, unseen: Mapping[InstrumentKey, list[str]]
) -> None:
    assert len(list(mutations(INSTRUMENTS[key]))) >= 4 + 2 * INSTRUMENTS[key].n_items * (
        INSTRUMENTS[key].is_scored
    )
    assert unseen[key] == []


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_an_instrument_has_a_complete_an_incomplete_and_an_edge_example(key: InstrumentKey) -> None:
    one = INSTRUMENTS[key]
    answered = [
        sum(answer is not None for answer in example.items.values())
        for example in one.examples
        if not example.refused_items
    ]
    assert len(answered) >= 3
    if one.n_items:
        assert one.n_items in answered
        assert any(0 < count < one.n_items for count in answered)
        assert any(example.refused_items for example in one.examples)
    reached = {score for example in one.examples for score in example.scores.values()}
    assert {one.total.minimum, one.total.maximum} & reached or one.reversed_items
