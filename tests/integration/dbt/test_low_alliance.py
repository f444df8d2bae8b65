"""The low-alliance flag against two frozen references, on series worked out by hand.

Forms lie a week apart from 5 January 2026 (series_rows.py). The first reference is frozen on the
12th, the day of every second form, the other on the 26th, the day of every fourth.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from expectations.frozen_reference import FrozenReference, Norm
from expectations.published_norm import BandStage
from expectations.registry import Registry
from tests.integration.dbt.raw_rows import RawWarehouse
from tests.integration.dbt.series_rows import DROPS, RATED, SRS, declared, deliver

OpenWarehouse = Callable[[Registry], RawWarehouse]


def _norm(instrument: tuple[str, str], p10: float, stage: BandStage = "all") -> Norm:
    code, version = instrument
    return Norm(
        instrument_code=code,
        version=version,
        language="en",
        informant="client",
        stage=stage,
        n_forms=100,
        n_clients=15,
        p10=p10,
        p25=37,
        median=38,
        p75=39,
        p90=40,
    )


def _reference(day: int, *norms: Norm) -> FrozenReference:
    return FrozenReference(
        frozen_on=date(2026, 1, day),
        data_through_on=date(2025, 12, 31),
        registry_version="r",
        norms=norms,
    ).sealed()


REFERENCES = (
    _reference(12, _norm(SRS, 29), _norm(RATED, 20), _norm(RATED, 20, "opening")),
    _reference(26, _norm(SRS, 27.1)),
)


@pytest.fixture(scope="module")
def built(open_warehouse: OpenWarehouse) -> RawWarehouse:
    warehouse = open_warehouse(replace(declared(), references=REFERENCES))
    deliver(warehouse, DROPS)
    warehouse.build_with_measures()
    return warehouse


def _flags(built: RawWarehouse, client: str) -> list[tuple[Any, ...]]:
    return built.rows(
        "select day(reference_on), is_low, flags.null_reason "
        "from intermediate.int_alliance_flagged as flags "
        "join intermediate.int_forms_ordered using (administration_row) "
        f"where flags.client_key = key('{client}') order by form_no"
    )


def test_a_form_is_held_against_the_reference_in_force_on_its_day(built: RawWarehouse) -> None:
    # 36 comes before the first freeze. 29 is the first's P10 itself, and not below it; 34.4 is
    # above. 27 is below the second's 27.1, and is judged by it on the very day of its freeze.
    assert _flags(built, "ada")[:5] == [
        (None, None, "no_reference"),
        (12, False, None),
        (12, False, None),
        (26, True, None),
        (26, False, None),
    ]


def test_the_own_drop_counts_beside_the_reference(built: RawWarehouse) -> None:
    # All lie above P10 20. Joe's fall of 8 is the reliable change and not beyond it, Kim's 8.1 is.
    assert _flags(built, "joe") == [
        (None, None, "no_reference"),
        (12, False, None),
        (12, False, None),
    ]
    assert _flags(built, "kim")[:2] == [(None, None, "no_reference"), (12, True, None)]


def test_a_norm_of_other_forms_is_none(built: RawWarehouse) -> None:
    # Another instrument, another language, and Kim's third session, which is no opening one.
    for client, last in (("fay", 3), ("lea", 5), ("kim", 3)):
        assert _flags(built, client)[last - 1] == (
            12 if last == 3 else 26,
            None,
            "not_in_reference",
        )


def test_the_metric_counts_forms_by_stage(built: RawWarehouse) -> None:
    assert built.rows(
        "select stage, month_on, delivery_mode, numerator, denominator, null_reason "
        "from intermediate.int_events_measured where metric = 'low_alliance' "
        "and client_key = key('kim') order by all"
    ) == [
        ("developing", date(2026, 1, 1), "video", None, None, "not_in_reference"),
        ("opening", date(2026, 1, 1), "video", 1.0, 1.0, None),
        ("opening", date(2026, 1, 1), "video", None, None, "no_reference"),
    ]
