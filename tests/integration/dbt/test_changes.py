"""Outcome change through the models: the same persons as the published definitions, and each state.

The same pairs go through the models and through orchestration/measures/clinical_change.py, which is
held against published tables; every category must agree.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Literal
from zlib import crc32

import numpy as np
import pytest

from expectations.instrument import Instrument
from expectations.instrument_facts import CutOff, ReliableChange
from expectations.registry import Registry
from orchestration.measures.arrays import Floats
from orchestration.measures.clinical_change import clinical_change
from tests.integration.dbt.raw_rows import TOTALS_ONLY, RawWarehouse, Row, practice, registry
from tests.unit.measures.published import GLOBAL_DISTRESS

BEGUN = date(2026, 1, 5)
CLOSED = date(2026, 5, 20)


def declared_outcome(
    code: str,
    *,
    direction: Literal["higher_is_better", "lower_is_better"] = "lower_is_better",
    change: ReliableChange | None,
    cut_offs: tuple[CutOff, ...] = (),
) -> Instrument:
    scale = TOTALS_ONLY.total.model_copy(update={"minimum": 0.0, "maximum": 150.0})
    return TOTALS_ONLY.model_copy(
        update={
            "instrument_code": code,
            "informants": ("client", "child", "caregiver"),
            "languages": ("en", "fr"),
            "direction": direction,
            "scales": (scale,),
            "reliable_change": () if change is None else (change,),
            "cut_offs": cut_offs,
        }
    )


def range_from(value: float, side: Literal["below", "above"], name: str = "range") -> CutOff:
    return CutOff(
        name=name, value=value, side=side, bound="inclusive", use="clinical_range", mark="V",
        source="made up",
    )  # fmt: skip


def with_instruments(*instruments: Instrument) -> Registry:
    known = registry(practice("north", ["east"]))
    added = {(one.instrument_code, one.version): one for one in instruments}
    return replace(known, instruments=known.instruments | added)


def episode(client: str, **row: object) -> Row:
    usual = {"client_key": client, "episode_key": f"e_{client}", "site_id": "east"}
    closing = {"state": "closed", "closed_on": CLOSED, "ending_code": "planned"}
    return {**usual, "therapist_key": "t1", "opened_on": BEGUN, **closing, **row}


def outcome(client: str, code: str, week: int, total: float | None, **row: object) -> Row:
    return {
        "form_key": f"f{crc32(repr((client, code, week, row)).encode()):x}",
        "client_key": client,
        "episode_key": f"e_{client}",
        "instrument_code": code,
        "version": "1",
        "completed_on": BEGUN + timedelta(weeks=week),
        "stated_total": total,
        **row,
    }


def seeded_pairs() -> Floats:
    """120 pairs that hold every category many times over; in steps of .5, none at the cut-off."""
    random = np.random.default_rng(20260105)
    pre = random.normal(60, 15, 120)
    post = pre + random.normal(-5, 20, 120)
    return np.clip(np.round(2 * np.column_stack([pre, post])) / 2, 0, 150)


PUBLISHED = GLOBAL_DISTRESS[~np.isnan(GLOBAL_DISTRESS).any(axis=1)]


@pytest.mark.parametrize(
    ("name", "pairs", "better"),
    [
        ("couples", PUBLISHED, "lower"),
        ("seeded_low", seeded_pairs(), "lower"),
        ("seeded_high", seeded_pairs(), "higher"),
    ],
)
def test_categories_are_those_of_the_published_definition(
    name: str,
    pairs: Floats,
    better: Literal["lower", "higher"],
    open_warehouse: Callable[[Registry], RawWarehouse],
) -> None:
    pre, post = pairs[:, 0], pairs[:, 1]
    found = clinical_change(
        pre, post, reliability=0.8, kind="c", better=better, functional=(50.0, 12.0)
    )
    assert not np.isin(found.cutoff, pairs), "at the cut-off the two differ by declaration"
    instrument = declared_outcome(
        name,
        direction="lower_is_better" if better == "lower" else "higher_is_better",
        change=ReliableChange(
            sd=float(np.std(pre, ddof=1)), reliability=0.8, sample="these", mark="V", source="x"
        ),
        cut_offs=(range_from(found.cutoff, "above" if better == "lower" else "below"),),
    )
    warehouse = open_warehouse(with_instruments(instrument))
    clients = [f"c{number:03}" for number in range(len(pairs))]
    closed_on = BEGUN + timedelta(weeks=16)
    closings = [episode(client, closed_on=closed_on) for client in clients]
    warehouse.deliver("episodes", "north", closings)
    # Two forms between, which must not matter.
    forms = [
        outcome(client, name, week, total)
        for client, (first, last) in zip(clients, pairs.tolist(), strict=True)
        for week, total in ((1, first), (5, 0.0), (9, 150.0), (16, last))
    ]
    warehouse.deliver("administrations", "north", forms)
    warehouse.build_with_measures()
    rows = warehouse.rows(
        "select category, gain, n_forms, pre_on, post_on, null_reason "
        "from intermediate.int_changes_computed order by client_key"
    )
    assert [row[0] for row in rows] == list(found.category)
    gains = found.change if better == "higher" else -found.change
    assert [row[1] for row in rows] == pytest.approx(gains.tolist())
    days = (BEGUN + timedelta(weeks=1), BEGUN + timedelta(weeks=16))
    assert {row[2:] for row in rows} == {(4, *days, None)}
    counted = warehouse.rows(
        "select metric, sum(numerator)::integer from intermediate.int_changes_measured "
        "where metric <> 'change' group by metric"
    )
    assert dict(counted) == found.counts
    if name != "couples":
        assert min(found.counts.values()) > 0


# 6 points published, so that 6 count; clinical from 20 on, both declared.
FIXED = declared_outcome(
    "fixed",
    change=ReliableChange(published=6, mark="V", source="made up"),
    cut_offs=(range_from(20, "above"),),
)
NO_CUT_OFF = declared_outcome(
    "no_cut", change=ReliableChange(published=6, mark="V", source="made up")
)
NO_CHANGE = declared_outcome("no_rci", change=None, cut_offs=(range_from(20, "above"),))
BY_AGE = declared_outcome(
    "by_age",
    change=ReliableChange(published=6, mark="V", source="made up"),
    cut_offs=(
        range_from(20, "above", "adult"),
        range_from(15, "above", "teen").model_copy(update={"age_bands": ("13_17",)}),
        range_from(30, "above", "french").model_copy(update={"languages": ("fr",)}),
    ),
)


@pytest.fixture(scope="module")
def states(open_warehouse: Callable[[Registry], RawWarehouse]) -> RawWarehouse:
    warehouse = open_warehouse(with_instruments(FIXED, NO_CUT_OFF, NO_CHANGE, BY_AGE))
    pairs: dict[str, tuple[str, float, float | None]] = {
        "at_bound": ("fixed", 26, 20),  # six better, yet 20 itself is clinical: improved
        "below_it": ("fixed", 25.9, 19.9),  # 6 in decimals that floats cannot hold: recovered
        "short_of": ("fixed", 25.9, 20),  # 5.9: unchanged
        "harmed": ("fixed", 14, 20),
        "worse": ("fixed", 30, 36),
        "once": ("fixed", 30, None),
        "no_cut": ("no_cut", 30, 10),
        "no_rci": ("no_rci", 30, 10),
        "adult": ("by_age", 24, 17),
        "teen": ("by_age", 24, 17),
        "french": ("by_age", 33, 24),
    }
    more: dict[str, dict[str, object]] = {
        "teen": {"age_band_at_intake": "13_17"},
    }
    episodes = [episode(client, **more.get(client, {})) for client in pairs]
    left_out: list[dict[str, object]] = [
        {"state": "open", "closed_on": None},
        {"use_permission": "care_only"},
        {"service_type": "crisis"},
        {"service_type": "couple"},
        {"site_id": "unheard_of"},
    ]
    episodes += [episode(f"out{number}", **row) for number, row in enumerate(left_out)]
    # Closed on a day that the practice's data do not reach: it is not closed yet for anyone.
    episodes.append(episode("ahead", closed_on=date(2026, 12, 1)))
    episodes += [episode(client) for client in ("parents", "same_day", "unfilled", "counted")]
    forms = [
        outcome(client, code, week, total, language="fr" if client == "french" else "en")
        for client, (code, first, last) in pairs.items()
        for week, total in ((1, first), (9, last))
    ]
    others = [*(f"out{number}" for number in range(len(left_out))), "ahead"]
    forms += [outcome(c, "fixed", week, 30 - week) for c in others for week in (1, 9)]
    # Mother answered three times, father twice: the first of one and the last of the other is none.
    caregiver = {"informant": "caregiver"}
    for week, who, total in (
        *((0, "father", 40), (1, "mother", 30), (2, "mother", 28), (3, "mother", 27)),
        (9, "father", 10),
    ):
        forms.append(
            outcome("parents", "fixed", week, total, respondent=who, occasion=week, **caregiver)
        )
    forms += [outcome("parents", "fixed", w, t, informant="child") for w, t in ((1, 30), (9, 10))]
    forms += [
        outcome("same_day", "fixed", 1, 30, occasion=1),
        outcome("same_day", "fixed", 1, 10, occasion=2),
        outcome("unfilled", "fixed", 1, None, status="declined"),
    ]
    # Occasions without a day, the later one sent first.
    undated = {"date_precision": "none", "completed_on": None}
    forms += [outcome("counted", "fixed", -n, 40 - 10 * n, occasion=n, **undated) for n in (3, 1)]
    # The data reach the closing by an attended session of June.
    warehouse.deliver("episodes", "north", episodes)
    warehouse.deliver("administrations", "north", forms)
    session = {"client_key": "once", "session_key": "s1", "episode_key": "e_once"}
    reached = {**session, "site_id": "east", "scheduled_on": date(2026, 6, 1)}
    warehouse.deliver("sessions", "north", [reached])
    warehouse.build_with_measures()
    return warehouse


def test_bounds_ages_and_languages_are_the_declared_ones(states: RawWarehouse) -> None:
    rows = states.rows(
        "select client_key, category, null_reason, cut_value from intermediate.int_changes_computed"
        " where informant = 'client'"
    )
    assert {row[0]: row[1:] for row in rows} == {
        "at_bound": ("improved", None, 20),
        "below_it": ("recovered", None, 20),
        "short_of": ("unchanged", None, 20),
        "harmed": ("harmed", None, 20),
        "worse": ("deteriorated", None, 20),
        "once": (None, "no_pair", 20),
        "no_cut": ("improved", "no_cut_off", None),
        "no_rci": (None, "no_reliable_change", 20),
        "adult": ("recovered", None, 20),
        "teen": ("improved", None, 15),
        "french": ("recovered", None, 30),
        "ahead": ("improved", None, 20),
        "same_day": (None, "no_pair", 20),
        "unfilled": (None, "no_pair", 20),
        "counted": ("recovered", None, 20),
    }


def test_informants_and_respondents_stay_apart(states: RawWarehouse) -> None:
    assert states.rows(
        "select informant, respondent, n_forms, pre, post, category "
        "from intermediate.int_changes_computed where client_key = key('parents') order by all"
    ) == [
        ("caregiver", "mother", 3, 30, 27, "unchanged"),
        ("child", None, 2, 30, 10, "recovered"),
    ]


def test_an_episode_counts_when_the_data_reach_its_closing(states: RawWarehouse) -> None:
    (left,) = states.rows(
        "select count(*) from intermediate.int_changes_measured where client_key = key('ahead')"
    )
    assert left == (0,)


def test_what_cannot_be_said_is_null_with_a_reason(states: RawWarehouse) -> None:
    rows = states.rows(
        "select client_key, metric, numerator, denominator, value, null_reason, month_on "
        "from intermediate.int_changes_measured "
        "where client_key in (key('once'), key('no_cut'), key('no_rci'), key('at_bound'))"
    )
    month = date(2026, 5, 1)
    said = {(row[0], row[1]): row[2:] for row in rows}
    assert len(said) == len(rows) == 24
    for metric in ("recovered", "improved", "unchanged", "deteriorated", "harmed"):
        assert said["once", metric] == (None, None, None, "no_pair", month)
        assert said["no_rci", metric] == (None, None, None, "no_reliable_change", month)
        is_met = 1.0 if metric == "improved" else 0.0
        assert said["at_bound", metric] == (is_met, 1, None, None, month)
        needs_cut_off = metric in ("recovered", "harmed")
        assert said["no_cut", metric] == (
            (None, None, None, "no_cut_off", month)
            if needs_cut_off
            else (is_met, 1, None, None, month)
        )
    assert said["once", "change"] == (None, None, None, "no_pair", month)
    assert said["no_rci", "change"] == (20, 1, 20, None, month)


def test_the_shapes_columns_stand_in_their_order(states: RawWarehouse) -> None:
    shape = [
        "practice_id",
        "site_id",
        "therapist_key",
        "client_key",
        "episode_key",
        "instrument_code",
        "version",
        "language",
        "informant",
        "metric",
        "month_on",
        "stage",
        "delivery_mode",
        "age_band",
        "has_interpreter",
        "numerator",
        "denominator",
        "value",
        "null_reason",
    ]
    for family in ("changes", "pairs", "dropouts"):
        columns = states.rows(
            "select column_name, data_type from information_schema.columns where table_name = "
            f"'int_{family}_measured' order by ordinal_position"
        )
        assert [name for name, _ in columns] == shape
        kinds = dict(columns)
        assert [kinds[name] for name in shape[-8:]] == [
            *("VARCHAR", "VARCHAR", "VARCHAR", "BOOLEAN", "DOUBLE", "DOUBLE", "DOUBLE", "VARCHAR")
        ]
