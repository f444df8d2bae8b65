"""From a latent alliance or severity to whole forms: items in range, with the alpha and the ceiling
that real forms have, and an expected score that is known exactly.

A form's item mean is T = m + s·eta, cut off at both ends of the scale: a normal variable cut off at
the top has mean, SD and ceiling share of the published figures at once (SRS 35.8, 4.0, 24 %; WAI-SR
4.1, .65, about 10 %). The items lie around T, never past an end, and sum to it; rounding to
response points is systematic, hence unbiased. So the expected item mean of a form is
E[cut(m + s·eta)], with no simulation error, and that is what a site's truth is made of.
"""

from dataclasses import dataclass

import numpy as np

from expectations.instrument import Instrument
from orchestration.simulation.arrays import Floats, Ints
from orchestration.simulation.items import (
    Cut,
    cut_mean,
    cut_sd,
    draw_items,
    fitted_cut,
    fitted_spread,
)
from orchestration.simulation.settings import ScoreTarget, SimulationSettings

LINE_STEP = 0.1
"""A mark on a line is read to a tenth of its unit."""
UNANSWERED = -1


@dataclass(frozen=True)
class ScoreModel:
    """How one instrument's forms come about. Points count steps from the lowest answer."""

    instrument: Instrument
    step: float
    cut: Cut
    """Distribution of T, in points."""
    spread: float
    """SD of an item around T, in points, before the ends hold it."""
    offsets: Floats
    """Where items lie beside the form's mean on average, in points."""
    sign: float
    """-1 where the latent outcome (higher = worse) runs against the instrument."""

    @property
    def n_items(self) -> int:
        """Number of items."""
        return self.instrument.n_items

    @property
    def n_points(self) -> int:
        """Highest point; the lowest is 0."""
        return self.cut.top

    def expected(self, eta: Floats, sd: float = 0.0) -> Floats:
        """Expected total of forms with latent `eta` plus normal noise of `sd`, on the total's
        own scale."""
        if sd > 0:
            centre = self.cut.location + self.sign * self.cut.scale * eta
            mean = cut_mean(centre, self.cut.scale * sd, self.cut.top)
        else:
            mean = self.cut.draw(self.sign * eta)
        return self._total(mean * self._n_summed)

    def totals(self, points: Ints) -> Floats:
        """Totals of keyed points (one row a form), on the total's own scale."""
        summed = [item - 1 for item in self.instrument.total.items]
        return self._total(points[:, summed].sum(axis=1).astype(np.float64))

    def draw(self, eta: Floats, rng: np.random.Generator) -> Ints:
        """Keyed points of forms with latent `eta`: one row a form, one column an item."""
        means = self.cut.draw(self.sign * eta)
        return draw_items(means, self.spread, self.offsets, self.cut.top, rng)

    @property
    def _n_summed(self) -> int:
        return len(self.instrument.total.items)

    def _total(self, points: Floats) -> Floats:
        lowest = self.instrument.item_minimum or 0.0
        total = lowest * self._n_summed + self.step * points
        return total / self._n_summed if self.instrument.total.method == "mean" else total

    def shift_for(self, planted_sd: float) -> float:
        """The latent shift that moves the expected total by that many SDs of the total."""
        if planted_sd == 0:
            return 0.0
        location, scale, top = self.cut.location, self.cut.scale, self.cut.top
        wanted = planted_sd * cut_sd(location, scale, top)
        start = cut_mean(np.array([location]), scale, top)[0]
        low, high = -6.0, 6.0
        for _ in range(60):
            middle = (low + high) / 2
            moved = cut_mean(np.array([location + scale * middle]), scale, top)[0] - start
            low, high = (middle, high) if moved < wanted else (low, middle)
        return (low + high) / 2


def score_model(instrument: Instrument, settings: SimulationSettings) -> ScoreModel:
    """Fit location, scale and spread to the instrument's target.

    ValueError for an instrument of totals only: it has no items to draw.
    """
    if instrument.totals_only or instrument.item_minimum is None or instrument.item_maximum is None:
        raise ValueError(
            f"{instrument.instrument_code} has a total and no items; the simulation draws items, "
            "so take it out of the schedules it is to follow"
        )
    low, high = instrument.item_minimum, instrument.item_maximum
    step = instrument.item_step or LINE_STEP
    n_points = round((high - low) / step)
    target = settings.score_targets.get(instrument.instrument_code)
    if target is None:
        is_alliance = instrument.kind == "alliance"
        mean, sd, alpha = settings.alliance_target if is_alliance else settings.outcome_target
        mean = mean if is_alliance or instrument.direction == "lower_is_better" else 1 - mean
        target = ScoreTarget(low + mean * (high - low), sd * (high - low), alpha)
    mean, sd = (target.item_mean - low) / step, target.item_sd / step
    cut = fitted_cut(mean, sd, n_points)
    offsets = _offsets(instrument, sd)
    runs_against = instrument.kind == "outcome" and instrument.direction == "higher_is_better"
    return ScoreModel(
        instrument=instrument,
        step=step,
        cut=cut,
        spread=fitted_spread(cut, tuple(offsets.tolist()), target.alpha),
        offsets=offsets,
        sign=-1.0 if runs_against else 1.0,
    )


def _offsets(instrument: Instrument, sd: float) -> Floats:
    """Items differ in how readily they are endorsed, risk items most; a score of some of the items
    only would no longer have a known mean, so there they do not differ."""
    n = instrument.n_items
    if set(instrument.total.items) != set(range(1, n + 1)):
        return np.zeros(n)
    offsets = 0.35 * sd * np.cos(2.4 * np.arange(n))
    for item in instrument.risk_items:
        offsets[item - 1] = -1.8 * sd
    return np.asarray(offsets - offsets.mean(), dtype=np.float64)
