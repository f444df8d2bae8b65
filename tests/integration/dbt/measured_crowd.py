"""Two sites of clients whose every form is known, and a few clients by hand.

SRS each session (early alliance at sessions 3 to 5), PHQ-9 besides, and the ARM-5 of client and
therapist. A third of the crowd leave after four sessions, unplanned.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from tests.integration.dbt.raw_rows import RawWarehouse, Row

FIRST = date(2026, 1, 5)
N_CLIENTS, N_THERAPISTS, N_SESSIONS = 48, 12, 6
SITES = ("north_east", "north_west")


def _day(number: int) -> date:
    return FIRST + timedelta(weeks=number - 1)


@dataclass(frozen=True)
class Client:
    """One client of the crowd: totals by session; sessions and forms end with `n_sessions`."""

    name: str
    site: str
    therapist: str
    n_sessions: int
    srs: tuple[float, ...]
    phq: tuple[float, ...]
    arm: tuple[float, ...]
    arm_of_therapist: tuple[float, ...]
    ending: str


def _crowd() -> list[Client]:
    chance = np.random.default_rng(20261128)
    found = []
    for site in SITES:
        for number in range(N_CLIENTS):
            level = chance.normal(30, 4)
            srs = np.clip(np.round(level + chance.normal(0, 3, N_SESSIONS), 1), 0, 40)
            falls = (srs - 20) / 12
            phq = np.clip(np.round(16 - np.cumsum(falls) + chance.normal(0, 2, N_SESSIONS)), 0, 27)
            arm = np.round(chance.uniform(3, 7, N_SESSIONS), 1)
            seen = np.round(np.clip(2.8 + 0.4 * arm + chance.normal(0, 0.4, N_SESSIONS), 1, 7), 1)
            is_short = number % 3 == 0
            n_sessions = 4 if is_short else N_SESSIONS
            ending = "client_unplanned" if is_short else "planned"
            srs_of, phq_of, arm_of, seen_of = (
                tuple(each[:n_sessions].tolist()) for each in (srs, phq, arm, seen)
            )
            name, therapist = f"{site[6]}{number}", f"t{site[6]}{number % N_THERAPISTS}"
            found.append(
                Client(name, site, therapist, n_sessions, srs_of, phq_of, arm_of, seen_of, ending)
            )
    return found


CROWD = _crowd()


def _episode(client: str, site: str, therapist: str, **row: object) -> Row:
    key = {"client_key": client, "episode_key": f"e_{client}", "site_id": site}
    return {**key, "therapist_key": therapist, "opened_on": FIRST, **row}


def _session(client: str, site: str, therapist: str, number: int) -> Row:
    placed = {"client_key": client, "episode_key": f"e_{client}", "site_id": site}
    key = {"session_key": f"s_{client}_{number}", "scheduled_on": _day(number)}
    return {**placed, **key, "therapist_key": therapist}


def _form(
    client: str, number: int, instrument: tuple[str, str], total: float, **row: object
) -> Row:
    """A total of a session; `row` says what else tells it from the client's others."""
    mark = "".join(str(each)[0] for each in row.values())
    return {
        "client_key": client,
        "session_key": f"s_{client}_{number}",
        "form_key": f"{client}{instrument[0][:1]}{number}{mark}",
        "completed_on": _day(number),
        "instrument_code": instrument[0],
        "version": instrument[1],
        "stated_total": total,
        **row,
    }


SRS, PHQ, ARM = ("srs", "3"), ("phq_9", "1"), ("arm_5", "1")


def _crowds_rows(one: Client) -> tuple[Row, list[Row], list[Row]]:
    placed = (one.name, one.site, one.therapist)
    episode = _episode(
        *placed, state="closed", closed_on=_day(one.n_sessions), ending_code=one.ending
    )
    sessions = [_session(*placed, number) for number in range(1, one.n_sessions + 1)]
    forms = []
    for place in range(one.n_sessions):
        number = place + 1
        forms += [
            _form(one.name, number, SRS, one.srs[place]),
            _form(one.name, number, PHQ, one.phq[place]),
            _form(one.name, number, ARM, one.arm[place]),
            _form(one.name, number, ARM, one.arm_of_therapist[place], informant="therapist"),
        ]
    return episode, sessions, forms


def _by_hand() -> tuple[list[Row], list[Row], list[Row]]:
    """Clients of a third site, for what is taken before and after the early alliance."""
    closed = {"state": "closed", "closed_on": _day(8), "ending_code": "planned"}
    site, therapist = "north_hand", "th"
    episodes, sessions, forms = [], [], []
    for client in ("ada", "ben", "cleo", "dora", "evan"):
        told = {} if client == "evan" else closed
        episodes.append(_episode(client, site, therapist, **told))
        sessions += [_session(client, site, therapist, number) for number in range(1, 9)]
        # Sessions 3 to 5: 30, 32, 34; cleo has one of them only.
        forms += [_form(client, 3, SRS, 30)]
        if client != "cleo":
            forms += [_form(client, 4, SRS, 32), _form(client, 5, SRS, 34)]
        forms += [_form(client, 4, PHQ, 12)]
        if client != "ben":
            forms += [_form(client, 5, PHQ, 10), _form(client, 6, PHQ, 6)]
    # Two who answer for dora: the one with three forms is the series, not the one with the last.
    for respondent, numbers in (("mother", (2, 5, 6)), ("father", (1, 8))):
        forms += [
            _form("dora", number, PHQ, number, informant="caregiver", respondent=respondent)
            for number in numbers
        ]
    return episodes, sessions, forms


def deliver(warehouse: RawWarehouse) -> None:
    """Everything in three deliveries."""
    episodes, sessions, forms = _by_hand()
    for one in CROWD:
        episode, of_client, filled_in = _crowds_rows(one)
        episodes.append(episode)
        sessions += of_client
        forms += filled_in
    # The months above are closed by a later session.
    sessions.append({**_session("evan", "north_hand", "th", 9), "scheduled_on": date(2026, 4, 2)})
    warehouse.deliver("episodes", "north", episodes)
    warehouse.deliver("sessions", "north", sessions)
    warehouse.deliver("administrations", "north", forms)
