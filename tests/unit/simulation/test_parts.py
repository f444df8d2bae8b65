"""Items, ids, schedules: the small machinery, each against what it promises."""

import re
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from expectations.instrument import Instrument
from expectations.registry import Registry
from expectations.schedule import Schedule, Scope
from orchestration.simulation.arrays import positions, running
from orchestration.simulation.due import Forms
from orchestration.simulation.filled import fill
from orchestration.simulation.id_shapes import id_shape
from orchestration.simulation.instruments import ScoreModel, score_model
from orchestration.simulation.items import cronbach_alpha, cut_mean, cut_sd
from orchestration.simulation.network import day_number
from orchestration.simulation.response import draw_returned
from orchestration.simulation.schedules import is_due
from orchestration.simulation.settings import SimulationSettings


def _model(registry: Registry, code: str) -> ScoreModel:
    (instrument,) = [i for (name, _), i in registry.instruments.items() if name == code]
    return score_model(instrument, SimulationSettings())


@pytest.mark.parametrize(
    ("code", "mean", "sd", "alpha", "ceiling"),
    [
        ("srs", 35.8, 4.0, 0.88, 0.24),
        ("wai_sr", 49.2, 7.8, 0.92, 0.12),
        ("wai_srt", 41.0, 6.5, 0.90, 0.13),
        ("phq_9", 9.45, 5.85, 0.86, 0.0),
    ],
)
def test_forms_have_the_targets_moments(
    registry: Registry, code: str, mean: float, sd: float, alpha: float, ceiling: float
) -> None:
    model = _model(registry, code)
    points = model.draw(np.random.default_rng(1).standard_normal(20_000), np.random.default_rng(2))
    totals = model.totals(points)
    assert points.min() >= 0
    assert points.max() <= model.n_points
    assert totals.mean() == pytest.approx(mean, abs=0.03 * sd)
    assert totals.std() == pytest.approx(sd, rel=0.03)
    assert cronbach_alpha(points) == pytest.approx(alpha, abs=0.01)
    assert (points == model.n_points).all(axis=1).mean() == pytest.approx(ceiling, abs=0.02)


@pytest.mark.parametrize("code", ["srs", "wai_sr", "phq_9"])
def test_expected_total_is_the_mean_of_drawn_forms(registry: Registry, code: str) -> None:
    model, rng = _model(registry, code), np.random.default_rng(3)
    for eta in (-2.0, 0.0, 0.7, 2.5):
        noise = 0.6 * rng.standard_normal(20_000)
        totals = model.totals(model.draw(eta + noise, rng))
        expected = model.expected(np.array([eta]), 0.6)[0]
        assert totals.mean() == pytest.approx(expected, abs=4 * totals.std() / 141 + 1e-9)


def test_a_planted_shift_moves_the_expected_total_by_that_many_sds(registry: Registry) -> None:
    model = _model(registry, "srs")
    for planted in (0.5, -0.5):
        moved = model.expected(np.array([model.shift_for(planted)]), 1.0)[0]
        assert moved - model.expected(np.array([0.0]), 1.0)[0] == pytest.approx(2.0 * planted / 0.5)


def test_reversed_items_are_written_the_other_way_round(registry: Registry) -> None:
    """Items are drawn as keyed; the recorded answer of a reversed item is its mirror image."""
    plain = _model(registry, "wai_sr")
    turned = replace(
        plain, instrument=plain.instrument.model_copy(update={"reversed_items": (4, 10)})
    )
    n = 50
    due = Forms(
        session=np.arange(n),
        client=np.arange(n),
        day=np.zeros(n, dtype=np.int64),
        expected_eta=np.zeros(n),
        eta=np.linspace(-2, 2, n),
        noise_sd=0.0,
        is_returned=np.ones(n, dtype=bool),
    )
    identity = ("wai_sr", "1", "client")
    settings = SimulationSettings(dirt=0, partial_share=0)
    found = [
        fill({identity: due}, {identity: model}, 0, settings, np.random.default_rng(1))[0][identity]
        for model in (plain, turned)
    ]
    mirrored = found[0].points.copy()
    mirrored[:, [3, 9]] = 4 - mirrored[:, [3, 9]]
    assert (found[1].points == mirrored).all()
    assert (found[1].total == found[0].total).all()


def test_cut_normal_agrees_with_sampling() -> None:
    drawn = np.clip(np.random.default_rng(4).normal(8.0, 3.0, 400_000), 0, 10)
    assert cut_mean(np.array([8.0]), 3.0, 10)[0] == pytest.approx(drawn.mean(), abs=0.02)
    assert cut_sd(8.0, 3.0, 10) == pytest.approx(drawn.std(), abs=0.02)


def test_an_instrument_of_totals_has_no_items_to_draw(registry: Registry) -> None:
    some = registry.instruments["srs", "3"]
    totals: Instrument = some.model_copy(update={"totals_only": True})
    with pytest.raises(ValueError, match="has a total and no items"):
        score_model(totals, SimulationSettings())


@pytest.mark.parametrize(
    "pattern",
    [
        r"^h[0-9]{9}$",
        r"^[0-9]{4}-[A-F]{3}-[0-9]{4}$",
        r"^PF\.[0-9]{5}\.[0-9]{4}$",
        r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$",
        r"^x\d+$",
        r"^[A-F0-9]{8}$",
    ],
)
def test_ids_fit_their_pattern_and_differ(pattern: str) -> None:
    texts = id_shape(pattern).texts(np.arange(5_000) * 37).to_pylist()
    assert len(set(texts)) == 5_000
    assert all(re.fullmatch(pattern, text) and re.search("[0-9]", text) for text in texts)


@pytest.mark.parametrize("pattern", [r"^(a|b)[0-9]{4}$", r"^[^a]{3}[0-9]$", r"^\w{8}$", "^abc$"])
def test_id_patterns_beyond_the_simulation_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="id_pattern"):
        id_shape(pattern)


def test_too_few_ids_are_an_error_not_a_repetition() -> None:
    with pytest.raises(ValueError, match="only 1000 different ids"):
        id_shape("^x[0-9]{3}$").texts(np.array([1_000]))


def _schedule(**fields: object) -> Schedule:
    fixed = {"schedule_id": "one", "instrument_code": "srs", "version": "3", "informant": "client"}
    return Schedule.model_validate({"valid_from": date(2025, 1, 1), **fixed, **fields})


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ({"rule": "every_session"}, [1, 2, 3, 4, 5, 1, 2]),
        ({"rule": "intake"}, [1, 1]),
        ({"rule": "session_list", "sessions": (2, 5)}, [2, 5, 2]),
        ({"rule": "every_n", "every": 3}, [1, 4, 1]),
        ({"rule": "every_days", "every": 14}, [1, 3, 5, 1]),
        ({"rule": "ending"}, [5, 2]),
        ({"rule": "every_session", "valid_to": date(2025, 1, 10)}, [1, 2]),
        ({"rule": "every_session", "scope": Scope(sites=("b",))}, [1, 2]),
        ({"rule": "every_session", "scope": Scope(service_types=("couple",))}, [1, 2]),
    ],
)
def test_rules_of_schedules(fields: dict[str, object], due: list[int]) -> None:
    """Two courses, weekly: five sessions from 2025-01-02, two from 2025-02-06 (site b, couple)."""
    first, later = day_number(date(2025, 1, 2)), day_number(date(2025, 2, 6))
    number = np.array([1, 2, 3, 4, 5, 1, 2])
    course = np.array([0, 0, 0, 0, 0, 1, 1])
    found = is_due(
        [_schedule(**fields)],
        ["a", "b"],
        site=course,
        service=course,
        day=np.where(course == 0, first, later) + 7 * (number - 1),
        course=course,
        number=number,
        is_last_of_closed=np.array([False, False, False, False, True, False, True]),
    )
    assert number[found].tolist() == due


def test_runs() -> None:
    assert positions(np.array([2, 0, 3])).tolist() == [0, 1, 0, 1, 2]
    run = np.array([0, 0, 2, 2, 2])
    assert running(np.array([1, 2, 3, 4, 5]), run).tolist() == [1, 3, 3, 7, 12]


def test_settings_refuse_an_impossible_world() -> None:
    with pytest.raises(ValueError, match="at least two days"):
        SimulationSettings(from_on=date(2026, 1, 1), through_on=date(2026, 1, 1))
    with pytest.raises(ValueError, match="runs forwards"):
        SimulationSettings(window=(date(2026, 2, 1), date(2026, 1, 1)))


def test_missing_at_random_loses_no_one_who_takes_part_and_prefers_no_session() -> None:
    """Else clients of few sessions would be missing more often, and the mean would move."""
    n = 6_000
    client = np.repeat(np.arange(n), 3)
    participates = np.arange(n) % 3 > 0
    returned = draw_returned(
        client,
        participates,
        np.full(3 * n, 0.2),
        np.linspace(-3, 3, 3 * n),
        np.ones(3 * n, dtype=bool),
        n,
        SimulationSettings(missing_at_random=True),
        np.random.default_rng(5),
    )
    by_client = returned.reshape(n, 3)
    assert (by_client.any(axis=1) == participates).all()
    by_place = by_client.sum(axis=0)
    assert np.ptp(by_place) < 4 * np.sqrt(by_place.mean())
