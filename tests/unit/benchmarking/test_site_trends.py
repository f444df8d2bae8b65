"""Cells into lines through time: which cells, gaps, stretches, deciles; by hand."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from expectations.model import Intervention
from orchestration.benchmarking.site_trends import (
    DECILE_COLUMNS,
    DECILES,
    TREND_COLUMNS,
    SiteTrends,
    site_trends,
)

MONTHS = [f"{year}-{month:02d}" for year in (2025, 2026) for month in range(1, 13)]
TO_AND_FRO = [10.0, 11.0] * 12
PLACE = {
    "practice_id": "north",
    "site_id": "river",
    "instrument_code": "srs",
    "version": "3",
    "language": "en",
    "informant": "client",
    "collection_mode": "web",
    "metric": "mean_score",
    "stage": "all",
}


def _cells(
    values: Sequence[float | None], periods: Sequence[str] = MONTHS, **place: str
) -> pd.DataFrame:
    """One line; None is a hidden cell."""
    return pd.DataFrame(
        [
            {**PLACE, **place, "period": period, "raw": value, "is_suppressed": value is None}
            for period, value in zip(periods, values, strict=False)
        ]
    ).astype({"raw": "float64"})


def _trends(*cells: pd.DataFrame, of: Sequence[str] = ("month",), **more: Any) -> SiteTrends:
    return site_trends(pd.concat(cells, ignore_index=True), of, **more)


def test_columns_and_a_line_without_a_move() -> None:
    lines = _trends(_cells(TO_AND_FRO)).lines
    assert tuple(lines.columns) == TREND_COLUMNS
    assert lines["period"].tolist() == MONTHS
    assert lines["value"].tolist() == TO_AND_FRO
    assert lines["period_on"].iloc[[0, 23]].dt.date.tolist() == [
        date(2025, 1, 1),
        date(2026, 12, 1),
    ]
    assert lines[["mean", "lower_limit", "upper_limit"]].drop_duplicates().to_numpy()[0] == (
        pytest.approx([10.5, 10.5 - 2.66, 10.5 + 2.66])
    )
    assert set(lines["phase"]) == {1}
    assert lines[["signals", "null_reason"]].isna().to_numpy().all()


def test_signals_are_named_in_the_order_of_the_rules() -> None:
    values = [*TO_AND_FRO[:17], 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0]
    lines = _trends(_cells(values)).lines
    # (9 x 10 + 8 x 11 + 105) / 24 = 283 / 24; ranges: 16 of 1, 2, 6 of 1 -> 24 / 23.
    mean, width = 283 / 24, 2.66 * 24 / 23
    assert lines["mean"].iloc[0] == pytest.approx(mean)
    assert lines["upper_limit"].iloc[0] == pytest.approx(mean + width)
    found = lines["signals"].fillna("").tolist()
    # Seventeen below the mean, then seven above it; from the last 10 on all rise; the limit is
    # 11.79 + 2.78 = 14.57, and 14 alone lies in its outer third.
    assert found == [*["shift"] * 16, *["shift,trend"] * 4, *["outside,shift,trend"] * 4]


def test_hidden_and_missing_periods_are_gaps() -> None:
    values: list[float | None] = [*TO_AND_FRO]
    values[7] = None
    cells = _cells(values)
    without = cells[cells["period"] != "2025-04"]
    lines = _trends(without).lines
    assert len(lines) == 22
    assert not {"2025-04", "2025-08"} & set(lines["period"])
    # January to March, May to July and September on: 2 + 2 + 15 ranges, each of 1.
    assert lines["upper_limit"].iloc[0] - lines["mean"].iloc[0] == pytest.approx(2.66)
    assert lines["mean"].iloc[0] == pytest.approx((12 * 10 + 10 * 11) / 22)
    assert lines["null_reason"].isna().all()
    two_of_three = [place for place in range(24) if place % 3 != 2]
    thin = _trends(cells.iloc[two_of_three]).lines
    assert set(thin["null_reason"]) == {"gaps"}
    assert thin["mean"].isna().all()
    assert set(_trends(cells.iloc[:7]).lines["null_reason"]) == {"too_few_points"}


def test_months_where_the_group_has_them_quarters_where_not_and_no_other() -> None:
    quarters = [f"{year}-Q{number}" for year in range(2024, 2027) for number in range(1, 5)]
    both = (
        _cells(TO_AND_FRO[:12], quarters),
        _cells(TO_AND_FRO),
        _cells([3.0] * 4, ["2025", "2026", "12m-2026-06", "all"]),
    )
    assert _trends(*both, of=("quarter", "month", "all")).lines["period"].tolist() == MONTHS
    by_quarter = _trends(*both, of=("quarter", "year")).lines
    assert by_quarter["period"].tolist() == quarters
    assert by_quarter["period_on"].dt.date.tolist()[:3] == [
        date(2024, 1, 1),
        date(2024, 4, 1),
        date(2024, 7, 1),
    ]
    assert by_quarter["upper_limit"].iloc[0] == pytest.approx(10.5 + 2.66)
    none = _trends(*both, of=("year", "all"))
    assert (len(none.lines), len(none.deciles)) == (0, 0)
    assert tuple(none.lines.columns) == TREND_COLUMNS
    assert tuple(none.deciles.columns) == DECILE_COLUMNS


@pytest.mark.parametrize("name", [name for name in PLACE if name not in ("practice_id",)])
def test_nothing_is_mixed(name: str) -> None:
    """Twelve values of one and twelve of another are two lines without limits or with their own."""
    one, other = _cells(TO_AND_FRO[:11]), _cells(TO_AND_FRO[11:], MONTHS[11:], **{name: "other"})
    lines = _trends(one, other).lines
    assert set(lines.loc[lines[name] == PLACE[name], "null_reason"]) == {"too_few_points"}
    assert lines.loc[lines[name] == "other", "null_reason"].isna().all()


def _phases(lines: pd.DataFrame, site: str) -> list[int]:
    return lines.loc[lines["site_id"] == site, "phase"].tolist()


def test_an_intervention_begins_a_stretch_where_it_applies() -> None:
    sites = [
        _cells([*TO_AND_FRO[:12], *(value + 5 for value in TO_AND_FRO[12:])], **place)
        for place in (
            {"site_id": "river"},
            {"site_id": "hill"},
            {"practice_id": "south", "site_id": "river"},
        )
    ]
    one = Intervention(
        starts_on=date(2026, 1, 1), name="New room", practice_id="north", site_id="river"
    )
    lines = _trends(*sites, interventions=[one]).lines
    at_river = lines[(lines["practice_id"] == "north") & (lines["site_id"] == "river")]
    assert at_river["phase"].tolist() == [1] * 12 + [2] * 12
    assert at_river["mean"].iloc[[0, 23]].tolist() == [10.5, 15.5]
    assert at_river["signals"].isna().all()
    others = lines.drop(at_river.index)
    assert set(others["phase"]) == {1}
    assert others["signals"].str.contains("shift").all()
    in_practice = one.model_copy(update={"site_id": None})
    lines = _trends(*sites, interventions=[in_practice]).lines
    assert lines.groupby("practice_id")["phase"].max().to_dict() == {"north": 2, "south": 1}
    everywhere = in_practice.model_copy(update={"practice_id": None})
    lines = _trends(*sites, interventions=[everywhere]).lines
    assert lines.groupby(["practice_id", "site_id"])["phase"].max().tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("starts_on", "first_after"),
    [
        # Of 28 days in February 2026 fourteen are left from the 15th on, thirteen from the 16th.
        (date(2026, 2, 1), "2026-02"),
        (date(2026, 2, 15), "2026-02"),
        (date(2026, 2, 16), "2026-03"),
        # Of 31 in March sixteen from the 16th, fifteen from the 17th.
        (date(2026, 3, 16), "2026-03"),
        (date(2026, 3, 17), "2026-04"),
        (date(2024, 6, 1), None),
        (date(2027, 6, 1), None),
    ],
)
def test_a_period_belongs_to_the_stretch_of_most_of_its_days(
    starts_on: date, first_after: str | None
) -> None:
    lines = _trends(
        _cells(TO_AND_FRO), interventions=[Intervention(starts_on=starts_on, name="New form")]
    ).lines
    after = lines.loc[lines["phase"] == 2, "period"].tolist()
    assert after[:1] == ([first_after] if first_after else [])
    assert set(lines["phase"]) == ({1, 2} if first_after else {1})


def test_stretches_are_counted_by_what_the_line_has() -> None:
    """Two within one month are one beginning, and one without any value is none."""
    days = [date(2025, 7, 3), date(2025, 7, 9), date(2026, 2, 1), date(2026, 4, 1)]
    changes = [Intervention(starts_on=day, name=f"Change {day}") for day in days]
    values: list[float | None] = [*TO_AND_FRO]
    values[13:15] = [None, None]
    lines = _trends(_cells(values), interventions=changes).lines
    assert lines["phase"].tolist() == [1] * 6 + [2] * 7 + [3] * 9
    assert set(lines["null_reason"]) == {"too_few_points"}


def test_the_hidden_values_of_others_and_the_order_of_rows_change_nothing() -> None:
    cells = pd.concat([_cells(TO_AND_FRO), _cells(TO_AND_FRO[::-1], site_id="hill")])
    found = _trends(cells)
    turned = _trends(cells.sample(frac=1.0, random_state=3))
    pd.testing.assert_frame_equal(found.lines, turned.lines)
    hidden = cells.assign(raw=cells["raw"].where(cells["site_id"] == "hill", 99.0))
    hidden["is_suppressed"] = cells["site_id"] == "river"
    only = _trends(hidden).lines
    expected = found.lines[found.lines["site_id"] == "hill"].reset_index(drop=True)
    pd.testing.assert_frame_equal(only, expected)


def test_a_cell_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        _trends(_cells(TO_AND_FRO), _cells(TO_AND_FRO[:1]))


def test_deciles_of_ten_sites_by_hand() -> None:
    """Of 1, 2, 4, 7, 11, 16, 22, 29, 37, 46 the first decile (type 7) lies at place 0.9: 1 + 0.9 x
    1 = 1.9; the second at 1.8: 2 + 0.8 x 2 = 3.6; the median half way from 11 to 16; the ninth at
    8.1: 37 + 0.1 x 9 = 37.9."""
    values = [46.0, 1.0, 37.0, 2.0, 29.0, 4.0, 22.0, 7.0, 16.0, 11.0]
    sites = [_cells([value, value], site_id=f"s{n}") for n, value in enumerate(values)]
    eleventh = _cells([None, 56.0], site_id="s10")
    found = _trends(*sites, eleventh).deciles
    assert tuple(found.columns) == DECILE_COLUMNS
    first = found.iloc[0]
    assert (first["period"], first["n_sites"]) == ("2025-01", 10)
    assert first[["p10", "p20", "p50", "p90"]].tolist() == pytest.approx([1.9, 3.6, 13.5, 37.9])
    # With the eleventh the deciles are the values from the second to the tenth.
    assert found.iloc[1][list(DECILES)].tolist() == pytest.approx(sorted(values)[1:])
    assert len(found) == 2


def test_deciles_agree_with_the_librarys_and_need_ten_sites_of_one_network() -> None:
    rng = np.random.default_rng(11)
    values = rng.normal(30, 3, 37)
    cells = [_cells([value], site_id=f"s{n:02d}") for n, value in enumerate(values)]
    (found,) = _trends(*cells).deciles[list(DECILES)].to_numpy()
    assert found == pytest.approx(np.quantile(values, np.arange(1, 10) / 10))
    assert _trends(*cells[:9]).deciles.empty
    mixed = [
        _cells([value], site_id=f"s{n:02d}", language="de" if n % 2 else "en")
        for n, value in enumerate(values[:18])
    ]
    assert _trends(*mixed).deciles.empty
