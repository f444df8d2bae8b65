"""What a contract says of units of treatment that its practice does not send.

Some systems know appointments and no episodes. Without episodes no form has a place in the
comparison, so the contract may say from which silence on a client's next session is a new one.
"""

from typing import Literal

from pydantic import Field

from expectations.base import Declaration
from expectations.schedule import ServiceType


class Derivation(Declaration):
    """Episodes made out of sessions, for clients of whom no episode is stated.

    More than `gap_days` days between two attended treatment sessions of a client (alone, or within
    one couple, family or group) begin a new episode; so does every id of an episode that sessions
    name. An episode whose last session lies more than `gap_days` before the practice's newest data
    is closed, its ending not recorded. What sessions do not say is not guessed.
    """

    gap_days: int = Field(ge=7, le=730)
    service_type: ServiceType | Literal["not_recorded"] = "not_recorded"
    """What clients seen alone come for, where the practice has that one service. Schedules ask
    by service type: nothing is due of an episode whose type is not recorded."""


class EpisodeTerms(Declaration):
    """How episodes come about beside those that are sent. A stated episode always wins."""

    derive: Derivation | None = None
