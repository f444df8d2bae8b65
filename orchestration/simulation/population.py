"""Who comes: cases (a client, a couple, a group treated together), their clients and the mix.

Site, service type, age, language and severity are drawn with the site's own mix and move the
alliance a little, which is what adjusting for case mix has to undo.
"""

from dataclasses import dataclass

import numpy as np

from expectations.schedule import ServiceType
from orchestration.simulation.arrays import Flags, Floats, Ints, positions
from orchestration.simulation.network import PracticeModel, Therapists
from orchestration.simulation.settings import SimulationSettings

SERVICE_TYPES: tuple[ServiceType, ...] = (
    "individual",
    "couple",
    "family",
    "group",
    "crisis",
    "assessment",
)
INDIVIDUAL, COUPLE, FAMILY, GROUP, CRISIS, ASSESSMENT = range(6)
_MEMBERS = np.array([1, 2, 1, 6, 1, 1])
_CHILD_BANDS = ("6_10", "11_12", "13_17")
_ADULT_BANDS = ("18_29", "30_39", "40_49", "50_59", "60_69", "70_79", "80_89", "90_plus")
_ADULT_SHARES = (0.26, 0.28, 0.20, 0.14, 0.08, 0.03, 0.009, 0.001)
AGE_BANDS = (*_CHILD_BANDS, *_ADULT_BANDS)
GENDERS = ("woman", "man", "another")
LANGUAGES = ("en", "es", "fr", "pt")
MODALITIES = ("cbt", "psychodynamic", "humanistic", "systemic", "integrative", "other")
PROBLEMS = ("anxiety", "depression", "trauma", "relationship", "child_behaviour", "other")
PERMISSIONS = ("all", "care_only", "none")
_FAMILY_OF_CHILDREN = 0.3
"""Share of the children under 13, who come with their family."""


@dataclass(frozen=True)
class Cases:
    """One entry a case. `first_client` and `n_members` name its clients, who follow each other."""

    site: Ints
    therapist: Ints
    service: Ints
    first_client: Ints
    n_members: Ints
    start_week: Ints
    weekday: Ints
    prefers_video: Flags
    modality: Ints
    planned_sessions: Ints
    interval_days: Ints


@dataclass(frozen=True)
class Clients:
    """One entry a client. Effects in SDs of the client's alliance form."""

    case: Ints
    alliance: Floats
    """Standard normal: the client's own part."""
    as_seen: Floats
    """Standard normal: what the therapist's view has besides."""
    improvement: Floats
    """Standard normal: what improvement owes to nothing measured here."""
    severity: Floats
    mix: Floats
    """What severity, age, service type and language do to the alliance, against the usual mix."""
    is_child: Flags
    age_band: Ints
    gender: Ints
    language: Ints
    has_interpreter: Flags
    problem: Ints
    permission: Ints


def draw_cases(
    model: PracticeModel,
    therapists: Therapists,
    n_clients: int,
    days: tuple[int, int],
    settings: SimulationSettings,
    rng: np.random.Generator,
    *,
    only_site: int | None = None,
    only_service: int | None = None,
) -> Cases:
    """Cases of `n_clients` clients who first come between two days (both included).

    With `only_site` everybody comes to that site, and client i's case has therapist i. With
    `only_service` (a place in SERVICE_TYPES) all cases are of that service.
    """
    traits = model.traits
    first = np.maximum(traits.opens_day, days[0])
    last = np.minimum(traits.closes_day, days[1])
    if only_site is None:
        weight = traits.n_therapists * (first <= last)
        if not weight.any():
            weight = traits.n_therapists
        site = rng.choice(len(weight), n_clients, p=weight / weight.sum())
    else:
        site = np.full(n_clients, only_site, dtype=np.int64)
    bounds = np.cumsum(_service_shares(traits.child, settings), axis=1)[:, :-1]
    service = (rng.random(n_clients)[:, None] > bounds[site]).sum(axis=1)
    if only_service is not None:
        service = np.full(n_clients, only_service)
    size = _MEMBERS[service]
    before = np.cumsum(size) - size
    n = int(np.searchsorted(before, n_clients))
    site, service, size, before = site[:n], service[:n], size[:n].copy(), before[:n]
    size[-1] = n_clients - before[-1]
    service[(service == COUPLE) & (size == 1)] = INDIVIDUAL
    day = first[site] + np.floor(rng.random(n) * np.maximum(last - first + 1, 1)[site])
    weekday = rng.integers(0, 5, n)
    # The first whole week from that day on: nobody is seen before their site opens.
    week = (day.astype(np.int64) + 6 - model.calendar.monday) // 7
    return Cases(
        site=site,
        therapist=_by_load(site, therapists, rng) if only_site is None else before,
        service=service,
        first_client=before,
        n_members=size,
        start_week=np.clip(week, 0, model.calendar.n_weeks - 1),
        weekday=weekday,
        prefers_video=rng.random(n) < traits.video[site],
        modality=rng.integers(0, len(MODALITIES), n),
        planned_sessions=rng.choice(
            np.array([-1, 6, 12, 20, 40]), n, p=[0.4, 0.1, 0.25, 0.2, 0.05]
        ),
        interval_days=rng.choice(np.array([7, 14]), n, p=[0.75, 0.25]),
    )


def draw_clients(
    model: PracticeModel,
    cases: Cases,
    settings: SimulationSettings,
    rng: np.random.Generator,
    *,
    antithetic: bool = False,
) -> Clients:
    """The clients of the cases, in their order; `antithetic` as in `draw_therapists`."""
    case = np.repeat(np.arange(len(cases.site)), cases.n_members)
    n = len(case)

    def normal(size: int) -> Floats:
        if not antithetic:
            return rng.standard_normal(size)
        half = rng.standard_normal((size + 1) // 2)
        return np.concatenate([half, -half])[:size]

    site, service = cases.site[case], cases.service[case]
    traits = model.traits
    together = np.where(cases.n_members > 1, settings.couple_share, 0.0)[case]
    # A case's shared part hangs on its first client's number, so that mirrored halves mirror it.
    shared = normal(n)[cases.first_client[case]]
    alliance = np.sqrt(together) * shared + np.sqrt(1 - together) * normal(n)
    is_young = service == FAMILY
    teens = traits.child * (1 - _FAMILY_OF_CHILDREN) / _service_shares(traits.child, settings)[:, 0]
    is_teen = (service == INDIVIDUAL) & (rng.random(n) < teens[site])
    adult = len(_CHILD_BANDS) + rng.choice(len(_ADULT_SHARES), n, p=_ADULT_SHARES)
    age_band = np.where(is_young, rng.integers(0, 2, n), np.where(is_teen, 2, adult))
    speaks_other = rng.random(n) < traits.other_language[site]
    language = np.where(speaks_other, rng.choice([1, 2, 3], n, p=[0.7, 0.2, 0.1]), 0)
    severity = traits.severity[site] + normal(n)
    is_child = is_young | is_teen
    problem = rng.choice(len(PROBLEMS), n, p=[0.28, 0.27, 0.15, 0.12, 0.03, 0.15])
    problem[(service == COUPLE) | (is_young & (rng.random(n) < 0.2))] = 3
    problem[is_young & (rng.random(n) < 0.6)] = 4
    withheld = np.cumsum(settings.permission_withheld[::-1])
    drawn = rng.random(n)
    return Clients(
        case=case,
        alliance=alliance,
        as_seen=normal(n),
        improvement=normal(n),
        severity=severity,
        mix=settings.severity_on_alliance * severity
        + settings.child_on_alliance * (is_child - settings.child_clients)
        + settings.other_language_on_alliance * (speaks_other - settings.other_language_share)
        + settings.couple_on_alliance * ((service == COUPLE) - settings.couple_clients)
        + settings.group_on_alliance * ((service == GROUP) - settings.group_clients),
        is_child=is_child,
        age_band=age_band,
        gender=rng.choice(len(GENDERS), n, p=[0.62, 0.35, 0.03]),
        language=language,
        has_interpreter=speaks_other & (rng.random(n) < 0.3),
        problem=problem,
        permission=np.where(drawn < withheld[0], 2, np.where(drawn < withheld[1], 1, 0)),
    )


def members(cases: Cases, case: Ints) -> tuple[Ints, Ints]:
    """The clients of each of the cases given: (index into `case`, client), in that order."""
    sizes = cases.n_members[case]
    which = np.repeat(np.arange(len(case)), sizes)
    return which, cases.first_client[case][which] + positions(sizes)


def _service_shares(child: Floats, settings: SimulationSettings) -> Floats:
    """Shares of the cases by service type, one row a site; settings count clients."""
    n = len(child)
    shares = np.empty((n, len(SERVICE_TYPES)))
    shares[:, COUPLE] = settings.couple_clients
    shares[:, FAMILY] = _FAMILY_OF_CHILDREN * child
    shares[:, GROUP] = settings.group_clients
    shares[:, CRISIS] = settings.crisis_clients
    shares[:, ASSESSMENT] = settings.assessment_clients
    shares[:, INDIVIDUAL] = np.maximum(1 - shares[:, 1:].sum(axis=1), 0.05)
    shares /= _MEMBERS
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float64)


def _by_load(site: Ints, therapists: Therapists, rng: np.random.Generator) -> Ints:
    chosen = np.empty(len(site), dtype=np.int64)
    for number in np.unique(site):
        here = site == number
        own = therapists.of_site(int(number))
        load = therapists.load[own]
        chosen[here] = rng.choice(own, int(here.sum()), p=load / load.sum())
    return chosen
