"""The table twins of "Compare sites": what each chart shows, in columns. PURE."""

from collections.abc import Mapping, Sequence

from dashboards import labels, part_labels
from dashboards.release import (
    Adjustment,
    CalibrationTenth,
    Coefficient,
    Deciles,
    Gap,
    Instrument,
    Intervention,
    ReferenceBand,
    SiteResult,
    TrendPoint,
)
from dashboards.twins import INSTEAD, Column, Twin

_Z95 = 1.959964


def caterpillar_twin(
    rows: Sequence[SiteResult],
    adjustments: Mapping[tuple[str, str], Adjustment],
    instrument: Instrument,
) -> Twin:
    """Raw and adjusted values, as they are and pulled to the group; a hidden site has none."""
    columns = (
        Column("Site", ("site",), "text"),
        Column("Raw", ("raw",), "score", bound="raw_bound"),
        Column("Raw, 95 % interval", ("raw_lower95", "raw_upper95"), "score"),
        Column("Raw, pulled", ("shrunken",), "score"),
        Column("Its 95 % interval", ("shrunken_lower95", "shrunken_upper95"), "score"),
        Column("Adjusted", ("adjusted",), "score"),
        Column("Adjusted, 95 % interval", ("adjusted_lower95", "adjusted_upper95"), "score"),
        Column("Adjusted, pulled", ("adjusted_shrunken",), "score"),
        Column(
            "Its 95 % interval",
            ("adjusted_shrunken_lower95", "adjusted_shrunken_upper95"),
            "score",
        ),
        Column("Adjusted range", ("adjusted_limit_lower95", "adjusted_limit_upper95"), "score"),
        Column("Adjusted reading", ("adjusted_reading",), "text"),
        Column("Reliability", ("reliability",), "plain"),
    )
    return Twin(
        "caterpillar-table",
        "Raw and adjusted means with their 95 % intervals, and pulled to the group",
        columns,
        [_caterpillar_row(row, adjustments.get((row.practice_id, row.site_id))) for row in rows],
        instrument.decimals,
    )


def _caterpillar_row(row: SiteResult, adjustment: Adjustment | None) -> dict[str, object]:
    if row.is_suppressed:
        return {"site": row.site_label, INSTEAD: labels.SUPPRESSED}
    found: dict[str, object] = {
        "site": row.site_label,
        "raw": row.raw,
        "raw_bound": row.raw_bound,
        "shrunken": row.shrunken,
        "shrunken_lower95": row.shrunken_lower95,
        "shrunken_upper95": row.shrunken_upper95,
        "reliability": row.reliability,
        "adjusted_reading": part_labels.not_adjusted(adjustment),
    }
    if row.raw is not None and row.margin is not None:
        found |= {"raw_lower95": row.raw - row.margin, "raw_upper95": row.raw + row.margin}
    if adjustment is None or adjustment.adjusted is None:
        return found
    found |= {
        "adjusted": adjustment.adjusted,
        "adjusted_shrunken": adjustment.shrunken,
        "adjusted_shrunken_lower95": adjustment.shrunken_lower95,
        "adjusted_shrunken_upper95": adjustment.shrunken_upper95,
        "adjusted_limit_lower95": adjustment.lower95,
        "adjusted_limit_upper95": adjustment.upper95,
        "adjusted_reading": labels.flag(adjustment.flag),
    }
    if adjustment.standard_error is not None:
        margin = _Z95 * adjustment.standard_error
        found |= {
            "adjusted_lower95": adjustment.adjusted - margin,
            "adjusted_upper95": adjustment.adjusted + margin,
        }
    return found


def reference_twin(bands: Sequence[ReferenceBand], instrument: Instrument) -> Twin:
    """What the site means can be held beside: people of this network, or of a publication."""
    columns = (
        Column("Reference", ("source",), "text"),
        Column("Of whom", ("band",), "text"),
        Column("Frozen on", ("frozen_on",), "text"),
        Column("People", ("n",), "count"),
        Column("Mean", ("mean",), "score"),
        Column("SD", ("sd",), "score"),
        *(Column(f"P{tenth}", (f"p{tenth}",), "score") for tenth in (10, 25, 50, 75, 90)),
    )
    rows = [
        {
            "source": part_labels.reference(band),
            "band": band.band,
            "frozen_on": labels.day(band.frozen_on) if band.frozen_on else None,
            "n": band.n,
            "mean": band.mean,
            "sd": band.sd,
            "p10": band.p10,
            "p25": band.p25,
            "p50": band.p50,
            "p75": band.p75,
            "p90": band.p90,
        }
        for band in bands
    ]
    return Twin("reference-table", "References, of people", columns, rows, instrument.decimals)


def gap_twin(gap: Gap, instrument: Instrument) -> Twin:
    """The parts of one site's distance from the group's mean; they add up to the last row."""
    names = ("gap_case_mix", "gap_response", "gap_therapists", "gap_rest", "gap")
    rows = [
        {"part": part_labels.gap_part(name), "points": getattr(gap, name)}
        for name in names
        if gap.gap is not None
    ]
    columns = (Column("Part", ("part",), "text"), Column("Points", ("points",), "signed"))
    return Twin(
        "gap-table",
        "Parts of the distance from the group's mean, in points; they add up to the whole gap",
        columns,
        rows,
        instrument.decimals,
    )


def outcome_twin(gap: Gap, outcome_name: str | None) -> Twin:
    """What a gap of this size has gone along with, in standard deviations of the outcome."""
    columns = (
        Column("Outcome", ("outcome",), "text"),
        Column("Standard deviations", ("outcome_of_gap",), "plain"),
        Column("95 % interval", ("outcome_lower95", "outcome_upper95"), "plain"),
    )
    row = {
        "outcome": outcome_name or labels.readable(gap.outcome_instrument_code or ""),
        "outcome_of_gap": gap.outcome_of_gap,
        "outcome_lower95": gap.outcome_lower95,
        "outcome_upper95": gap.outcome_upper95,
    }
    rows = [] if gap.outcome_of_gap is None else [row]
    return Twin("outcome-table", "What a gap of this size has meant for outcome", columns, rows, 2)


def trend_twin(
    points: Sequence[TrendPoint],
    deciles: Sequence[Deciles],
    interventions: Sequence[Intervention],
    instrument: Instrument,
) -> Twin:
    """One row a period of the line, the newest first, with the group's deciles beside it."""
    by_period = {row.period: row for row in deciles}
    tenths = [f"p{tenth}0" for tenth in range(1, 10)]
    columns = (
        Column("Period", ("period",), "text"),
        Column("Mean", ("value",), "score", bound="value_bound"),
        Column("Mean of stretch", ("mean",), "score"),
        Column("Limits", ("lower_limit", "upper_limit"), "score"),
        Column("Stretch", ("phase",), "count"),
        Column("Reading", ("reading",), "text"),
        Column("Change", ("change",), "text"),
        Column("Sites", ("n_sites",), "count"),
        *(Column(name.upper(), (name,), "score") for name in tenths),
    )
    ordered = sorted(points, key=lambda point: point.period_on)
    changes: dict[str, list[str]] = {}
    for item in interventions:
        # A change stands in the row of the last period that began before or with it.
        begun = [point.period for point in ordered if point.period_on <= item.starts_on]
        if begun:
            named = f"{item.name} ({labels.day(item.starts_on)})"
            changes.setdefault(begun[-1], []).append(named)
    rows = []
    for point in reversed(ordered):
        group = by_period.get(point.period)
        rows.append(
            {
                "period": labels.period(point.period),
                "value": point.value,
                "value_bound": point.value_bound,
                "mean": point.mean,
                "lower_limit": point.lower_limit,
                "upper_limit": point.upper_limit,
                "phase": point.phase,
                "reading": ", ".join(part_labels.trend_rule(rule) for rule in point.rules),
                "change": "; ".join(changes.get(point.period, [])),
                "n_sites": group.n_sites if group else None,
                **{name: getattr(group, name) if group else None for name in tenths},
            }
        )
    caption = "The site's mean in each period, its limits, and the deciles of the group's sites"
    return Twin("trend-table", caption, columns, rows, instrument.decimals)


def coefficients_twin(coefficients: Sequence[Coefficient], instrument: Instrument) -> Twin:
    """What each covariate goes along with; those left out with their reason."""
    columns = (
        Column("What is allowed for", ("name",), "text"),
        Column("Points", ("estimate",), "finer"),
        Column("95 % interval", ("lower95", "upper95"), "finer"),
        Column("Not known for", ("share_missing",), "share"),
        Column("Reliability", ("reliability",), "plain"),
        Column("Left out because", ("null_reason",), "text"),
    )
    rows = [
        {
            "name": part_labels.coefficient(item.covariate, item.category),
            "estimate": item.estimate,
            "lower95": item.lower95,
            "upper95": item.upper95,
            "share_missing": item.share_missing,
            "reliability": item.reliability,
            "null_reason": part_labels.left_out(item.null_reason),
        }
        for item in coefficients
    ]
    caption = "What the model allows for: points for one unit, or against the most frequent kind"
    return Twin("coefficients-table", caption, columns, rows, instrument.decimals)


def calibration_twin(tenths: Sequence[CalibrationTenth], instrument: Instrument) -> Twin:
    """Expected and observed mean of each tenth of the clients."""
    columns = (
        Column("Tenth of the clients", ("tenth",), "count"),
        Column("Expected", ("expected",), "score"),
        Column("Observed", ("observed",), "score"),
    )
    rows = [
        {"tenth": item.tenth, "expected": item.expected, "observed": item.observed}
        for item in sorted(tenths, key=lambda item: item.tenth)
    ]
    caption = "Expected and observed means of ten groups of clients, from the lowest expected up"
    return Twin("calibration-table", caption, columns, rows, instrument.decimals)
