"""Networks of two and three informants with a known truth, as raw feeds.

Every network is a practice of its own. Adults and their therapists fill in the ARM-5, children,
caregivers and therapists the TASC, at the same sessions; a tenth of the forms is missing, at
random. Values are percent of the scale's range. Clients cluster in therapists: a therapist moves
the gap of all of their clients, and tracks clients more or less closely than others.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TRIAD = ("child", "caregiver", "therapist")
_MISSING = 0.1
_FIRST = np.datetime64("2026-01-10")
"""The eighth weekly session is on the last day of February, so that the month is closed."""


@dataclass(frozen=True)
class PairModel:
    """Sizes of a network and the spreads of its parts, percent of the scale's range."""

    n_sites: int = 12
    therapists: tuple[int, int] = (11, 16)
    """Fewest and most of a site. The sandwich asks for ten clusters."""
    clients: tuple[int, int] = (3, 9)
    """Fewest and most of a therapist."""
    sessions: tuple[int, int] = (3, 8)
    site_bias_sd: float = 3.0
    bias: float = -5.0
    therapist_bias_sd: float = 4.0
    client_bias_sd: float = 5.0
    tracking: tuple[float, float] = (0.2, 0.6)
    """Range of the sites' slopes."""
    therapist_tracking_sd: float = 0.1
    client_sd: float = 7.0
    session_sd: float = 6.0
    error_sd: float = 5.0


@dataclass(frozen=True)
class DrawnPairs:
    """The feeds of one practice, and the truth by site and figure (columns site_id, figure, truth).

    Figures: `bias` and `tracking` of therapist on client, and the metrics of the gaps.
    """

    practice_id: str
    sites: tuple[str, ...]
    episodes: pd.DataFrame
    sessions: pd.DataFrame
    forms: pd.DataFrame
    truth: pd.DataFrame


def draw_pairs(
    rng: np.random.Generator, practice_id: str, first: int, model: PairModel
) -> DrawnPairs:
    """One network; clients, episodes, sessions and forms are numbered from `first`."""
    n_therapists = rng.integers(*model.therapists, model.n_sites, endpoint=True)
    site_of_therapist = np.repeat(np.arange(model.n_sites), n_therapists)
    n_clients = rng.integers(*model.clients, site_of_therapist.size, endpoint=True)
    therapist = np.repeat(np.arange(site_of_therapist.size), n_clients)
    site = site_of_therapist[therapist]
    n_sessions = rng.integers(*model.sessions, therapist.size, endpoint=True)
    client = np.repeat(np.arange(therapist.size), n_sessions)
    number = np.arange(client.size) - np.searchsorted(client, client)
    sites = tuple(f"{practice_id}_{one}" for one in range(model.n_sites))

    bias = model.bias + model.site_bias_sd * rng.standard_normal(model.n_sites)
    slope = rng.uniform(*model.tracking, model.n_sites)
    own_slope = slope[site_of_therapist] + model.therapist_tracking_sd * rng.standard_normal(
        site_of_therapist.size
    )
    seen = model.client_sd * rng.standard_normal(therapist.size)
    moves = model.session_sd * rng.standard_normal(client.size)
    adult = 50 + seen[client] + moves
    rated = 50 + seen[client] + own_slope[therapist[client]] * moves
    rated = rated + _gap(rng, model, site_of_therapist, therapist, bias)[client]
    rated = rated + model.error_sd * rng.standard_normal(client.size)

    # A triad: the caregiver above the child, the therapist between, each site in its own way.
    shift = {name: 4.0 * rng.standard_normal(model.n_sites) for name in TRIAD}
    triad = {
        name: 50
        + seen[client]
        + _gap(rng, model, site_of_therapist, therapist, shift[name])[client]
        + model.session_sd * rng.standard_normal(client.size)
        for name in TRIAD
    }
    forms = [
        _forms(rng, client, number, "arm_5", "client", adult, 1, 7, 0),
        _forms(rng, client, number, "arm_5", "therapist", rated, 1, 7, 1),
        _forms(rng, client, number, "tasc_r", "child", triad["child"], 12, 48, 2),
        _forms(rng, client, number, "tasc_p", "caregiver", triad["caregiver"], 12, 48, 3),
        _forms(rng, client, number, "tasc_r", "therapist", triad["therapist"], 12, 48, 4),
    ]
    truths = {
        "bias": bias,
        "tracking": slope,
        "triad_gap_child_therapist": shift["child"] - shift["therapist"],
        "triad_gap_caregiver_therapist": shift["caregiver"] - shift["therapist"],
        "triad_gap_child_caregiver": shift["child"] - shift["caregiver"],
    }
    person = first + np.arange(therapist.size)
    episodes = pd.DataFrame(
        {
            "client_key": person,
            "episode_key": person,
            "site_id": np.array(sites, dtype=object)[site],
            "therapist_key": first + therapist,
            "opened_on": _FIRST,
        }
    )
    sessions = episodes.iloc[client].drop(columns="opened_on").reset_index(drop=True)
    sessions["session_key"] = sessions["client_key"] * 100 + number
    sessions["scheduled_on"] = _FIRST + 7 * number
    return DrawnPairs(
        practice_id,
        sites,
        episodes,
        sessions,
        _of_sessions(pd.concat(forms, ignore_index=True), sessions),
        pd.concat(
            pd.DataFrame({"site_id": sites, "figure": figure, "truth": truth})
            for figure, truth in truths.items()
        ),
    )


def _gap(
    rng: np.random.Generator, model: PairModel, site: Ints, therapist: Ints, of_site: Floats
) -> Floats:
    """Of each client: the site's gap, the therapist's and the client's own."""
    of_therapist = of_site[site] + model.therapist_bias_sd * rng.standard_normal(site.size)
    own = model.client_bias_sd * rng.standard_normal(therapist.size)
    return np.asarray(of_therapist[therapist] + own)


def _forms(
    rng: np.random.Generator,
    client: Ints,
    number: Ints,
    instrument_code: str,
    informant: str,
    percent: Floats,
    minimum: float,
    maximum: float,
    kind: int,
) -> pd.DataFrame:
    kept = np.flatnonzero(rng.random(client.size) >= _MISSING)
    total = minimum + (maximum - minimum) * np.clip(percent, 0, 100) / 100
    return pd.DataFrame(
        {
            "session": kept,
            "kind": kind,
            "instrument_code": instrument_code,
            "version": "1",
            "informant": informant,
            "stated_total": np.round(total[kept], 3),
        }
    )


def _of_sessions(forms: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    of = sessions.iloc[forms["session"].to_numpy()].reset_index(drop=True)
    return forms.drop(columns=["session", "kind"]).assign(
        form_key=of["session_key"] * 10 + forms["kind"].to_numpy(),
        client_key=of["client_key"],
        session_key=of["session_key"],
        completed_on=of["scheduled_on"],
    )
