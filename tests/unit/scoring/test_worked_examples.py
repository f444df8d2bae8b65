"""Every instrument's worked examples through the warehouse's SQL, and no slip they would miss."""

import math
from collections.abc import Sequence

import pandas as pd
import pytest

from expectations.instrument import Instrument, WorkedExample
from expectations.registry import Registry, load_registry
from orchestration.scoring import Form, ScoringEngine
from tests.unit.scoring.mutations import mutations

INSTRUMENTS = sorted(load_registry().instruments)


def disagreements(
    engine: ScoringEngine, instruments: Sequence[Instrument], stated: Instrument
) -> list[list[str]]:
    """For each instrument the names of `stated`'s examples that it gets wrong.

    The instruments are scored at once, as versions of one, so that hundreds cost one query.
    """
    wrong: list[list[str]] = [[] for _ in instruments]
    asked: list[tuple[int, WorkedExample]] = []
    forms: list[tuple[Instrument, Form]] = []
    for number, instrument in enumerate(instruments):
        version = instrument.model_copy(update={"version": f"v{number}"})
        for example in stated.examples:
            if _refused(instrument, example) != set(example.refused_items):
                wrong[number].append(example.name)
            elif not example.refused_items:
                asked.append((number, example))
                forms.append((version, Form(example.items, example.stated_total)))
    for form_no, scores in engine.score(forms).groupby("form_no"):
        number, example = asked[int(str(form_no))]
        if not _agrees(scores, example):
            wrong[number].append(example.name)
    return wrong


def _refused(instrument: Instrument, example: WorkedExample) -> set[int]:
    return {
        number
        for number, answer in example.items.items()
        if answer is not None and not instrument.is_admissible(answer)
    }


def _agrees(scores: pd.DataFrame, example: WorkedExample) -> bool:
    found = scores.set_index("scale")
    return (
        set(found.index) == set(example.scores)
        and all(
            _same(found.loc[scale, "score"], score, 1e-12)
            for scale, score in example.scores.items()
        )
        and all(_same(found.loc[scale, "pomp"], pomp, 1e-6) for scale, pomp in example.pomp.items())
    )


def _same(found: object, wanted: float | None, tolerance: float) -> bool:
    value = float(str(found))
    if wanted is None or math.isnan(value):
        return wanted is None and math.isnan(value)
    return abs(value - wanted) <= tolerance


@pytest.mark.parametrize(("code", "version"), INSTRUMENTS)
def test_the_sql_gives_what_the_examples_say(
    code: str, version: str, registry: Registry, engine: ScoringEngine
) -> None:
    instrument = registry.instruments[code, version]
    assert disagreements(engine, [instrument], instrument) == [[]]


@pytest.mark.parametrize(("code", "version"), INSTRUMENTS)
def test_every_single_slip_in_the_key_makes_an_example_fail(
    code: str, version: str, registry: Registry, engine: ScoringEngine
) -> None:
    instrument = registry.instruments[code, version]
    changes, changed = zip(*mutations(instrument), strict=True)
    wrong = disagreements(engine, changed, instrument)
    unseen = [change for change, names in zip(changes, wrong, strict=True) if not names]
    assert len(changes) > 20
    assert unseen == []
