"""What stands behind the comparison of a fixture release, in numbers that agree with each other.

Worked out from the cells of site_benchmarks, so that they agree with them: adjusted = raw -
expected + the network's mean, the parts of a gap add up to raw - the network's mean, a shrunken
value is target + reliability x (value - target), XmR limits are mean ± 2.66 x the mean moving
range of the values that are there.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise

Row = dict[str, object]

NETWORK: Mapping[str, object] = {
    "instrument_code": "srs",
    "version": "3",
    "language": "en",
    "informant": "client",
    "collection_mode": "tablet",
    "stage": "all",
}
PERIOD = "12m-2026-10"
TREND_SITE = ("birchwood", "elm_court")
"""Has a line through time with a gap, an intervention, and points that three rules mark."""
SHORT_SITE = ("harbour", "quay_street")
"""Has seven months: too few points for limits."""
NOT_IDENTIFIABLE = ("harbour", "lighthouse")
"""All its clients are alike in a covariate: nothing is adjusted, and it has no parts of a gap."""
CHANGE = "New welcome call"
Z95, Z998 = 1.959964, 3.090232
ADJUSTED_TARGET = 35.6
TAU2 = 0.05

_CASE_MIX = (0.3, -0.4, 0.7, 0.1, -0.6, 0.2, 0.5, -0.2, 0.4, -0.3)


def _number(row: Row, name: str) -> float:
    value = row[name]
    assert isinstance(value, int | float)
    return float(value)


def shrunken(row: Row, value: str, error: str, target: float, tau2: float) -> Row:
    """The pulled value of a row, its interval, and the reliability it is pulled by."""
    error_2 = _number(row, error) ** 2
    reliability = tau2 / (tau2 + error_2)
    pulled = target + reliability * (_number(row, value) - target)
    # A little wider than the plug-in interval, as one that knows that tau2 is a guess.
    half = 1.1 * Z95 * (tau2 * error_2 / (tau2 + error_2)) ** 0.5
    return {
        "shrunken": pulled,
        "shrunken_lower95": pulled - half,
        "shrunken_upper95": pulled + half,
        "reliability": reliability,
    }


def _is_in_view(row: Row) -> bool:
    same = all(row[name] == value for name, value in NETWORK.items())
    return same and row["period"] == PERIOD and not row["is_suppressed"]


def _cell(row: Row) -> Row:
    names = ("practice_id", "site_id", *NETWORK, "metric", "period")
    return {name: row[name] for name in names}


def adjustments(benchmarks: Sequence[Row]) -> list[Row]:
    """Every shown site of the opening view adjusted, but the one whose clients are all alike."""
    members = [row for row in benchmarks if _is_in_view(row)]
    network_mean = 35.4
    found = []
    for place, row in enumerate(members):
        if (row["practice_id"], row["site_id"]) == NOT_IDENTIFIABLE:
            reason = {"not_identifiable": "delivery_mode"}
            found.append(_cell(row) | reason | {"null_reason": "covariate_not_identifiable"})
            continue
        expected = network_mean + _CASE_MIX[place % len(_CASE_MIX)]
        error = _number(row, "standard_error") + 0.03
        adjusted = _number(row, "raw") - expected + network_mean
        wide = (error**2 + TAU2) ** 0.5
        numbers: Row = {
            "expected": expected,
            "adjusted": adjusted,
            "standard_error": error,
            "target": ADJUSTED_TARGET,
            "z": (adjusted - ADJUSTED_TARGET) / error,
            "largest_share_missing": 0.1,
        }
        for name, z in (("95", Z95), ("998", Z998)):
            numbers[f"lower{name}"] = ADJUSTED_TARGET - z * wide
            numbers[f"upper{name}"] = ADJUSTED_TARGET + z * wide
        if row.get("flag") is not None:
            numbers["flag"] = _flag((adjusted - ADJUSTED_TARGET) / wide)
        pulled = shrunken(numbers, "adjusted", "standard_error", ADJUSTED_TARGET, TAU2)
        del pulled["reliability"]
        found.append(_cell(row) | numbers | pulled)
    return found


def _flag(z: float) -> str:
    side = "above" if z > 0 else "below"
    if abs(z) > Z998:
        return f"{side}_998"
    return f"{side}_95" if abs(z) > Z95 else "within"


def gaps(benchmarks: Sequence[Row], adjusted: Sequence[Row]) -> list[Row]:
    """Parts that add up to the gap; at one site the part of a few therapists is not known."""
    raw = {(row["practice_id"], row["site_id"]): row for row in benchmarks if _is_in_view(row)}
    found = []
    for place, row in enumerate(adjusted):
        site = (row["practice_id"], row["site_id"])
        if row.get("adjusted") is None:
            found.append(_cell(row) | {"null_reason": row["null_reason"]})
            continue
        gap = _number(raw[site], "raw") - 35.4
        case_mix = _number(row, "expected") - 35.4
        response = None if place == 3 else round(0.2 * (gap - case_mix), 4)
        left = gap - case_mix - (response or 0.0)
        therapists = None if site == ("harbour", "dockside") else round(0.35 * left, 4)
        found.append(
            _cell(row)
            | {
                "gap": gap,
                "gap_case_mix": case_mix,
                "gap_response": response,
                "gap_therapists": therapists,
                "gap_rest": left - (therapists or 0.0),
                "outcome_instrument_code": "phq_9",
                "outcome_of_gap": 0.06 * gap,
                "outcome_lower95": min(0.02 * gap, 0.1 * gap),
                "outcome_upper95": max(0.02 * gap, 0.1 * gap),
            }
        )
    return found


def _month(number: int) -> date:
    """The first day of the month `number` months after January 2024."""
    return date(2024 + number // 12, number % 12 + 1, 1)


# Months of 2024 to October 2026. A step up with the change of June 2025, a fall out of the limits
# (2024-09), a run on one side after it; December 2025 is not there.
_BEFORE = (35.2, 35.6, 34.9, 35.4, 35.1, 35.5, 35.0, 35.3, 32.6, 35.4, 35.2, 35.6)
_BEFORE_2025 = (35.1, 35.5, 35.0, 35.3, 35.2)
_AFTER = (36.9, 37.2, 36.8, 37.1, 37.0, 37.3, None, 36.2, 36.0, 36.1, 35.9, 36.3, 36.0, 36.2)
_AFTER_2026 = (37.9, 37.6, 37.8)
_MARKS = {
    date(2024, 9, 1): "outside",
    **{date(2026, month, 1): "shift" for month in range(1, 8)},
    date(2026, 3, 1): "shift,two_in_three",
}
CHANGED_ON = date(2025, 6, 1)


def _xmr(line: Sequence[tuple[date, float]]) -> tuple[float, float, float]:
    """Mean and limits: mean ± 2.66 x the mean moving range, none over a month that is missing."""
    mean = sum(value for _, value in line) / len(line)
    ranges = [
        abs(later - earlier)
        for (before, earlier), (after, later) in pairwise(line)
        if (after - before).days <= 31
    ]
    reach = 2.66 * sum(ranges) / len(ranges)
    return mean, mean - reach, mean + reach


def trends() -> list[Row]:
    """A long line with a change and a gap, and one that is too short for limits."""
    line = [
        (_month(number), value)
        for number, value in enumerate((*_BEFORE, *_BEFORE_2025, *_AFTER, *_AFTER_2026))
        if value is not None
    ]
    rows: list[Row] = []
    for phase in (1, 2):
        stretch = [(on, value) for on, value in line if (on >= CHANGED_ON) == (phase == 2)]
        mean, lower, upper = _xmr(stretch)
        rows += [
            _point(TREND_SITE, on, value)
            | {"phase": phase, "mean": mean, "lower_limit": lower, "upper_limit": upper}
            | {"signals": _MARKS.get(on)}
            for on, value in stretch
        ]
    rows += [
        _point(SHORT_SITE, _month(27 + number), 37.0 + 0.1 * number)
        | {"phase": 1, "null_reason": "too_few_points"}
        for number in range(7)
    ]
    return rows


def _point(site: tuple[str, str], on: date, value: float) -> Row:
    return {
        **dict(zip(("practice_id", "site_id"), site, strict=True)),
        **NETWORK,
        "metric": "mean_score",
        "period": f"{on:%Y-%m}",
        "period_on": on,
        "value": value,
    }


def deciles() -> list[Row]:
    """The group's spread in each month but the first two, in which too few sites are shown."""
    return [
        {
            **NETWORK,
            "metric": "mean_score",
            "period": f"{_month(number):%Y-%m}",
            "period_on": _month(number),
            "n_sites": 12,
            **{f"p{tenth}0": 33.4 + 0.4 * tenth + 0.02 * (number % 5) for tenth in range(1, 10)},
        }
        for number in range(2, 34)
    ]


def interventions() -> list[Row]:
    """One at the site with the line, one for the whole group before it, one of another practice."""
    return [
        {
            "starts_on": CHANGED_ON,
            "practice_id": "birchwood",
            "site_id": "elm_court",
            "name": CHANGE,
        },
        {"starts_on": date(2023, 6, 1), "name": "Forms on tablets"},
        {"starts_on": date(2026, 2, 1), "practice_id": "harbour", "name": "Harbour moves house"},
    ]


def reference_bands() -> list[Row]:
    """This network's own, a publication nearby, and one too far away to be drawn."""
    return [
        {
            **NETWORK,
            "source": "this network",
            "band": "all clients of 2025",
            "frozen_on": date(2026, 1, 2),
            "n": 4210,
            "p10": 28.6,
            "p25": 32.5,
            "p50": 36.2,
            "p75": 38.4,
            "p90": 39.7,
        },
        {
            **NETWORK,
            "source": "A publication 2019",
            "band": "adults in talking therapy",
            "n": 812,
            "mean": 34.1,
            "sd": 5.2,
        },
        {
            **NETWORK,
            "source": "Far away 2001",
            "band": "another country",
            "n": 95,
            "mean": 21.5,
            "sd": 7.0,
        },
    ]


def case_mix() -> dict[str, list[Row]]:
    """A model with a number, categories and a covariate left out, and its calibration."""
    coefficients: list[Row] = [
        {"covariate": "baseline_severity", "estimate": -0.05, "lower95": -0.07, "upper95": -0.03}
        | {"share_missing": 0.1, "reliability": 0.86},
        {"covariate": "log_session_no", "estimate": 0.9, "lower95": 0.6, "upper95": 1.2}
        | {"share_missing": 0.0},
        {"covariate": "age_band", "category": "18-25", "estimate": -0.4}
        | {"lower95": -0.9, "upper95": 0.1, "share_missing": 0.05},
        {"covariate": "age_band", "category": "65-79", "estimate": 0.6}
        | {"lower95": 0.1, "upper95": 1.1, "share_missing": 0.05},
        {"covariate": "service_type", "share_missing": 0.0, "null_reason": "one_value"},
    ]
    model: Row = {
        **NETWORK,
        "period": "all",
        "n_clients": 2270,
        "n_sites": 12,
        "r2_within": 0.06,
        "r2_between": 0.21,
        "calibration_slope": 0.97,
        "calibration_lower95": 0.81,
        "calibration_upper95": 1.13,
    }
    tenths: list[Row] = [
        {
            **NETWORK,
            "tenth": tenth,
            "expected": 33.6 + 0.36 * tenth,
            "observed": 33.6 + 0.35 * tenth + (0.12 if tenth % 2 else -0.08),
        }
        for tenth in range(1, 11)
    ]
    return {
        "case_mix_models": [model],
        "case_mix_coefficients": [{**NETWORK, **row} for row in coefficients],
        "case_mix_calibration": tenths,
    }


def behind(benchmarks: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by table of all that stands behind the opening view."""
    adjusted = adjustments(benchmarks)
    return {
        "site_adjustments": adjusted,
        "site_gaps": gaps(benchmarks, adjusted),
        "site_trends": trends(),
        "network_deciles": deciles(),
        "interventions": interventions(),
        "reference_bands": reference_bands(),
        **case_mix(),
    }
