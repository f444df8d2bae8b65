"""Between which places a site's mean may lie among those of others: for who asks. PURE.

A place on a list moves with chance alone, so none is shown. What the numbers can bear is a range of
places: a site lies above those with a clearly lower mean and below those with a clearly higher one,
and no pair of all others is told apart.

From what is shown alone, as everything here, so no release holds a place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import hypot, inf
from statistics import NormalDist

from dashboards.readings import Reading, readings_by_name
from dashboards.release import Adjustment, SiteResult
from dashboards.sentences import count

_ALPHA = 0.05


@dataclass(frozen=True)
class Mean:
    """A site's mean from `low` to `high` (one number, or with an open end where it is coded) with
    its standard error, all in scale points."""

    low: float
    high: float
    standard_error: float


def place_ranges(means: Sequence[Mean]) -> list[tuple[int, int]]:
    """The least and the greatest place of each mean, counted from 1 at the lowest.

    All ranges hold at once with at least 95 %. Two means are told apart where they differ by more
    than z sqrt(s1^2 + s2^2); a mean's place is above all that are clearly lower and below all that
    are clearly higher (Al Mohamad, Goeman & van Zwet 2022, Biometrics 78:238-247, by Tukey's
    test). Here z is Bonferroni's over all pairs, z(1 - .05 / (n (n - 1))): a little wider than
    Tukey's, and true however the means depend on each other as long as s tells their difference.
    """
    n = len(means)
    if n < 2:
        return [(1, 1)] * n
    z = NormalDist().inv_cdf(1 - _ALPHA / (n * (n - 1)))
    found = []
    for own in means:
        n_lower = sum(_is_lower(each, own, z) for each in means)
        n_higher = sum(_is_lower(own, each, z) for each in means)
        found.append((1 + n_lower, n - n_higher))
    return found


def _is_lower(one: Mean, other: Mean, z: float) -> bool:
    return other.low - one.high > z * hypot(one.standard_error, other.standard_error)


def place_sentence(
    row: SiteResult, rows: Sequence[SiteResult], adjustments: Iterable[Adjustment]
) -> str:
    """The range of a site's places among all that can be compared, in words.

    Of adjusted means where the site has one, else of raw ones. Empty where nothing can be said: the
    site cannot be compared, or no other can.
    """
    found = [each for each in readings_by_name(rows, adjustments) if not each.row.reasons]
    own = next((each for each in found if each.row == row), None)
    if own is None:
        return ""
    name = own.surer.name
    of_sites = [(each.row, each.raw if name == "raw" else each.adjusted) for each in found]
    known = [(site, mean) for site, reading in of_sites if (mean := _mean(reading)) is not None]
    here = next((place for place, (site, _) in enumerate(known) if site == row), None)
    if here is None or len(known) < 2:
        return ""
    least, greatest = place_ranges([mean for _, mean in known])[here]
    return _said(name, least, greatest, len(known))


def _mean(reading: Reading | None) -> Mean | None:
    if reading is None or reading.standard_error is None:
        return None
    low = -inf if reading.bound in ("at_most", "any") else reading.value
    high = inf if reading.bound in ("at_least", "any") else reading.value
    return Mean(low, high, reading.standard_error)


def _said(name: str, least: int, greatest: int, n: int) -> str:
    counted = (
        f"Suppose we count the {count(n, 'site')} we can compare from the lowest {name} mean up."
    )
    if (least, greatest) == (1, n):
        place = f"This site could then have any place from 1 to {n:,}: the numbers do not tell."
    elif least == greatest:
        place = f"This site then has place {least:,}."
    else:
        place = f"The place of this site then lies somewhere from {least:,} to {greatest:,}."
    sure = "Such ranges hold for all sites at once in at least 95 of 100 such cases."
    return f"{counted} {place} {sure} A place says nothing of how far apart two means are."
