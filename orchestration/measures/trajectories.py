"""How the alliance goes over a treatment, site by site: level, slope and curvature.

Descriptive: the shape of the alliance's course does not predict outcome (Stevens CL, Muran JC,
Safran JD, Gorman BS, Winston A 2007, Am J Psychother 61:109-129), and a steeper line is no better
therapy.

Clients are random and sites fixed (growth_model.py). Level and slope are those of straight lines,
by clients with four forms; the curvature that of parabolas, by clients with six. A client's own
slope is an estimate from a handful of forms and is not given out. Who leaves early has no line at
all: these are the courses of those who stayed, and n_clients_short stands beside them.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.measures.arrays import Estimate, Floats, Ints, MeasureUndefined, Reason
from orchestration.measures.growth_model import GrowthModel, fit_growth

FEWEST_FORMS = 4
FEWEST_FORMS_CURVED = 6
"""Forms at different sessions that a client needs for a line, and for a parabola."""
FEWEST_CLIENTS = 10
"""Clients with enough forms that a site needs. Ours."""
FIRST_SESSION = 1.0


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
    origin: float = FIRST_SESSION,
    fewest_clients: int = FEWEST_CLIENTS,
) -> Trajectories:
    """One entry per form of one instrument, version, language and informant.

    Forms without a value or session number (NaN) are left out and counted. Intervals are Student's
    with a degree of freedom less than the site has clients: lines differ between clients, and that
    is what is uncertain. Raises MeasureUndefined for arrays of different length.
    """
    if not site.shape == client.shape == session_no.shape == value.shape or site.ndim != 1:
        raise MeasureUndefined("a site, a client, a session number and a value per form are needed")
    used = ~(np.isnan(session_no) | np.isnan(value))
    forms = _Forms(site[used], client[used], session_no[used], value[used])
    linear, why_linear = forms.fitted(FEWEST_FORMS, 1, origin)
    curved, why_curved = forms.fitted(FEWEST_FORMS_CURVED, 2, origin)
    counts = zip(
        forms.sites.tolist(),
        forms.n_clients(1),
        *(forms.n_clients(FEWEST_FORMS), forms.n_forms(FEWEST_FORMS)),
        *(forms.n_clients(FEWEST_FORMS_CURVED), forms.n_forms(FEWEST_FORMS_CURVED)),
        strict=True,
    )
    found: list[SiteTrajectory] = []
    for code, n_all, n, n_forms, n_curved, n_forms_curved in counts:
        reasons: list[Reason] = []
        level = slope = curvature = None
        if text := why_linear or _too_few(n, FEWEST_FORMS, fewest_clients):
            reasons += [Reason("level", text), Reason("slope", text)]
        elif linear is not None:
            level, slope = (_estimate(linear, code, place, n) for place in (0, 1))
        if text := why_curved or _too_few(n_curved, FEWEST_FORMS_CURVED, fewest_clients):
            reasons.append(Reason("curvature", text))
        elif curved is not None:
            curvature = _estimate(curved, code, 2, n_curved)
        figures = (code, level, slope, curvature)
        numbers = (n, n_forms, n_curved, n_forms_curved, n_all - n)
        found.append(SiteTrajectory(*figures, *numbers, tuple(reasons)))
    return Trajectories(tuple(found), linear, curved, int(used.size - used.sum()))


class _Forms:
    """The forms, and at how many different sessions each client of a site has one."""

    def __init__(self, site: Ints, client: Ints, session_no: Floats, value: Floats) -> None:
        self._site, self._client = site, client
        self._session_no, self._value = session_no, value
        self.sites, at_site = np.unique(site, return_inverse=True)
        _, at_client = np.unique(client, return_inverse=True)
        _, at_session = np.unique(session_no, return_inverse=True)
        units, self._unit = np.unique(
            at_site * (at_client.max(initial=0) + 1) + at_client, return_inverse=True
        )
        n_times = int(at_session.max(initial=0)) + 1
        different = np.unique(self._unit * n_times + at_session)
        self._n_sessions = np.bincount(different // n_times, minlength=units.size)
        self._n_of_unit = np.bincount(self._unit, minlength=units.size)
        self._owner = np.zeros(units.size, dtype=np.int64)
        self._owner[self._unit] = at_site

    def n_clients(self, fewest: int) -> list[int]:
        """Of every site, those with forms at `fewest` sessions."""
        return self._by_site((self._n_sessions >= fewest).astype(np.int64))

    def n_forms(self, fewest: int) -> list[int]:
        """Of every site, forms of such clients."""
        return self._by_site(self._n_of_unit * (self._n_sessions >= fewest))

    def _by_site(self, of_unit: Ints) -> list[int]:
        sums = np.bincount(self._owner, of_unit, minlength=self.sites.size)
        return [round(one) for one in sums.tolist()]

    def fitted(
        self, fewest: int, degree: int, origin: float
    ) -> tuple[GrowthModel | None, str | None]:
        """The network's model of clients with forms at `fewest` sessions, or why there is none."""
        enough = (self._n_sessions >= fewest)[self._unit]
        if not enough.any():
            return None, None
        try:
            model = fit_growth(
                *(self._site[enough], self._client[enough]),
                *(self._session_no[enough], self._value[enough]),
                degree=degree,
                origin=origin,
            )
        except MeasureUndefined as undefined:
            return None, str(undefined)
        return model, None


def _too_few(n: int, n_forms: int, fewest: int) -> str | None:
    if n >= fewest:
        return None
    return f"needs {fewest} clients with forms at {n_forms} sessions, found {n}"


def _estimate(model: GrowthModel, code: int, column: int, n_clients: int) -> Estimate:
    row = int(np.searchsorted(model.sites, code))
    error = float(np.sqrt(model.fixed_covariance[row, column, column]))
    return Estimate.of(float(model.fixed[row, column]), error, n_clients - 1)
