"""Marked drops by every rule on series worked out by hand, and what they count as.

Totals and ranges: series_rows.py. A drop is named by its form's place in the series.
"""

from collections.abc import Callable
from math import sqrt
from typing import Any

import pytest

from expectations.registry import Registry
from tests.integration.dbt.raw_rows import RawWarehouse
from tests.integration.dbt.series_rows import DROPS, Series, declared, deliver, forms

OpenWarehouse = Callable[[Registry], RawWarehouse]


@pytest.fixture(scope="module")
def built(open_warehouse: OpenWarehouse) -> RawWarehouse:
    warehouse = open_warehouse(declared())
    deliver(warehouse, DROPS)
    warehouse.build_with_measures()
    return warehouse


def _drops(built: RawWarehouse, rule: str, client: str) -> list[tuple[Any, ...]]:
    """(form_no, size, repair_state) of the drops by the rule."""
    rows = built.rows(
        "select form_no, size, repair_state from intermediate.int_drops_marked "
        f"where rule = '{rule}' and client_key = key('{client}') and is_drop order by form_no"
    )
    return [(form_no, round(size, 6), state) for form_no, size, state in rows]


def _event(built: RawWarehouse, metric: str, client: str) -> list[tuple[Any, ...]]:
    return built.rows(
        "select numerator, denominator, null_reason from intermediate.int_events_measured "
        f"where metric = '{metric}' and client_key = key('{client}') order by all"
    )


NO = (0.0, 1.0, None)
YES = (1.0, 1.0, None)


def _null(reason: str) -> tuple[None, None, str]:
    return (None, None, reason)


def test_a_form_has_its_place_and_its_neighbours(built: RawWarehouse) -> None:
    # Ada: 36, 29, 34.4, 27, 30 x 5. Sum 276.4, mean 30.711. Without the first
    # 240.4 / 8 = 30.05, ranges 5.4, 7.4, 3, 0 x 4 over 7: 2.257. Without the second 247.4 / 8 =
    # 30.925; the bridge from 36 to 34.4 is 1.6: 1.6, 7.4, 3, 0 x 4 over 7: 1.714.
    rows = built.rows(
        "select form_no, n_forms, total, pomp, previous_total, next_total, best_total_ahead, "
        "round(mean_of_others, 6), round(moving_range_of_others, 6), round(series_mean, 6) "
        "from intermediate.int_forms_ordered "
        "where client_key = key('ada') and form_no in (1, 2, 9) order by form_no"
    )
    mean = round(276.4 / 9, 6)
    assert rows == [
        (1, 9, 36.0, 90.0, None, 29.0, 34.4, 30.05, round(15.8 / 7, 6), mean),
        (2, 9, 29.0, 72.5, 36.0, 34.4, 34.4, 30.925, round(12 / 7, 6), mean),
        # Without the last: 246.4 / 8 = 30.8; ranges 7, 5.4, 7.4, 3, 0, 0, 0 over 7.
        (9, 9, 30.0, 75.0, 30.0, None, None, 30.8, round(22.8 / 7, 6), mean),
    ]


def test_the_fixed_rule_and_its_repair(built: RawWarehouse) -> None:
    # 36 - 29 = 7 >= 6.667, and 34.4 is at least 36 - 1.667 = 34.333. 34.4 - 27 = 7.4, and none of
    # the five that follow reaches 34.4 - 1.667 = 32.733.
    assert _drops(built, "fixed", "ada") == [(2, 7, "repaired"), (4, 7.4, "unrepaired")]
    assert _event(built, "marked_drop_fixed", "ada") == [YES]
    assert _event(built, "unrepaired_fixed", "ada") == [YES]
    # 34.3 misses 34.333 and four more forms could still come.
    assert _drops(built, "fixed", "ben") == [(2, 7, "open")]
    assert _event(built, "unrepaired_fixed", "ben") == [_null("open")]
    # 6.6 points are too few, and two forms are no series.
    assert _event(built, "marked_drop_fixed", "dina") == [NO]
    assert _event(built, "unrepaired_fixed", "dina") == []
    assert _event(built, "marked_drop_fixed", "cleo") == [_null("too_few_forms")]


def test_exactly_a_point_is_a_drop_and_exactly_a_quarter_away_is_a_repair(
    built: RawWarehouse,
) -> None:
    # WAI-SR, 48 points wide: 50 - 42 = 8 = 48 / 6; 48 = 50 - 48 / 24; 47 is a point short of it.
    assert _drops(built, "fixed", "fay") == [(2, 8, "repaired")]
    assert _drops(built, "fixed", "gail") == [(2, 8, "open")]
    assert _event(built, "unrepaired_fixed", "fay") == [NO]


def test_a_missed_form_is_no_repair(built: RawWarehouse) -> None:
    # Five sessions follow the drop, and no form of theirs came: nothing is known of a repair.
    assert built.rows(
        "select count(*) from intermediate.int_sessions_numbered where client_key = key('hugo')"
    ) == [(8,)]
    assert _drops(built, "fixed", "hugo") == [(3, 7, "open")]
    assert _event(built, "unrepaired_fixed", "hugo") == [_null("open")]


def test_a_declared_reliable_change_has_to_be_exceeded_as_well(built: RawWarehouse) -> None:
    # 8 points declared: 7 and 8 are not above it, 8.1 is.
    assert [_drops(built, "fixed", one) for one in ("ida", "joe")] == [[], []]
    assert _drops(built, "fixed", "kim") == [(2, 8.1, "repaired")]
    assert built.rows(
        "select distinct instrument_code, rule, is_reliable_change_applied "
        "from intermediate.int_drops_marked where rule = 'fixed' or language = 'de' order by all"
    ) == [
        ("made_up_alliance", "fixed", True),
        ("srs", "fixed", False),
        ("srs", "sd1", None),
        ("srs", "sd2", None),
        ("wai_sr", "fixed", False),
    ]


def test_the_sd_rule_takes_the_stricter_sd(built: RawWarehouse) -> None:
    # Lea: deviations 0, 2, 0, -2, 0: squares 8, SD sqrt(8 / 4) = 1.414. Max: 0, 4, 0, -4, 0:
    # squares 32, SD 2.828. Pooled sqrt((8 + 32) / (4 + 4)) = 2.236. All ten forms: mean 30, SD
    # sqrt(40 / 9) = 2.108.
    assert built.rows(
        "select n_series, n_forms, mean_total, within_sd, total_sd "
        "from intermediate.int_spreads_pooled where language = 'de'"
    ) == [(2, 10, 30.0, sqrt(5), sqrt(40 / 9))]
    # Lea's falls of 2 are beyond her own SD and within that of all forms.
    assert _drops(built, "sd1", "lea") == []
    assert _event(built, "marked_drop_sd1", "lea") == [NO]
    # Max's falls of 4 are beyond his own 2.828. One is never made good by its three forms: open.
    assert _drops(built, "sd1", "max") == [(3, 4, "open"), (4, 4, "repaired")]
    assert _event(built, "unrepaired_sd1", "max") == [NO]
    # Twice 2.828 is 5.657.
    assert _event(built, "marked_drop_sd2", "max") == [NO]
    # Four forms, however they fall.
    assert _event(built, "marked_drop_sd1", "ned") == [_null("too_few_forms")]
    assert _event(built, "marked_drop_fixed", "ned") == [YES]


def test_the_control_chart_leaves_out_the_tested_form(built: RawWarehouse) -> None:
    # Pia: without the last 249 / 7 = 35.571, ranges of 1: limit 35.571 - 2.66 = 32.911 > 31. Left
    # in, mean 35 and range (6 + 5) / 7 = 1.571 would put it at 30.82.
    assert _drops(built, "chart", "pia") == [(8, round(249 / 7 - 31, 6), "open")]
    # Quin: the bridge over the tested form is 0: 5 / 6 = .833, limit 33.355; 36 comes next.
    assert _drops(built, "chart", "quin") == [(4, round(249 / 7 - 31, 6), "repaired")]
    assert built.rows(
        "select round(needed, 6) from intermediate.int_drops_marked "
        "where rule = 'chart' and client_key = key('quin') and form_no = 4"
    ) == [(round(2.66 * 5 / 6, 6),)]
    assert _event(built, "unrepaired_chart", "quin") == [NO]
    assert _event(built, "marked_drop_chart", "lea") == [_null("too_few_forms")]


def test_at_the_ceiling_nothing_can_be_measured_by(built: RawWarehouse) -> None:
    for metric in ("marked_drop_sd1", "marked_drop_sd2", "marked_drop_chart"):
        assert _event(built, metric, "olga") == [_null("no_variation")]
    assert _event(built, "marked_drop_fixed", "olga") == [NO]
    # Rosa's one fall from the ceiling has only equal forms around it: no signal, not a drop of any.
    assert built.rows(
        "select is_drop, repair_state, null_reason from intermediate.int_drops_marked "
        "where rule = 'chart' and client_key = key('rosa') and form_no = 4"
    ) == [(None, None, "no_variation")]
    assert _event(built, "marked_drop_chart", "rosa") == [NO]


def test_without_a_frozen_reference_no_form_is_called_low(built: RawWarehouse) -> None:
    # Kim's fall is beyond the reliable change, and still nothing is said: see test_low_alliance.py.
    for client in ("kim", "dina"):
        assert _event(built, "low_alliance", client) == [_null("no_reference")] * 3


def test_every_unit_has_a_number_or_a_reason(built: RawWarehouse) -> None:
    assert built.rows(
        "select count(*) from intermediate.int_events_measured "
        "where (numerator is null) <> (null_reason is not null) "
        "or (numerator is null) <> (denominator is null) or value is not null "
        "or numerator not in (0, 1) or denominator <> 1"
    ) == [(0,)]


_WITHOUT_ROW_NUMBERS = {
    "int_forms_ordered": "administration_row, series_row",
    "int_drops_marked": "administration_row, series_row",
    "int_alliance_flagged": "administration_row",
    "int_events_measured": "",
    "int_spreads_pooled": "",
}


def _all(warehouse: RawWarehouse, *, with_row_numbers: bool) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: warehouse.rows(
            f"select * {f'exclude ({left_out})' if left_out and not with_row_numbers else ''} "
            f"from intermediate.{table} order by all"
        )
        for table, left_out in _WITHOUT_ROW_NUMBERS.items()
    }


def test_the_order_of_rows_changes_nothing(
    built: RawWarehouse, open_warehouse: OpenWarehouse
) -> None:
    turned = open_warehouse(declared())
    deliver(turned, DROPS, is_turned=True)
    turned.build_with_measures()
    assert _all(turned, with_row_numbers=False) == _all(built, with_row_numbers=False)


def test_two_nights_end_where_one_build_does(open_warehouse: OpenWarehouse) -> None:
    # The second night prolongs two series; Max's moves the network's SD, by which Lea is judged
    # though nothing of hers came; a correction makes Dina's fall a drop.
    more = (
        Series("ben", (36, 29, 34.3, 33, 33, 33, 33)),
        Series("max", (30, 34, 30, 26, 30, 30.1, 30, 30, 30, 30, 30, 30, 30, 30), language="de"),
        Series("dina", (36, 28, 36)),
    )
    twice, once = open_warehouse(declared()), open_warehouse(declared())
    for warehouse in (twice, once):
        deliver(warehouse, DROPS)
        if warehouse is twice:
            warehouse.build_with_measures()
            with warehouse.connect() as con:
                con.execute("update intermediate.int_forms_ordered set site_id = 'marked'")
        warehouse.deliver("administrations", "north", forms(more))
        warehouse.build_with_measures()
    touched = ("ben", "dina", "max")
    marked = twice.rows(
        "select distinct client_key from intermediate.int_forms_ordered where site_id = 'marked'"
    )
    assert {client for (client,) in marked} == {one.client for one in DROPS} - set(touched)
    with twice.connect() as con:
        con.execute("update intermediate.int_forms_ordered set site_id = 'east'")
    assert _all(twice, with_row_numbers=True) == _all(once, with_row_numbers=True)
    # All 19 forms: sqrt((8 + 32.01 - 19 x .0053 squared) / 18) = 1.491; Lea's 2 are beyond it now.
    assert _drops(twice, "sd1", "lea") == [(3, 2, "open"), (4, 2, "repaired")]
    # Five forms have followed Ben's drop, and none was back at 34.333.
    assert _event(twice, "unrepaired_fixed", "ben") == [YES]
    assert _drops(twice, "fixed", "dina") == [(2, 8, "repaired")]
