"""Alliance with what follows it, within clients and between them: two questions, two slopes.

Within: when one client rates the alliance above that client's own mean, is what follows better too?
Between: do clients who rate it higher on the whole fare better? The evidence conflicts, and either
may hold without the other, so both always stand side by side.

Curran PJ, Bauer DJ (2011). The disaggregation of within-person and between-person effects in
longitudinal models of change. Annu Rev Psychol 62:583-619: scores centred on the person's mean, and
the means. Estimators: within, one slope of y on x with both centred on the client's means, sandwich
over clients; between, least squares of the clients' means of y on those of x, each client once,
with the heteroscedasticity-consistent variance HC3 (MacKinnon JG, White H 1985, J Econom
29:305-325). Error in a client's mean draws the slope between towards the slope within.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.measures.arrays import Estimate, Floats, Ints, MeasureUndefined, Reason

FEWEST_FORMS = 3
"""Forms a client needs to have a mean and deviations from it."""
FEWEST_CLIENTS = 30
"""Clients a slope needs. Ours."""


@dataclass(frozen=True)
class WithinBetween:
    """Slopes are units of y for one unit of x, None with a Reason. `n_clients` with enough forms,
    `n_forms` theirs; `n_clients_short` those left out for having too few."""

    within: Estimate | None
    between: Estimate | None
    n_clients: int
    n_forms: int
    n_clients_short: int
    reasons: tuple[Reason, ...]


def within_between(
    x: Floats,
    y: Floats,
    client: Ints,
    *,
    fewest_forms: int = FEWEST_FORMS,
    fewest_clients: int = FEWEST_CLIENTS,
) -> WithinBetween:
    """Slopes of `y` (what followed the form) on `x` (the form's alliance), one entry per form.

    Forms with one of the two missing (NaN) are left out before clients' forms are counted. Raises
    MeasureUndefined for arrays of different length.
    """
    if not x.shape == y.shape == client.shape or x.ndim != 1:
        raise MeasureUndefined("an alliance, an outcome and a client per form are needed")
    has_both = ~(np.isnan(x) | np.isnan(y))
    x, y, client = x[has_both], y[has_both], client[has_both]
    _, place, size = np.unique(client, return_inverse=True, return_counts=True)
    n_short = int((size < fewest_forms).sum())
    kept = (size >= fewest_forms)[place]
    x, y = x[kept], y[kept]
    clients, place = np.unique(place[kept], return_inverse=True)
    n_clients = int(clients.size)
    reasons: list[Reason] = []
    within = between = None
    # HC3 needs three points for a line.
    if n_clients < max(fewest_clients, 3):
        text = (
            f"needs {max(fewest_clients, 3)} clients with {fewest_forms} forms, found {n_clients}"
        )
        reasons += [Reason("within", text), Reason("between", text)]
    else:
        n = np.bincount(place)
        mean_x, mean_y = np.bincount(place, x) / n, np.bincount(place, y) / n
        within = _within(x - mean_x[place], y - mean_y[place], place, reasons)
        between = _between(mean_x, mean_y, reasons)
    return WithinBetween(within, between, n_clients, int(x.size), n_short, tuple(reasons))


def _within(x: Floats, y: Floats, place: Ints, reasons: list[Reason]) -> Estimate | None:
    spread = np.bincount(place, x**2)
    moves = spread > 1e-9
    n = int(moves.sum())
    if n < 2:
        reasons.append(Reason("within", f"{n} clients have forms that differ"))
        return None
    whole = float(spread.sum())
    value = float(x @ y) / whole
    pull = np.bincount(place, x * (y - value * x))[moves] / whole
    return Estimate.of(value, float(np.sqrt(n / (n - 1) * (pull**2).sum())), n - 1)


def _between(x: Floats, y: Floats, reasons: list[Reason]) -> Estimate | None:
    away = x - x.mean()
    spread = float(away @ away)
    leverage = 1 / x.size + away**2 / spread if spread > 1e-9 else np.ones(x.size)
    if leverage.max() > 1 - 1e-9:
        reasons.append(Reason("between", "the clients' means do not differ, or only one does"))
        return None
    value = float(away @ y) / spread
    left = y - y.mean() - value * away
    error = float(np.sqrt(((away * left / (1 - leverage)) ** 2).sum())) / spread
    return Estimate.of(value, error, x.size - 2)
