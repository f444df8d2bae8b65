"""The fixed part of a world: sites, their traits, therapists and their calendars.

Each part has a random stream of its own, so that more clients, another window or another practice
leave it as it is.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from expectations.practice import Practice, Site
from expectations.registry import Registry
from orchestration.simulation.arrays import EPOCH_DAY, NEVER, Flags, Floats, Ints, chance
from orchestration.simulation.settings import SimulationSettings

SITES, THERAPISTS, BLOCKS, TRUTH = range(4)
"""First parts of the spawn keys of the random streams."""
N_CALENDARS = 64
HORIZON_WEEKS = 560
"""Weeks after the world's start that have a calendar; appointments beyond them are dropped."""


@dataclass(frozen=True)
class SiteTraits:
    """What distinguishes sites: arrays with one entry a site of one practice."""

    opens_day: Ints
    closes_day: Ints
    n_therapists: Ints
    planted_sd: Floats
    alliance: Floats
    outcome: Floats
    no_return: Floats
    dropout: Floats
    ending_unrecorded: Floats
    response: Floats
    severity: Floats
    video: Floats
    child: Floats
    other_language: Floats


@dataclass(frozen=True)
class Therapists:
    """Arrays with one entry a therapist: effects in SDs, shares as probabilities."""

    site: Ints
    alliance: Floats
    rater: Floats
    outcome: Floats
    takes_part: Floats
    """Probability that a client of theirs takes part in measurement."""
    missed_logit: Floats
    load: Floats
    calendar: Ints

    def of_site(self, site: int) -> Ints:
        """Numbers of a site's therapists."""
        return np.flatnonzero(self.site == site)


@dataclass(frozen=True)
class Calendar:
    """Working weeks. `rank[c, w]` counts the open weeks of calendar c before week w, and
    `week[c, k]` is its k-th open week; week 0 begins on `monday` (days since 1970)."""

    monday: int
    rank: Ints
    week: Ints

    @property
    def n_weeks(self) -> int:
        """Length of the calendar."""
        return int(self.rank.shape[1])


@dataclass(frozen=True)
class PracticeModel:
    """Everything fixed about one practice."""

    practice: Practice
    traits: SiteTraits
    therapists: Therapists
    calendar: Calendar
    n_clients: int


def day_number(day: date) -> int:
    """Days since 1970."""
    return int((np.datetime64(day, "D") - EPOCH_DAY).astype(np.int64))


def practice_number(practice_id: str) -> int:
    """A number that names the practice, whatever other practices there are."""
    return zlib.crc32(practice_id.encode())


def stream(settings: SimulationSettings, *key: int) -> np.random.Generator:
    """The random stream of one part of the world."""
    return np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=key))


def build_network(registry: Registry, settings: SimulationSettings) -> tuple[PracticeModel, ...]:
    """The practices of the registry with their sites' and therapists' traits drawn.

    ValueError when there are fewer therapists than sites.
    """
    practices = list(registry.practices.values())
    sites = [(practice, site) for practice in practices for site in practice.sites]
    rng = stream(settings, SITES)
    n_therapists = _therapists_by_site([site for _, site in sites], settings, rng)
    traits = _site_traits([site for _, site in sites], n_therapists, settings, rng)
    owner = np.array([practices.index(practice) for practice, _ in sites])
    weights = np.array([n_therapists[owner == i].sum() for i in range(len(practices))])
    n_clients = _shares(weights.astype(np.float64), settings.n_clients, minimum=0)
    # One set of calendars: sites must not differ by where a practice's weeks happen to be closed.
    calendar = _calendar(settings, rng)
    models = []
    for number, practice in enumerate(practices):
        own = _select(traits, owner == number)
        own_rng = stream(settings, THERAPISTS, practice_number(practice.practice_id))
        therapists = draw_therapists(
            np.repeat(np.arange(len(practice.sites)), own.n_therapists), own, settings, own_rng
        )
        models.append(PracticeModel(practice, own, therapists, calendar, int(n_clients[number])))
    return tuple(models)


def draw_therapists(
    site: Ints,
    traits: SiteTraits,
    settings: SimulationSettings,
    rng: np.random.Generator,
    *,
    antithetic: bool = False,
) -> Therapists:
    """Therapists at the sites given; `antithetic` mirrors the effects of the first half in the
    second, which leaves their mean exactly 0."""
    n = len(site)

    def normal() -> Floats:
        if not antithetic:
            return rng.standard_normal(n)
        half = rng.standard_normal((n + 1) // 2)
        return np.concatenate([half, -half])[:n]

    # Two stages, client and form, each with the root of the site's rate; the factor undoes the
    # shrinking of a mean of probabilities towards one half (Zeger, Liang & Albert 1988).
    spread = settings.response_therapist_sd
    rate = np.sqrt(np.clip(traits.response[site] / (1 - settings.never_respond_share), 1e-6, 1))
    logit = np.log(rate / np.maximum(1 - rate, 1e-12)) * np.sqrt(1 + 0.346 * spread**2)
    effects = normal(), normal(), normal()
    takes_part = np.where(rate >= 1, 1.0, chance(logit + spread * rng.standard_normal(n)))
    takes_part[rng.random(n) < settings.never_respond_share] = 0.0
    return Therapists(
        site=site.astype(np.int64),
        alliance=np.sqrt(settings.alliance_therapist_share) * effects[0],
        rater=np.sqrt(settings.rater_share) * effects[1],
        outcome=np.sqrt(settings.outcome_therapist_share) * effects[2],
        takes_part=takes_part,
        missed_logit=settings.attendance_therapist_sd * rng.standard_normal(n),
        load=rng.lognormal(0.0, 0.35, n),
        calendar=np.arange(n, dtype=np.int64) % N_CALENDARS,
    )


def _therapists_by_site(
    sites: Sequence[Site], settings: SimulationSettings, rng: np.random.Generator
) -> Ints:
    wanted = rng.uniform(*settings.therapist_range, size=len(sites))
    small = np.array([site.service_setting in settings.small_settings for site in sites])
    numbers = np.full(len(sites), settings.small_therapists, dtype=np.int64)
    rest = settings.n_therapists - int(numbers[small].sum())
    if rest < (~small).sum():
        raise ValueError(
            f"{settings.n_therapists} therapists are too few for {len(sites)} sites; "
            "raise n_therapists"
        )
    if (~small).any():
        minimum = min(int(settings.therapist_range[0]), rest // int((~small).sum()))
        numbers[~small] = _shares(wanted[~small], rest, minimum)
    return numbers


def _shares(weights: Floats, total: int, minimum: int) -> Ints:
    """`total` split by weight, whole numbers, each at least `minimum` (largest remainder)."""
    exact = minimum + weights / weights.sum() * (total - minimum * len(weights))
    numbers: Ints = np.floor(exact).astype(np.int64)
    order = np.argsort(numbers - exact, kind="stable")
    numbers[order[: total - int(numbers.sum())]] += 1
    return numbers


def _site_traits(
    sites: Sequence[Site],
    n_therapists: Ints,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> SiteTraits:
    n = len(sites)
    differs = 0.0 if settings.null else 1.0

    def spread(ends: tuple[float, float]) -> Floats:
        """Evenly spaced over the range and shuffled, so that every world covers it."""
        return rng.permutation(np.linspace(*ends, n)) if n > 1 else np.array([sum(ends) / 2])

    def around(ends: tuple[float, float], mean: float) -> Floats:
        """Spread over the range with the mean given."""
        values = spread(ends)
        steps = np.where(values < values.mean(), mean - ends[0], ends[1] - mean)
        half = (ends[1] - ends[0]) / 2
        moved = mean + differs * (values - values.mean()) / half * steps
        return np.asarray(moved, dtype=np.float64)

    def varied(share: float, concentration: float = 18.0) -> Floats:
        drawn = rng.beta(share * concentration, (1 - share) * concentration, n)
        return drawn if differs else np.full(n, share)

    planted = np.zeros(n)
    large = np.flatnonzero(n_therapists >= settings.planted_minimum_therapists)
    chosen = rng.permutation(large)[: len(settings.planted)]
    planted[chosen] = differs * np.array(settings.planted[: len(chosen)])
    alliance = np.sqrt(settings.alliance_site_share) * rng.standard_normal(n)
    outcome = np.sqrt(settings.outcome_site_share) * rng.standard_normal(n)
    return SiteTraits(
        opens_day=np.array([day_number(site.open_from) for site in sites]),
        closes_day=np.array([day_number(s.open_to) if s.open_to else NEVER for s in sites]),
        n_therapists=n_therapists,
        planted_sd=planted,
        alliance=np.where(planted != 0, 0.0, differs * alliance),
        outcome=differs * outcome,
        no_return=around(settings.no_return, settings.no_return_mean),
        dropout=around(settings.dropout, settings.dropout_mean),
        ending_unrecorded=spread(settings.ending_unrecorded),
        response=spread(settings.response),
        severity=differs * settings.severity_site_sd * rng.standard_normal(n),
        video=varied(settings.video_share, 8.0),
        child=varied(settings.child_clients),
        other_language=varied(settings.other_language_share),
    )


def _select(traits: SiteTraits, which: Flags) -> SiteTraits:
    return SiteTraits(**{name: values[which] for name, values in vars(traits).items()})


def _calendar(settings: SimulationSettings, rng: np.random.Generator) -> Calendar:
    first = day_number(settings.from_on)
    monday = first - (first + 3) % 7  # day 0 was a Thursday
    days = monday + 7 * np.arange(HORIZON_WEEKS, dtype=np.int64)
    thursdays = (EPOCH_DAY + (days + 3).astype("timedelta64[D]")).astype("datetime64[D]")
    years = thursdays.astype("datetime64[Y]").astype(np.int64)
    week_of_year = (thursdays - thursdays.astype("datetime64[Y]")).astype(np.int64) // 7
    is_holiday = (week_of_year == 0) | (week_of_year >= 51)
    is_open = np.tile(~is_holiday, (N_CALENDARS, 1))
    for year in np.unique(years):
        # Two leaves of two weeks, one in each half of the year.
        for earliest in (4, 26):
            start = earliest + rng.integers(0, 20, N_CALENDARS)
            weeks = np.flatnonzero(years == year)
            for offset in (0, 1):
                chosen = weeks[0] + start + offset - week_of_year[weeks[0]]
                inside = (chosen >= 0) & (chosen < HORIZON_WEEKS)
                is_open[np.flatnonzero(inside), chosen[inside]] = False
    rank = np.cumsum(is_open, axis=1) - is_open
    week = np.argsort(~is_open, axis=1, kind="stable")
    return Calendar(monday=monday, rank=rank.astype(np.int64), week=week.astype(np.int64))
