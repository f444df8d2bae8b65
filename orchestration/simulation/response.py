"""Which due forms come back, and what became of the others.

Two stages, the client's taking part and the single form. Missing at random means that neither knows
the alliance, that a form is as likely to be missing in any session, and that who takes part has at
least one form: then the clients with forms, and the forms of a client, are a random part of all,
and the mean of client means is unbiased whatever the courses' lengths.
"""

import numpy as np

from orchestration.simulation.arrays import Flags, Floats, Ints, chance
from orchestration.simulation.settings import SimulationSettings

STATUSES = ("completed", "partial", "declined", "not_offered", "unable", "expired")
COMPLETED, PARTIAL = 0, 1
_MISSED = np.array([2, 3, 4, 5])
_MISSED_SHARES = (0.35, 0.40, 0.05, 0.20)


def draw_participation(
    takes_part: Floats, deviation: Floats, settings: SimulationSettings, rng: np.random.Generator
) -> Flags:
    """Which clients take part in measurement."""
    drawn = rng.random(len(takes_part))
    if settings.missing_at_random:
        return drawn < takes_part
    return drawn < _shifted(takes_part, deviation, settings)


def draw_returned(
    client: Ints,
    participates: Flags,
    rate: Floats,
    deviation: Floats,
    is_before_dropout: Flags,
    n_clients: int,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> Flags:
    """Which due forms come back; `participates` has one entry a client."""
    drawn = rng.random(len(client))
    lost = rng.random(len(client)) < settings.lost_before_dropout
    takes_part = participates[client]
    if not settings.missing_at_random:
        returned = drawn < _shifted(rate, deviation, settings)
        is_complete = rate >= 1
        return takes_part & np.where(is_complete, True, returned & ~(is_before_dropout & lost))
    returned = takes_part & (drawn < rate)
    n_returned = np.bincount(client[returned], minlength=n_clients)
    # Who takes part and would have returned nothing returns the form closest to being returned.
    order = np.lexsort((drawn, client))
    is_first = np.r_[True, client[order][1:] != client[order][:-1]][: len(order)]
    closest = order[is_first]
    closest = closest[(n_returned[client[closest]] == 0) & takes_part[closest]]
    returned[closest] = True
    return returned


def draw_statuses(returned: Flags, is_partial: Flags, rng: np.random.Generator) -> Ints:
    """Indexes into STATUSES."""
    missed = rng.choice(_MISSED, len(returned), p=_MISSED_SHARES)
    return np.where(returned, np.where(is_partial, PARTIAL, COMPLETED), missed)


def _shifted(probability: Floats, deviation: Floats, settings: SimulationSettings) -> Floats:
    """Probabilities with their logits moved by the deviation; 0 and 1 stay."""
    inner = np.clip(probability, 1e-12, 1 - 1e-12)
    logit = np.log(inner / (1 - inner)) - np.log(settings.response_odds) * deviation
    moved = chance(logit)
    return np.where(probability <= 0, 0.0, np.where(probability >= 1, 1.0, moved))
