"""One value of a site against its own range: raw, or adjusted for who comes to the site. PURE.

A site has up to two readings; what is said of one must be sayable of the other in the same words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dashboards.release import Adjustment, SiteResult

_LOW_RELIABILITY = 0.5
"""Below it, less than half of what sets such sites apart is real."""


@dataclass(frozen=True)
class Reading:
    """A value with its margin, range, flag and shrunken value, in scale points.

    `name` is "raw" or "adjusted". `reliability` (0 to 1) is of the raw mean of a site with such
    data in both: the release has no other. `bound` and `margin_bound`: at_most, at_least or any
    where value and standard error stand for themselves or beyond (bounds.py).
    """

    name: str
    value: float
    standard_error: float | None
    target: float | None
    lower95: float | None
    upper95: float | None
    lower998: float | None
    upper998: float | None
    flag: str | None
    shrunken: float | None
    shrunken_lower95: float | None
    shrunken_upper95: float | None
    reliability: float | None
    bound: str | None = None
    margin_bound: str | None = None

    @property
    def margin(self) -> float | None:
        """Half the width of the 95 % interval, in scale points."""
        return None if self.standard_error is None else 1.959964 * self.standard_error

    @property
    def side(self) -> str | None:
        """Where the value lies when outside its range: "above" or "below"; None when it is not."""
        return None if self.flag in (None, "within") else str(self.flag).split("_")[0]

    @property
    def is_far(self) -> bool:
        """Outside even the wide range, that of 99.8 %."""
        return self.flag in ("above_998", "below_998")

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the shrunken value; None where there is none."""
        lower, upper = self.shrunken_lower95, self.shrunken_upper95
        return None if lower is None or upper is None else (lower, upper)

    @property
    def is_wide(self) -> bool:
        """Whether the numbers leave open how the site differs from the group.

        So when both hold: the 95 % interval of the shrunken value has the group's mean in it, and
        more of what sets such sites apart is chance than real. Ours.
        """
        if self.target is None or self.interval is None or self.reliability is None:
            return False
        lower, upper = self.interval
        return lower <= self.target <= upper and self.reliability < _LOW_RELIABILITY


def _raw(row: SiteResult) -> Reading | None:
    if row.is_suppressed or row.raw is None:
        return None
    return Reading(
        "raw",
        row.raw,
        row.standard_error,
        row.target,
        row.lower95,
        row.upper95,
        row.lower998,
        row.upper998,
        row.flag,
        row.shrunken,
        row.shrunken_lower95,
        row.shrunken_upper95,
        row.reliability,
        row.raw_bound,
        row.standard_error_bound,
    )


def _adjusted(row: SiteResult, adjustment: Adjustment | None) -> Reading | None:
    if row.is_suppressed or adjustment is None or adjustment.adjusted is None:
        return None
    return Reading(
        "adjusted",
        adjustment.adjusted,
        adjustment.standard_error,
        adjustment.target,
        adjustment.lower95,
        adjustment.upper95,
        adjustment.lower998,
        adjustment.upper998,
        adjustment.flag,
        adjustment.shrunken,
        adjustment.shrunken_lower95,
        adjustment.shrunken_upper95,
        row.reliability,
    )


@dataclass(frozen=True)
class Readings:
    """A shown site with what it can be read by."""

    row: SiteResult
    raw: Reading
    adjusted: Reading | None

    @property
    def surer(self) -> Reading:
        """The one whose shrunken value is told: the adjusted one where it has such."""
        if self.adjusted is None or self.adjusted.shrunken is None:
            return self.raw
        return self.adjusted


def readings(row: SiteResult, adjustment: Adjustment | None) -> Readings | None:
    """Both readings of a site; None where it has no mean to show."""
    raw = _raw(row)
    return None if raw is None else Readings(row, raw, _adjusted(row, adjustment))


def readings_by_name(
    rows: Sequence[SiteResult], adjustments: Iterable[Adjustment]
) -> list[Readings]:
    """Those of all shown sites of a view in alphabetical order, the one that ranks nobody."""
    of_site = {(each.practice_id, each.site_id): each for each in adjustments}
    found = [readings(row, of_site.get((row.practice_id, row.site_id))) for row in rows]
    shown = [each for each in found if each is not None]
    return sorted(shown, key=lambda each: each.row.site_label.casefold())
