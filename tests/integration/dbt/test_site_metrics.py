"""Every metric's cell against a count in plain Python: no instrument, version, language, informant
or stratum is ever mixed with another, and below its minimum a value is null with a reason."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats

from expectations.metric import shipped_metrics
from expectations.registry import Registry
from orchestration.dbt_runner import DbtBuildFailed
from tests.integration.dbt.raw_rows import RawWarehouse, Row, practice, registry

FORMS = (
    # instrument, version, informant, items, best answer
    ("srs", "3", "client", 4, 10),
    ("wai_s", "1", "client", 12, 7),
    ("wai_s", "1", "therapist", 12, 7),
    ("phq_9", "1", "client", 9, 0),
)
REVERSED = {"wai_s": (4, 10)}
BANDS = ("18-25", "26-35", None)
MODES = ("video", "in_person", None)
LANGUAGES = ("en", "en", "en", "de")
N_CLIENTS, N_SESSIONS = 34, 4


@dataclass(frozen=True)
class Unit:
    """A form as it was sent, and what it must be counted as."""

    site: str
    client: str
    therapist: str | None
    instrument: str
    version: str
    language: str
    informant: str
    stage: str
    mode: str | None
    band: str | None
    interpreter: bool | None
    total: float
    is_at_best: bool
    is_complete: bool


@pytest.fixture(scope="module")
def declared() -> Registry:
    return registry(practice("north", ["east", "west"]))


def _versions(declared: Registry, code: str) -> str:
    return next(version for (name, version) in declared.instruments if name == code)


@pytest.fixture(scope="module")
def counted(
    declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]
) -> tuple[RawWarehouse, list[Unit]]:
    chance = random.Random(20261127)
    warehouse = open_warehouse(declared)
    episodes: list[Row] = []
    sessions: list[Row] = []
    forms: list[Row] = []
    units: list[Unit] = []
    for number in range(N_CLIENTS):
        client, site = f"c{number}", ("east", "west")[number % 2]
        therapist = None if number == 3 else f"t{number % 5}"
        band = chance.choice(BANDS)
        episodes.append(
            {
                "client_key": client,
                "episode_key": f"e{number}",
                "site_id": site,
                "therapist_key": therapist,
                "opened_on": date(2025, 1, 6),
                "age_band_at_intake": band,
            }
        )
        for visit in range(N_SESSIONS):
            day = date(2025, 1, 6) + timedelta(days=7 * visit)
            mode, interpreter = chance.choice(MODES), chance.choice((True, False, None))
            session = f"s{number}_{visit}"
            sessions.append(
                {
                    "client_key": client,
                    "session_key": session,
                    "episode_key": f"e{number}",
                    "site_id": site,
                    "therapist_key": therapist,
                    "scheduled_on": day,
                    "delivery_mode": mode,
                    "interpreter": interpreter,
                }
            )
            for code, _, informant, n_items, best in FORMS:
                if chance.random() < 0.3:
                    continue
                version, language = _versions(declared, code), chance.choice(LANGUAGES)
                row = (site, client, therapist, code, version, language, informant)
                stage = "opening" if visit < 2 else "developing"
                kind = (stage, mode, band, interpreter)
                answers, total, is_at_best, is_complete = _answers(chance, code, n_items, best)
                forms.append(
                    {
                        "form_key": f"f{number}{visit}{code[:3]}{informant[:2]}",
                        "client_key": client,
                        "session_key": session,
                        "completed_on": day,
                        "instrument_code": code,
                        "version": version,
                        "language": language,
                        "informant": informant,
                        "answers": answers,
                    }
                )
                units.append(Unit(*row, *kind, total, is_at_best, is_complete))
    # A later session, so that the data reach past the months above.
    sessions.append({**sessions[0], "session_key": "late", "scheduled_on": date(2026, 2, 2)})
    warehouse.deliver("episodes", "north", episodes)
    warehouse.deliver("sessions", "north", sessions)
    warehouse.deliver("administrations", "north", forms)
    warehouse.build_with_measures()
    return warehouse, units


def _answers(
    chance: random.Random, code: str, n_items: int, best: int
) -> tuple[list[int | None], float, bool, bool]:
    """Answers as printed, their total by hand, whether it is the best one, whether it is whole."""
    if chance.random() < 0.35:
        meant = [best] * n_items
    else:
        low, high = {"srs": (0, 10), "wai_s": (1, 7), "phq_9": (0, 3)}[code]
        meant = [chance.randint(low, high) for _ in range(n_items)]
    printed: list[int | None] = [
        8 - answer if place in REVERSED.get(code, ()) else answer
        for place, answer in enumerate(meant, start=1)
    ]
    total = float(sum(meant))
    is_complete = True
    if code == "phq_9" and chance.random() < 0.3:
        printed[0], is_complete = None, False  # prorated: up to two may be missing
        total = sum(meant[1:]) / (n_items - 1) * n_items
    return printed, total, total == best * n_items, is_complete


CELL = ("site", "instrument", "version", "language", "informant")


def _strata(unit: Unit) -> list[tuple[str, str]]:
    found = [("all", "all"), ("stage", unit.stage)]
    found += [("delivery_mode", unit.mode)] if unit.mode else []
    found += [("age_band", unit.band)] if unit.band else []
    if unit.interpreter is not None:
        found.append(("interpreter", "with" if unit.interpreter else "without"))
    return found


def _expected(units: list[Unit]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """n_clients, n_therapists, the largest therapist's share, clients counted and not counted (of
    shares) and without a value, n_units, n_valued, numerator, denominator, value, null_reason."""
    minimum = {metric.metric: metric.minimum_units for metric in shipped_metrics()}
    gathered: dict[tuple[Any, ...], list[tuple[Unit, float | None]]] = defaultdict(list)
    for unit in units:
        whole = float(unit.is_at_best) if unit.is_complete else None
        values = {
            "mean_score": unit.total,
            "ceiling_share": float(unit.is_at_best),
            "all_items_at_best": whole,
        }
        cell = tuple(getattr(unit, name) for name in CELL)
        for metric, value in values.items():
            for stratum in _strata(unit):
                gathered[(*cell, metric, *stratum)].append((unit, value))
    expected = {}
    for key, found in gathered.items():
        valued = [(unit, value) for unit, value in found if value is not None]
        clients: dict[str, list[float]] = defaultdict(list)
        for unit, value in valued:
            clients[unit.client].append(value)
        numerator = sum(value for _, value in valued)
        metric = key[5]
        is_mean = metric == "mean_score"
        value = None
        if not valued:
            reason = "items_missing"
        elif len(valued) < minimum[metric]:
            reason = "too_few_units"
        else:
            reason = None
            means = [sum(each) / len(each) for each in clients.values()]
            value = sum(means) / len(means) if is_mean else numerator / len(valued)
        therapists = Counter(unit.therapist for unit, _ in valued if unit.therapist)
        expected[key] = (
            len(clients),
            len(therapists) or None,
            max(therapists.values()) / therapists.total() if therapists else None,
            None if is_mean else sum(sum(each) > 0 for each in clients.values()),
            None if is_mean else sum(sum(each) < len(each) for each in clients.values()),
            len({unit.client for unit, value in found if value is None}),
            len(found),
            len(valued),
            numerator if valued else None,
            float(len(valued)) if valued else None,
            value,
            reason,
        )
    return expected


def test_each_cell_is_what_plain_counting_gives(
    counted: tuple[RawWarehouse, list[Unit]],
) -> None:
    warehouse, units = counted
    found = warehouse.rows(
        "select site_id, instrument_code, version, language, informant, metric, stratum_kind, "
        "stratum, n_clients, n_therapists, top_therapist_share, n_clients_counted, "
        "n_clients_not_counted, n_clients_without_value, n_units, n_valued, numerator, "
        "denominator, value, "
        "null_reason from marts.rpt_site_metrics where period = '2025' and metric in "
        "('mean_score', 'ceiling_share', 'all_items_at_best')"
    )
    expected = _expected(units)
    by_key = {row[:8]: row[8:] for row in found}
    assert len(by_key) == len(found)
    assert by_key.keys() == expected.keys()
    for key, values in expected.items():
        assert by_key[key] == tuple(
            pytest.approx(each, abs=1e-9) if isinstance(each, float) else each for each in values
        ), key
    assert {values[-1] for values in expected.values()} == {None, "too_few_units", "items_missing"}


def test_spread_is_what_numpy_and_scipy_give(counted: tuple[RawWarehouse, list[Unit]]) -> None:
    warehouse, units = counted
    found = warehouse.rows(
        "select site_id, instrument_code, version, language, informant, n_valued, p10, p25, "
        "median, p75, skew, null_reason from marts.rpt_site_distributions "
        "where period = '2025' and metric = 'mean_score'"
    )
    totals: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for unit in units:
        totals[tuple(getattr(unit, name) for name in CELL)].append(unit.total)
    assert len(found) == len(totals)
    for *cell, n_valued, p10, p25, median, p75, skew, reason in found:
        values = totals[tuple(cell)]
        assert n_valued == len(values)
        if len(values) < 30:
            assert (p10, p25, median, p75, skew) == (None,) * 5
            assert reason == "too_few_units"
            continue
        quantiles = np.quantile(values, [0.1, 0.25, 0.5, 0.75])
        assert [p10, p25, median, p75] == pytest.approx(list(quantiles))
        assert skew == pytest.approx(stats.skew(values), abs=1e-4)
        assert reason is None
    assert {row[-1] for row in found} == {None, "too_few_units"}


def test_a_metric_that_nobody_declared_stops_the_build(
    declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]
) -> None:
    warehouse = open_warehouse(declared)
    day = date(2026, 1, 5)
    known = {"client_key": "ada", "episode_key": "e", "site_id": "east"}
    warehouse.deliver("episodes", "north", [{**known, "opened_on": day}])
    warehouse.deliver("sessions", "north", [{**known, "session_key": "s", "scheduled_on": day}])
    form = {"client_key": "ada", "session_key": "s", "form_key": "f", "completed_on": day}
    warehouse.deliver("administrations", "north", [{**form, "answers": [9] * 4}])
    with warehouse.connect() as con:
        con.execute("delete from reference.metrics where metric = 'ceiling_share'")
    with pytest.raises(DbtBuildFailed, match="assert_metrics_are_declared"):
        warehouse.build_with_measures()
