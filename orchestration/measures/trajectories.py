"""How the alliance goes over a treatment, site by site: level, slope and curvature.

Descriptive: the shape of the alliance's course does not predict outcome (Stevens CL, Muran JC,
Safran JD, Gorman BS, Winston A 2007, Am J Psychother 61:109-129), and a steeper line is no better
therapy.

Clients and therapists are random and sites fixed (growth_model.py). Level and slope are those of
straight lines, by clients with four forms; the curvature that of parabolas, by clients with six. A
client's own slope is an estimate from a handful of forms and is not given out. Who leaves early has
no line at all: these are the courses of those who stayed, and n_clients_short stands beside them.

A therapist moves the levels of all of that therapist's clients, so the level's squared error holds
the therapists' variance over their effective number, as generalised least squares weighs them; for
clients of one size it is variance_therapist / J_eff (benchmarking/variance.py). Slopes and
curvatures of one therapist's clients are taken for independent. Degrees of freedom are those of the
level at which a coefficient varies (Pinheiro & Bates 2000, Mixed-effects models in S and S-PLUS,
section 2.4.2): of the level the network's therapists less its sites; of slope and curvature, more
careful than there, the site's own clients less one.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.measures.arrays import (
    Bools,
    Estimate,
    Floats,
    Ints,
    MeasureUndefined,
    Reason,
)
from orchestration.measures.growth_model import GrowthModel, fit_growth

FEWEST_FORMS = 4
FEWEST_FORMS_CURVED = 6
"""Forms at different sessions that a client needs for a line, and for a parabola."""
FEWEST_CLIENTS = 10
"""Clients with enough forms that a site needs. Ours."""
FIRST_SESSION = 1.0
ALONE = (
    "no site has two therapists with a client: how much therapists differ cannot be told, and "
    "without that a level has no interval"
)


@dataclass(frozen=True)
class Course:
    """A site's coefficients of 1, t, t2 ..., t counted from the origin; none stands with `reason`.

    The first, the level, is None where no site has two therapists (ALONE).

    `n_clients` and `n_forms` are behind it, `n_clients_short` had a form, but too few. `site` is
    None for all sites together.
    """

    site: int | None
    terms: tuple[Estimate | None, ...]
    n_clients: int
    n_forms: int
    n_clients_short: int
    reason: str | None


@dataclass(frozen=True)
class Courses:
    """`sites` ascending by code. `network` is the mean of those sites' courses that have one, each
    weighing as many as its clients: of these sites, not of all there might be. `model` is None
    where none could be fitted."""

    sites: tuple[Course, ...]
    network: Course
    model: GrowthModel | None
    n_excluded: int


@dataclass(frozen=True)
class SiteTrajectory:
    """One site. None stands with a Reason.

    `level` is the value at the origin's session, `slope` its change a session, `curvature` the
    coefficient of the squared session number (the slope changes by twice that a session).
    `n_clients` and `n_forms` are behind level and slope, `_curved` behind the curvature;
    `n_clients_short` had a form, but too few.
    """

    site: int
    level: Estimate | None
    slope: Estimate | None
    curvature: Estimate | None
    n_clients: int
    n_forms: int
    n_clients_curved: int
    n_forms_curved: int
    n_clients_short: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Trajectories:
    """`sites` ascending by code; the models' network figures, None where none could be fitted."""

    sites: tuple[SiteTrajectory, ...]
    linear: GrowthModel | None
    curved: GrowthModel | None
    n_excluded: int


def site_trajectories(
    site: Ints,
    client: Ints,
    session_no: Floats,
    value: Floats,
    *,
    therapist: Ints | None = None,
    origin: float = FIRST_SESSION,
    fewest_clients: int = FEWEST_CLIENTS,
) -> Trajectories:
    """Level and slope of lines, curvature of parabolas; arguments and errors as `site_courses`."""
    lines, curves = (
        site_courses(
            *(site, client, session_no, value),
            degree=degree,
            therapist=therapist,
            origin=origin,
            fewest_clients=fewest_clients,
        )
        for degree in (1, 2)
    )
    return Trajectories(
        tuple(_both(line, curve) for line, curve in zip(lines.sites, curves.sites, strict=True)),
        lines.model,
        curves.model,
        lines.n_excluded,
    )


def site_courses(
    site: Ints,
    client: Ints,
    session_no: Floats,
    value: Floats,
    *,
    degree: int,
    therapist: Ints | None = None,
    origin: float = FIRST_SESSION,
    fewest_clients: int = FEWEST_CLIENTS,
) -> Courses:
    """One entry per form of one instrument, version, language and informant; `degree` 1 is a line,
    2 a parabola.

    `therapist` as in `fit_growth`: below 0 where unknown; without it clients are taken for
    independent and level intervals are too short (with therapists at 4 % of the variance they cover
    91 %). Forms without a value or session number (NaN) are left out and counted. Intervals are
    Student's. Raises MeasureUndefined for arrays of different length.
    """
    if not site.shape == client.shape == session_no.shape == value.shape or site.ndim != 1:
        raise MeasureUndefined("a site, a client, a session number and a value per form are needed")
    if therapist is not None and therapist.shape != site.shape:
        raise MeasureUndefined("a therapist per form is needed, below 0 where unknown")
    fewest = FEWEST_FORMS if degree == 1 else FEWEST_FORMS_CURVED
    used = ~(np.isnan(session_no) | np.isnan(value))
    sites, owner, n_forms, is_long, has_line = _counted(
        site[used], client[used], session_no[used], fewest
    )
    rows = np.flatnonzero(used)[has_line]
    model, why = None, None
    if rows.size:
        try:
            model = fit_growth(
                *(site[rows], client[rows], session_no[rows], value[rows]),
                degree=degree,
                origin=origin,
                therapist=None if therapist is None else therapist[rows],
            )
        except MeasureUndefined as undefined:
            why = str(undefined)
    n_all, n_long, n_forms_long = (
        np.bincount(owner, weights, minlength=sites.size).round().astype(np.int64).tolist()
        for weights in (np.ones(owner.size), is_long, is_long * n_forms)
    )
    found: list[Course] = []
    for place, code in enumerate(sites.tolist()):
        n = n_long[place]
        reason = why or _too_few(n, fewest, fewest_clients)
        terms = () if reason or model is None else _site_terms(model, code, n)
        found.append(Course(code, terms, n, n_forms_long[place], n_all[place] - n, reason))
    return Courses(
        tuple(found),
        _network(
            model,
            [course for course in found if course.n_clients >= fewest_clients],
            why or "no site has enough clients with a course",
        ),
        model,
        int(used.size - used.sum()),
    )


def _counted(
    site: Ints, client: Ints, session_no: Floats, fewest: int
) -> tuple[Ints, Ints, Ints, Bools, Bools]:
    """The sites; of each client at a site the site's place, its forms and whether they are at
    `fewest` different sessions; and the latter of each form."""
    sites, at_site = np.unique(site, return_inverse=True)
    _, at_client = np.unique(client, return_inverse=True)
    _, at_session = np.unique(session_no, return_inverse=True)
    units, unit = np.unique(
        at_site * (at_client.max(initial=0) + 1) + at_client, return_inverse=True
    )
    n_times = int(at_session.max(initial=0)) + 1
    different = np.unique(unit * n_times + at_session)
    is_long = np.bincount(different // n_times, minlength=units.size) >= fewest
    owner = np.zeros(units.size, dtype=np.int64)
    owner[unit] = at_site
    return sites, owner, np.bincount(unit, minlength=units.size), is_long, is_long[unit]


def _too_few(n: int, n_forms: int, fewest: int) -> str | None:
    if n >= fewest:
        return None
    return f"needs {fewest} clients with forms at {n_forms} sessions, found {n}"


def _site_terms(model: GrowthModel, code: int, n_clients: int) -> tuple[Estimate | None, ...]:
    row = int(np.searchsorted(model.sites, code))
    variances = np.diag(model.fixed_covariance[row])
    return _terms(model, model.fixed[row], variances, n_clients - 1)


def _terms(
    model: GrowthModel, values: Floats, variances: Floats, freedom: int
) -> tuple[Estimate | None, ...]:
    """The level has the therapists' degrees of freedom where they have a variance of their own."""
    of_level = freedom
    if model.n_therapists is not None:
        of_level = model.n_therapists - model.sites.size
    freedoms = [of_level] + [freedom] * (values.size - 1)
    found: list[Estimate | None] = [
        Estimate.of(*each)
        for each in zip(values.tolist(), np.sqrt(variances).tolist(), freedoms, strict=True)
    ]
    if model.is_alone:
        found[0] = None
    return tuple(found)


def _network(model: GrowthModel | None, some: list[Course], why: str) -> Course:
    """Of the sites with enough clients; independent of each other, given the variances."""
    counts = (
        sum(each.n_clients for each in some),
        sum(each.n_forms for each in some),
        sum(each.n_clients_short for each in some),
    )
    if model is None or not some:
        return Course(None, (), *counts, why)
    rows = np.flatnonzero(
        np.isin(model.sites, np.array([each.site for each in some], dtype=np.int64))
    )
    weight = np.array([each.n_clients for each in some]) / counts[0]
    variances = np.diagonal(model.fixed_covariance[rows], axis1=1, axis2=2)
    terms = _terms(model, weight @ model.fixed[rows], weight**2 @ variances, counts[0] - len(some))
    return Course(None, terms, *counts, None)


def _both(line: Course, curve: Course) -> SiteTrajectory:
    level, slope = line.terms or (None, None)
    curvature = curve.terms[2] if curve.terms else None
    reasons = []
    for figure, estimate, why in (
        ("level", level, line.reason or ALONE),
        ("slope", slope, line.reason),
        ("curvature", curvature, curve.reason),
    ):
        if estimate is None and why is not None:
            reasons.append(Reason(figure, why))
    assert line.site is not None
    return SiteTrajectory(
        *(line.site, level, slope, curvature, line.n_clients, line.n_forms),
        *(curve.n_clients, curve.n_forms, line.n_clients_short, tuple(reasons)),
    )
