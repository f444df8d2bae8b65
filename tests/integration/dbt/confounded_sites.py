"""Sites whose clients are not alike: what each would have with the same clients is known.

A client's mean SRS falls with the true severity at the beginning, which the PHQ-9 of session 1
measures with error. `easy` and `hard` are as good as the others and have other clients; `better` is
2 points above them; `small` has two therapists and is not shown; `video` has no other mode. Six
sessions in 2025 with an SRS each, a PHQ-9 at the first, the fifth and the sixth.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from tests.integration.dbt.raw_rows import RawWarehouse, Row

OWN = {
    **dict.fromkeys(("easy", "hard", "one", "two", "three", "small", "video"), 0.0),
    "better": 2.0,
}
"""Points above the others that are the site's own."""
SEVERITY = {"easy": 33.0, "hard": 57.0}
"""Mean true severity, percent of the scale; 45 elsewhere."""
SLOPE = -0.12
"""Points of the SRS for a percent of severity: 24 percent apart are 2.9 points."""
N_CLIENTS, N_SESSIONS = 48, 6
N_THERAPISTS = {"small": 2}
FIRST = date(2025, 2, 3)


@dataclass(frozen=True)
class Crowd:
    """Rows of three feeds by columns, in order of client and session."""

    episodes: pd.DataFrame
    sessions: pd.DataFrame
    forms: pd.DataFrame


def crowd() -> Crowd:
    """The same each time."""
    chance = np.random.default_rng(20251128)
    parts = [_clients(site, number, chance) for number, site in enumerate(OWN)]
    clients = pd.concat(parts, ignore_index=True)
    n = len(clients)
    clients["client_key"] = [f"c{number}" for number in range(n)]
    clients["episode_key"] = "e" + clients["client_key"]
    places = ["client_key", "episode_key", "site_id", "therapist_key"]
    episodes = clients[[*places, "age_band_at_intake"]].assign(
        opened_on=FIRST,
        state="closed",
        closed_on=_day(N_SESSIONS),
        ending_code="planned",
    )
    sessions, forms = [], []
    rated = np.clip(clients["level"].to_numpy()[:, None] + chance.normal(0, 1.5, (n, 6)), 0, 40)
    early = rated[:, 2:5].mean(axis=1)
    outcomes = {1: clients["phq"], 5: clients["phq"] * 0.8 + chance.normal(0, 2, n)}
    outcomes[6] = outcomes[5] - 0.5 * (early - early.mean()) + chance.normal(0, 2, n)
    for number in range(1, N_SESSIONS + 1):
        held = clients[[*places, "delivery_mode"]].assign(
            session_key="s" + clients["client_key"] + f"_{number}", scheduled_on=_day(number)
        )
        sessions.append(held)
        form = held[["client_key", "session_key"]].assign(completed_on=_day(number))
        key = form["client_key"] + f"_{number}"
        srs = form.assign(form_key="r" + key, stated_total=np.round(rated[:, number - 1], 1))
        forms.append(srs.assign(instrument_code="srs", version="3"))
        if number in outcomes:
            phq = form.assign(
                form_key="q" + key, stated_total=np.clip(outcomes[number].round(), 0, 27)
            )
            forms.append(phq.assign(instrument_code="phq_9", version="1"))
    return Crowd(episodes, pd.concat(sessions), pd.concat(forms))


def _clients(site: str, number: int, chance: np.random.Generator) -> pd.DataFrame:
    severity = chance.normal(SEVERITY.get(site, 45.0), 15, N_CLIENTS)
    n_therapists = N_THERAPISTS.get(site, 6)
    of_therapist = chance.normal(0, 0.3, n_therapists)
    therapist = np.arange(N_CLIENTS) % n_therapists
    modes = np.array(["in_person", "video"])
    is_video = (
        np.ones(N_CLIENTS, dtype=int) if site == "video" else chance.integers(0, 2, N_CLIENTS)
    )
    level = 27 + OWN[site] + SLOPE * (severity - 45) + of_therapist[therapist]
    return pd.DataFrame(
        {
            "site_id": site,
            "therapist_key": [f"t{number}_{each}" for each in therapist],
            "age_band_at_intake": np.array(["30-39", "40-49"])[chance.integers(0, 2, N_CLIENTS)],
            "delivery_mode": modes[is_video],
            "level": level + chance.normal(0, 1.5, N_CLIENTS),
            # In percent the error of measurement that a reliable change of 6 points declares.
            "phq": (severity + chance.normal(0, 100 * 6 / 27 / 2.771808, N_CLIENTS)) * 0.27,
        }
    )


def _day(number: int) -> date:
    return FIRST + timedelta(weeks=number - 1)


def deliver(warehouse: RawWarehouse, of: Crowd, also: Row) -> None:
    """Everything, and a session `also` that closes the year."""
    warehouse.deliver_frame("episodes", "north", of.episodes)
    warehouse.deliver_frame("sessions", "north", of.sessions)
    warehouse.deliver_frame("administrations", "north", of.forms)
    warehouse.deliver("sessions", "north", [also])


CLOSING: Row = {
    "client_key": "c0",
    "episode_key": "ec0",
    "site_id": "easy",
    "therapist_key": "t0_0",
    "session_key": "sc0_late",
    "scheduled_on": date(2026, 4, 2),
}
