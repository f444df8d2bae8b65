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
from scipy.optimize import least_squares
from scipy.special import ndtr

from expectations.instrument import Instrument
from orchestration.simulation.arrays import Floats, Ints
from orchestration.simulation.settings import ScoreTarget, SimulationSettings

LINE_STEP = 0.1
"""A mark on a line is read to a tenth of its unit."""
UNANSWERED = -1
_ALPHA_FORMS = 6_000


@dataclass(frozen=True)
class ScoreModel:
    """How one instrument's forms come about. Points count steps from the lowest answer."""

    instrument: Instrument
    step: float
    n_points: int
    """Highest point; the lowest is 0."""
    location: float
    scale: float
    """m and s of T, in points."""
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

    def expected(self, eta: Floats, sd: float = 0.0) -> Floats:
        """Expected total of forms with latent `eta` plus normal noise of `sd`, on the total's
        own scale."""
        centre = self.location + self.sign * self.scale * eta
        if sd > 0:
            mean = cut_mean(centre, self.scale * sd, self.n_points)
        else:
            mean = np.clip(centre, 0, self.n_points)
        return self._total(mean * self._n_summed)

    def totals(self, points: Ints) -> Floats:
        """Totals of keyed points (one row a form), on the total's own scale."""
        summed = [item - 1 for item in self.instrument.total.items]
        return self._total(points[:, summed].sum(axis=1).astype(np.float64))

    def draw(self, eta: Floats, rng: np.random.Generator) -> Ints:
        """Keyed points of forms with latent `eta`: one row a form, one column an item."""
        mean = np.clip(self.location + self.sign * self.scale * eta, 0, self.n_points)
        return _items(mean, self, rng)

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
        start = cut_mean(np.array([self.location]), self.scale, self.n_points)[0]
        sd = cut_sd(self.location, self.scale, self.n_points)
        low, high = -6.0, 6.0
        for _ in range(60):
            middle = (low + high) / 2
            moved = cut_mean(
                np.array([self.location + self.scale * middle]), self.scale, self.n_points
            )
            low, high = (middle, high) if moved[0] - start < planted_sd * sd else (low, middle)
        return (low + high) / 2


def cut_mean(mean: Floats, sd: float, top: float) -> Floats:
    """Mean of a normal variable cut off at 0 and `top` (Tobin 1958, two limits)."""
    low, high = -mean / sd, (top - mean) / sd
    density = (np.exp(-(low**2) / 2) - np.exp(-(high**2) / 2)) / np.sqrt(2 * np.pi)
    inside = ndtr(high) - ndtr(low)
    return np.asarray(mean * inside + sd * density + top * (1 - ndtr(high)), dtype=np.float64)


def cut_sd(mean: float, sd: float, top: float) -> float:
    """SD of a normal variable cut off at 0 and `top`, by quadrature."""
    z = np.linspace(-8, 8, 4001)
    weight = np.exp(-(z**2) / 2)
    value = np.clip(mean + sd * z, 0, top)
    centre = (value * weight).sum() / weight.sum()
    return float(np.sqrt(((value - centre) ** 2 * weight).sum() / weight.sum()))


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
    wanted = np.array([(target.item_mean - low) / step, target.item_sd / step])

    def misfit(guess: Floats) -> Floats:
        sd = float(np.exp(guess[1]))
        mean = cut_mean(np.array([guess[0]]), sd, n_points)[0]
        found = np.array([mean, cut_sd(float(guess[0]), sd, n_points)])
        return np.asarray(found - wanted, dtype=np.float64)

    fitted = least_squares(misfit, np.array([wanted[0], np.log(wanted[1])])).x
    runs_against = instrument.kind == "outcome" and instrument.direction == "higher_is_better"
    bare = ScoreModel(
        instrument=instrument,
        step=step,
        n_points=n_points,
        location=float(fitted[0]),
        scale=float(np.exp(fitted[1])),
        spread=0.0,
        offsets=_offsets(instrument, float(wanted[1])),
        sign=-1.0 if runs_against else 1.0,
    )
    return _with_alpha(bare, target.alpha)


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


def _with_alpha(model: ScoreModel, alpha: float) -> ScoreModel:
    """The spread that gives Cronbach's alpha, by bisection on one fixed sample."""
    latent = np.random.default_rng(7).standard_normal(_ALPHA_FORMS)
    low, high = 0.0, float(model.n_points)
    for _ in range(18):
        middle = (low + high) / 2
        trial = _replaced(model, middle)
        found = cronbach_alpha(trial.draw(latent, np.random.default_rng(8)))
        low, high = (middle, high) if found > alpha else (low, middle)
    return _replaced(model, (low + high) / 2)


def _replaced(model: ScoreModel, spread: float) -> ScoreModel:
    return ScoreModel(**{**vars(model), "spread": spread})


def cronbach_alpha(points: Ints) -> float:
    """Alpha of complete forms, one row a form (Cronbach 1951)."""
    k = points.shape[1]
    items = points.var(axis=0, ddof=1).sum()
    return float(k / (k - 1) * (1 - items / points.sum(axis=1).var(ddof=1)))


def _items(mean: Floats, model: ScoreModel, rng: np.random.Generator) -> Ints:
    n, k = len(mean), model.n_items
    middle = mean[:, None]
    apart = model.spread * rng.standard_normal((n, k)) + model.offsets
    items = np.clip(middle + apart, 0, model.n_points)
    # What the ends cut off is given back in proportion to the room each item has: the sum is that
    # of the form again and no item passes an end.
    lacking = (middle - items.mean(axis=1, keepdims=True)) * k
    above = model.n_points - items
    raised = items + above * _ratio(lacking, above.sum(axis=1, keepdims=True))
    lowered = items + items * _ratio(lacking, items.sum(axis=1, keepdims=True))
    # Nine decimals, or a sum of tenths could fall short of the whole number it is.
    level = np.round(np.where(lacking > 0, raised, lowered), 9)
    # Systematic rounding: the sum of a row is off by less than one point and unbiased, and so is
    # each item.
    reached = np.floor(np.cumsum(level, axis=1) + rng.random((n, 1)))
    points = np.diff(reached, axis=1, prepend=0.0)
    return np.clip(points, 0, model.n_points).astype(np.int64)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
