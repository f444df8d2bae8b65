"""Cells of a release: the primary rule, what is written of a cell, and what that says.

A cell's mean and share are coded at their ends as well as rounded: near the end of a scale a mean
says that no client is far from it. Shown as "this or beyond", it leaves every client every score.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from expectations.model import Thresholds
from orchestration.benchmarking.cells import DOMINANT_THERAPIST_SHARE
from orchestration.benchmarking.disclosure_rounding import CountRounding
from orchestration.measures.arrays import Bools, Floats

EXACT: tuple[str, ...] = ("n_clients", "n_forms", "n_therapists", "mean", "share")
"""What is measured of a cell; `mean` of clients' means above the scale's lowest point, `share` of
forms. Null where there is none."""
SHOWN: tuple[str, ...] = tuple(f"shown_{name}" for name in EXACT)

AT_MOST, AT_LEAST, ANY = "at_most", "at_least", "any"
"""What a coded number stands for: itself or less, itself or more, every number of the scale."""

ERROR_STEP = 0.01
"""Scale points a standard error is rounded to."""


@dataclass(frozen=True)
class Protections:
    """Each can be switched off, to see that the attacker needs it to be on."""

    primary: bool = True
    """Cells of too few clients or therapists are hidden."""
    dominance: bool = True
    """Cells that one therapist makes are hidden."""
    rounding: bool = True
    """Counts, means and shares are rounded."""
    ends: bool = True
    """Means and shares near an end of the scale are coded."""
    complementary: bool = True
    """Cells that would give hidden ones away are hidden, too."""
    refresh: bool = True
    """A cell is written anew only when enough of its clients changed."""
    history: bool = True
    """What earlier releases said counts."""


@dataclass(frozen=True)
class Rules:
    """The group's thresholds as disclosure control needs them."""

    minimum_clients: int
    minimum_therapists: int
    base: int = 5
    protections: Protections = Protections()

    @classmethod
    def of(cls, thresholds: Thresholds, protections: Protections = Protections()) -> "Rules":
        """The rules under a group's thresholds."""
        return cls(
            thresholds.minimum_clients, thresholds.minimum_therapists, protections=protections
        )

    @property
    def believed(self) -> "Rules":
        """What suppression goes by even where numbers are not coded: it is no stand-in for it."""
        return replace(self, protections=replace(self.protections, rounding=True, ends=True))

    @property
    def clients(self) -> CountRounding:
        """Of counts of clients and forms."""
        minimum = self.minimum_clients if self.protections.primary else 1
        return CountRounding(self._base, minimum)

    @property
    def therapists(self) -> CountRounding:
        """Of counts of therapists."""
        minimum = self.minimum_therapists if self.protections.primary else 1
        return CountRounding(self._base, minimum)

    @property
    def _base(self) -> int:
        return self.base if self.protections.rounding else 1


def is_count_small(cells: pd.DataFrame, rules: Rules) -> Bools:
    """1 client to below the minimum."""
    n = _numbers(cells, "n_clients")
    return np.asarray((n > 0) & (n < rules.minimum_clients), dtype=np.bool_)


def is_primary(cells: pd.DataFrame, rules: Rules) -> Bools:
    """Cells that the primary rule hides; unknown therapists leave the client rule alone."""
    therapists = _numbers(cells, "n_therapists")
    small = _numbers(cells, "n_clients") < rules.minimum_clients
    few = (therapists < rules.minimum_therapists) | small
    dominant = _numbers(cells, "top_therapist_form_share") > DOMINANT_THERAPIST_SHARE
    on = rules.protections
    return np.asarray((few & on.primary) | (dominant & on.dominance), dtype=np.bool_)


def written(cells: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """The columns SHOWN of cells that are to be shown."""
    n = rules.clients.shown(_numbers(cells, "n_clients"))
    forms = rules.clients.shown(_numbers(cells, "n_forms"))
    therapists = rules.therapists.shown(_numbers(cells, "n_therapists"))
    width = _numbers(cells, "width")
    codes = _codes(cells, n, forms, rules)
    shown = {
        "shown_n_clients": n,
        "shown_n_forms": forms,
        "shown_n_therapists": therapists,
        "shown_mean": codes[0].shown(_numbers(cells, "mean"), width),
        "shown_share": codes[1].shown(_numbers(cells, "share"), np.ones(n.size)),
    }
    return pd.DataFrame(shown, index=cells.index)


@dataclass(frozen=True)
class Ranges:
    """Least and most that the true number behind each shown one can be."""

    least: Floats
    most: Floats


def ranges(cells: pd.DataFrame, rules: Rules) -> Iterator[Ranges]:
    """What the columns SHOWN say of the columns EXACT, one after the other; NaN where nothing."""
    n, forms = _numbers(cells, "shown_n_clients"), _numbers(cells, "shown_n_forms")
    therapists = _numbers(cells, "shown_n_therapists")
    yield Ranges(rules.clients.least(n), rules.clients.most(n))
    yield Ranges(rules.clients.least(forms), rules.clients.most(forms))
    yield Ranges(rules.therapists.least(therapists), rules.therapists.most(therapists))
    codes = _codes(cells, n, forms, rules)
    yield codes[0].range(_numbers(cells, "shown_mean"), _numbers(cells, "width"))
    yield codes[1].range(_numbers(cells, "shown_share"), np.ones(n.size))


def bounds(cells: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """What the shown mean and share stand for: `mean_bound` and `share_bound`, None where as shown.

    Follows from SHOWN and the scale's width alone: whoever knows the rules knows it already.
    """
    n, forms = _numbers(cells, "shown_n_clients"), _numbers(cells, "shown_n_forms")
    mean, share = _codes(cells, n, forms, rules)
    found = {
        "mean_bound": mean.bound(_numbers(cells, "shown_mean"), _numbers(cells, "width")),
        "share_bound": share.bound(_numbers(cells, "shown_share"), np.ones(n.size)),
    }
    return pd.DataFrame(found, index=cells.index, dtype=object)


def _codes(cells: pd.DataFrame, n: Floats, forms: Floats, rules: Rules) -> tuple["_Code", "_Code"]:
    """How means and shares are coded where these counts of clients and forms stand beside them."""
    many = n > 100
    short = _numbers(cells, "width") < 10
    on = rules.protections
    exact = np.full(n.size, 1e-9)
    mean_step = np.where(many & short, 0.01, 0.1) if on.rounding else exact
    share_step = np.where(many, 0.01, 0.05) if on.rounding else exact
    return (
        _Code(mean_step, rules.clients.least(n), on.ends),
        _Code(share_step, rules.clients.least(forms), on.ends),
    )


@dataclass(frozen=True)
class _Code:
    """Numbers from 0 to a width, rounded to `step`; the ends are as wide as one of `least` is."""

    step: Floats
    least: Floats
    has_ends: bool

    def _end(self, width: Floats) -> Floats:
        """The lowest number shown: of the fewest, one may have all of the width."""
        if not self.has_ends:
            return np.zeros(width.size)
        return np.asarray(np.ceil(width / self.least / self.step - 1e-9) * self.step)

    def shown(self, values: Floats, width: Floats) -> Floats:
        """As written."""
        end = self._end(width)
        rounded = np.floor(values / self.step + 0.5) * self.step
        return np.asarray(np.round(np.clip(rounded, end, np.maximum(end, width - end)), 9))

    def _coded(self, shown: Floats, width: Floats) -> tuple[Bools, Bools]:
        """Which written numbers stand for themselves or less, and which for themselves or more."""
        end, near = self._end(width), self.step / 100
        return shown <= end + near, shown >= width - end - near

    def bound(self, shown: Floats, width: Floats) -> np.ndarray:
        """AT_MOST, AT_LEAST or ANY of coded numbers; None of all others."""
        codes = np.full(shown.size, None, dtype=object)
        if not self.has_ends:
            return codes
        low, high = self._coded(shown, width)
        codes[low], codes[high], codes[low & high] = AT_MOST, AT_LEAST, ANY
        return codes

    def range(self, shown: Floats, width: Floats) -> Ranges:
        """What a written number says of the true one."""
        end = self._end(width)
        half = self.step / 2
        is_low, is_high = self._coded(shown, width)
        inner = np.clip(shown, end, np.maximum(end, width - end))
        low = np.where(is_low, 0.0, inner - half)
        high = np.where(is_high, width, inner + half)
        known = ~np.isnan(shown)
        return Ranges(
            np.where(known, np.maximum(low, 0.0), np.nan),
            np.where(known, np.minimum(high, width), np.nan),
        )


def least_error(cells: pd.DataFrame, rules: Rules) -> Floats:
    """The least standard error made of a cell's own spread, SD / sqrt(n), that may stand beside
    SHOWN, in scale points.

    It says how far one client can be from the mean: with n clients of mean m one at the end of the
    scale, D from m, makes the error at least D / (n - 1) (Samuelson 1968, JASA 63:1522-1525:
    D <= s (n - 1) / sqrt(n)). So no lower one is shown; the lowest stands for "this or less".

    An error put together from the network's variances, sqrt(therapists' / J_eff + clients' / n),
    needs no code: of one site it holds the shown n and how its clients spread over therapists. The
    clients' variance pools all sites: with 5 sites of 11 clients and an SD of 1 on a scale of 6
    points, 1 x 54 / sqrt(55) = 7.3 points is how far a client may be from the mean: more than the
    scale.
    """
    n = rules.clients.least(_numbers(cells, "shown_n_clients"))
    mean, width = _numbers(cells, "shown_mean"), _numbers(cells, "width")
    far = np.maximum(mean, width - mean)
    return np.asarray(np.ceil(far / (n - 1) / ERROR_STEP - 1e-9) * ERROR_STEP)


def coded_error(errors: Floats, least: Floats) -> Floats:
    """Such errors as they are shown: rounded, and never below `least` (least_error), which stands
    for "this or less"."""
    rounded = np.floor(errors / ERROR_STEP + 0.5) * ERROR_STEP
    return np.asarray(np.round(np.maximum(rounded, least), 9))


def error_bound(shown: Floats, least: Floats) -> np.ndarray:
    """AT_MOST of such errors as stand for "this or less", None of all others."""
    codes = np.full(shown.size, None, dtype=object)
    codes[shown <= least + ERROR_STEP / 100] = AT_MOST
    return codes


def is_change_safe(before: pd.DataFrame, after: pd.DataFrame, rules: Rules) -> Bools:
    """Whether two means of a cell leave every score to each client who came, left or answered anew.

    Row by row; `after` holds `n_entered` and `n_left` (one who answered anew is in both). The
    attacker is told them, and both true counts. Where no mean is shown, nothing is given away.
    """
    means = [list(ranges(frame, rules))[3] for frame in (before, after)]
    n = [_numbers(frame, "n_clients") for frame in (before, after)]
    width = _numbers(after, "width")
    entered, left = _numbers(after, "n_entered"), _numbers(after, "n_left")
    # Sum of those who came less sum of those who left.
    low = means[1].least * n[1] - means[0].most * n[0]
    high = means[1].most * n[1] - means[0].least * n[0]
    safe = np.ones(width.size, dtype=np.bool_)
    for came, went, least, most in ((entered, left, low, high), (left, entered, -high, -low)):
        for score in (np.zeros(width.size), width):
            # The sum of the others who came, and of those who left, can make up the difference.
            fits = (score + width * (came - 1) >= least) & (score - width * went <= most)
            safe &= (came < 1) | fits | np.isnan(least)
    return safe


def _numbers(cells: pd.DataFrame, column: str) -> Floats:
    return cells[column].to_numpy(dtype=np.float64, na_value=np.nan)
