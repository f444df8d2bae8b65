"""How long a treatment is meant to be and how it breaks off, before any day is given to it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import gammaln, ndtr

from orchestration.simulation.arrays import Flags, Floats, Ints, chance
from orchestration.simulation.network import SiteTraits, Therapists
from orchestration.simulation.population import ASSESSMENT, CRISIS, Cases, Clients
from orchestration.simulation.settings import SimulationSettings

_MAX_SESSIONS = 400


@dataclass(frozen=True)
class Plan:
    """One entry a course to be: sessions wanted, how it ends early, who takes over when."""

    case: Ints
    start_week: Ints
    n_sessions: Ints
    dropped_out: Flags
    has_intake: Flags
    next_therapist: Ints
    switch_number: Ints


def draw_plan(
    traits: SiteTraits,
    therapists: Therapists,
    cases: Cases,
    clients: Clients,
    case: Ints,
    start_week: Ints,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> Plan:
    """Plans of courses that begin in the weeks given, one for each entry of `case`.

    A low alliance shortens a course a little and makes an unplanned ending likelier.
    """
    n = len(case)
    site, service = cases.site[case], cases.service[case]
    alliance = clients.alliance[cases.first_client[case]]
    r = settings.length_alliance_r
    rank = ndtr(r * alliance + np.sqrt(1 - r**2) * rng.standard_normal(n))
    lengths = _lengths(rank, traits.no_return[site], settings)
    is_short = (service == CRISIS) | (service == ASSESSMENT)
    lengths = np.where(is_short, np.minimum(lengths, 3), lengths)
    base = _dropout_base(traits, settings)[site]
    logit = base + _early(lengths) + settings.dropout_alliance_logit * alliance
    dropped_out = (rng.random(n) < chance(logit)) & ~is_short
    never = (rng.random(n) < settings.never_started_share) & ~is_short
    lengths[never] = 0
    changes = (rng.random(n) < settings.change_therapist_share) & (lengths >= 4)
    switch = 3 + np.floor(rng.random(n) * (lengths - 3)).astype(np.int64)
    return Plan(
        case=case,
        start_week=start_week,
        n_sessions=lengths,
        dropped_out=dropped_out & ~never,
        has_intake=(rng.random(n) < settings.intake_share) & ~is_short & ~never,
        next_therapist=_colleague(cases.therapist[case], therapists, rng),
        switch_number=np.where(changes, switch, _MAX_SESSIONS),
    )


def _lengths(rank: Floats, no_return: Floats, settings: SimulationSettings) -> Ints:
    """Sessions from ranks in (0, 1): one, else 2 + NegBin(size, mean)."""
    size, mean = settings.length_size, settings.length_mean
    counts = np.arange(_MAX_SESSIONS)
    p = size / (size + mean)
    log_mass = gammaln(counts + size) - gammaln(size) - gammaln(counts + 1)
    cumulative = np.cumsum(np.exp(log_mass + size * np.log(p) + counts * np.log1p(-p)))
    beyond = np.clip((rank - no_return) / (1 - no_return), 0, cumulative[-1])
    lengths = 2 + np.searchsorted(cumulative[:-1], beyond)
    return np.where(rank < no_return, 1, lengths).astype(np.int64)


def _early(lengths: Ints) -> Floats:
    """Logits by which the hazard of leaving is higher in sessions 1-3."""
    return np.where(lengths <= 1, 1.2, np.where(lengths <= 3, 0.8, 0.0))


def _dropout_base(traits: SiteTraits, settings: SimulationSettings) -> Floats:
    """Intercepts that give each site its share of unplanned endings."""
    pairs = [(float(a), float(b)) for a, b in zip(traits.no_return, traits.dropout, strict=True)]
    return np.array([_dropout_intercept(*pair, settings) for pair in pairs])


@lru_cache(maxsize=4096)
def _solved(no_return: float, dropout: float, size: float, mean: float, slope: float) -> float:
    settings = SimulationSettings(length_size=size, length_mean=mean)
    ranks = (np.arange(400) + 0.5) / 400
    early = _early(_lengths(ranks, np.full(400, no_return), settings))[:, None]
    alliance = np.linspace(-3, 3, 25)
    weight = np.exp(-(alliance**2) / 2)
    low, high = -12.0, 8.0
    for _ in range(50):
        middle = (low + high) / 2
        share = (chance(middle + early + slope * alliance) * weight).sum() / weight.sum() / 400
        low, high = (middle, high) if share < dropout else (low, middle)
    return (low + high) / 2


def _dropout_intercept(no_return: float, dropout: float, settings: SimulationSettings) -> float:
    return _solved(
        no_return,
        dropout,
        settings.length_size,
        settings.length_mean,
        settings.dropout_alliance_logit,
    )


def _colleague(therapist: Ints, therapists: Therapists, rng: np.random.Generator) -> Ints:
    """Another therapist of the same site, or the same one where there is no other."""
    order = np.argsort(therapists.site, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    counts = np.bincount(therapists.site)
    starts = np.cumsum(counts) - counts
    site = therapists.site[therapist]
    step = 1 + np.floor(rng.random(len(therapist)) * (counts[site] - 1)).astype(np.int64)
    within = (place[therapist] - starts[site] + step) % counts[site]
    return order[starts[site] + within]
