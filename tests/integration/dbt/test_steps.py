"""Sudden gains and losses: the SQL finds what orchestration/measures/sudden_gains.py finds, event
for event, and says of every series what it counts as.

The Python is held against the published example (tests/unit/measures); the same example goes
through the SQL here, as forms of an instrument of totals whose reliable change is the example's 7.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from expectations.instrument_facts import ReliableChange
from expectations.registry import Registry
from orchestration.measures.arrays import Better
from orchestration.measures.sudden_gains import Step, sudden_steps
from tests.integration.dbt.raw_rows import TOTALS_ONLY, RawWarehouse, practice, registry
from tests.integration.dbt.series_rows import FIRST, Series, deliver
from tests.unit.measures.published import SUDDEN, SUDDEN_GAINS, SUDDEN_LOSSES, Floats

ORS, PHQ = ("ors", "1"), ("phq_9", "1")
PUBLISHED = ("published", "1")
N_CLIENTS, N_SESSIONS, SEED = 40, 10, 20260701


def _random_series(rng: np.random.Generator, top: float, step: float) -> Floats:
    """Persons by sessions on a scale from 0: a shift somewhere, some noise, a fifth missing."""
    level = rng.uniform(0.3, 0.7, (N_CLIENTS, 1)) * top
    shift = rng.choice([-1, 1], (N_CLIENTS, 1)) * rng.uniform(0.2, 0.5, (N_CLIENTS, 1)) * top
    begins = rng.integers(2, N_SESSIONS - 1, (N_CLIENTS, 1))
    ends = begins + rng.integers(2, N_SESSIONS, (N_CLIENTS, 1))
    session = np.arange(N_SESSIONS)
    moved = level + shift * ((session >= begins) & (session < ends))
    scores = moved + rng.normal(0, 0.03 * top, (N_CLIENTS, N_SESSIONS))
    rounded = np.round(np.clip(np.round(scores / step) * step, 0, top), 6)
    return np.where(rng.random(rounded.shape) < 0.2, np.nan, rounded)


RNG = np.random.default_rng(SEED)
SCORES = {ORS: _random_series(RNG, 40, 0.1), PHQ: _random_series(RNG, 27, 1)}
BETTER: dict[tuple[str, str], Better] = {ORS: "higher", PHQ: "lower", PUBLISHED: "lower"}
CUTOFF = {ORS: 5, PHQ: 6, PUBLISHED: 7}


def _rows(scores: Floats, instrument: tuple[str, str], letter: str) -> list[Series]:
    return [
        Series(
            f"{letter}{person:02d}",
            tuple(None if np.isnan(score) else float(score) for score in row),
            instrument,
            has_sessions=True,
        )
        for person, row in enumerate(scores)
    ]


def _hand_worked() -> list[Series]:
    return [
        # Sessions 3 and 4 meet, with two forms before and one after.
        Series("xa", (20, None, 20, 5, None, None, None), PHQ, has_sessions=True),
        # No session sent: forms stand in for sessions. 26 to 16 is 38 % and 10 points.
        Series("xb", (26, 26, 26, 16, 16, 16), PHQ),
        # Without a declared reliable change there is no cut-off.
        Series("xc", (20, 20, 20, 40, 40, 40), ("srs", "3")),
        # A gain, then more than half of it lost: 26 to 16, the middle is 21.
        Series("xd", (26, 26, 26, 16, 16, 22), PHQ),
        # Closed with the episode; everything else here is open.
        Series("xe", (26, 26, 16, 16), PHQ),
    ]


@pytest.fixture(scope="module")
def built(open_warehouse: Callable[[Registry], RawWarehouse]) -> RawWarehouse:
    shipped = registry(practice("north", ["east"]))
    published = TOTALS_ONLY.model_copy(
        update={
            "instrument_code": PUBLISHED[0],
            "informants": ("client",),
            "reliable_change": (ReliableChange(published=7, mark="D", source="the example's"),),
        }
    )
    known = shipped.instruments | {PUBLISHED: published}
    warehouse = open_warehouse(replace(shipped, instruments=known))
    series = _rows(SCORES[ORS], ORS, "o") + _rows(SCORES[PHQ], PHQ, "p")
    series += _rows(SUDDEN, PUBLISHED, "s") + _hand_worked()
    deliver(warehouse, tuple(series))
    closed = {
        "client_key": "xe",
        "episode_key": "e_xe",
        "site_id": "east",
        "opened_on": FIRST,
        "state": "closed",
        "closed_on": FIRST.replace(month=3),
    }
    warehouse.deliver("episodes", "north", [closed], FIRST.replace(month=6))
    warehouse.build_with_measures()
    return warehouse


def _found(built: RawWarehouse, instrument: tuple[str, str], letter: str) -> list[Step]:
    rows = built.rows(
        "select client_key, place, step_kind, magnitude, is_reversed "
        "from intermediate.int_steps_tested where step_kind is not null "
        f"and is_placed_by_session and instrument_code = '{instrument[0]}' order by 1, 2"
    )
    return [
        Step(int(client[1:]), place - 1, kind, magnitude, is_reversed)
        for client, place, kind, magnitude, is_reversed in rows
        if client[0] == letter
    ]


def _rounded(steps: Sequence[Step]) -> list[Step]:
    return [replace(step, magnitude=round(step.magnitude, 9)) for step in steps]


@pytest.mark.parametrize(("instrument", "letter"), [(ORS, "o"), (PHQ, "p")])
def test_the_sql_finds_what_the_python_finds(
    built: RawWarehouse, instrument: tuple[str, str], letter: str
) -> None:
    expected = sudden_steps(
        SCORES[instrument], cutoff=CUTOFF[instrument], better=BETTER[instrument]
    )
    # Enough of each that agreement means something.
    for kind in ("gain", "loss"):
        of_kind = [step.is_reversed for step in expected if step.kind == kind]
        assert len(of_kind) >= 5
        assert {True, False} == set(of_kind)
    assert _rounded(_found(built, instrument, letter)) == _rounded(expected)


def test_the_published_example_event_by_event(built: RawWarehouse) -> None:
    found = _found(built, PUBLISHED, "s")
    events = {
        kind: [
            (s.person + 1, s.session + 1, s.magnitude, s.is_reversed)
            for s in found
            if s.kind == kind
        ]
        for kind in ("gain", "loss")
    }
    assert events == {"gain": list(SUDDEN_GAINS), "loss": list(SUDDEN_LOSSES)}


def _event(built: RawWarehouse, metric: str, client: str) -> list[tuple[Any, ...]]:
    return built.rows(
        "select numerator, null_reason, month_on from intermediate.int_events_measured "
        f"where metric = '{metric}' and client_key = key('{client}')"
    )


def test_what_a_series_counts_as(built: RawWarehouse) -> None:
    assert _event(built, "sudden_gain", "xa") == [(None, "too_few_forms", None)]
    assert _event(built, "sudden_gain", "xb") == [(1.0, None, None)]
    assert _event(built, "sudden_loss", "xb") == [(0.0, None, None)]
    # An alliance instrument stands in the month of its last form, an outcome in that of closing.
    assert _event(built, "sudden_gain", "xc") == [
        (None, "no_reliable_change", FIRST.replace(month=2, day=1))
    ]
    assert _event(built, "sudden_gain", "xe") == [(1.0, None, FIRST.replace(month=3, day=1))]
    assert built.rows(
        "select place, is_placed_by_session, step_kind, magnitude, is_reversed "
        "from intermediate.int_steps_tested where client_key = key('xd') "
        "and step_kind is not null"
    ) == [(3, False, "gain", 10.0, True)]


def test_eligible_series_are_those_with_a_step_that_could_be_tested(built: RawWarehouse) -> None:
    # Both sessions there, two scores within three sessions on either side.
    has = ~np.isnan(SCORES[PHQ])
    could = np.zeros(N_CLIENTS, dtype=bool)
    for before in range(N_SESSIONS - 1):
        n_before = has[:, max(0, before - 2) : before + 1].sum(axis=1)
        n_after = has[:, before + 1 : before + 4].sum(axis=1)
        could |= has[:, before] & has[:, before + 1] & (n_before >= 2) & (n_after >= 2)
    assert built.rows(
        "select count(numerator), count(*) from intermediate.int_events_measured "
        "where metric = 'sudden_gain' and instrument_code = 'phq_9' "
        "and client_key >= key('p') and client_key < key('q')"
    ) == [(int(could.sum()), int(has.any(axis=1).sum()))]
