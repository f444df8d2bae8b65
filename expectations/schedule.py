"""When which form is due, for whom, and what lets a session off: what response rates divide by.

Everything here is dated, or a change of plan would change rates that are already published.
"""

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from expectations.base import Declaration, Identifier
from expectations.model import Informant

ServiceType = Literal["individual", "couple", "family", "group", "crisis", "assessment"]
DeliveryMode = Literal["in_person", "video", "phone", "text"]
AGE_BANDS = (
    *("0_5", "6_10", "11_12", "13_17", "18_29", "30_39", "40_49", "50_59", "60_69", "70_79"),
    *("80_89", "90_plus"),
)
AgeBand = Literal[
    "0_5", "6_10", "11_12", "13_17", "18_29", "30_39", "40_49", "50_59", "60_69", "70_79",
    "80_89", "90_plus",
]  # fmt: skip


class Scope(Declaration):
    """Whom a schedule is for; an empty field means everyone.

    Where `age_bands` are named, nothing is due of a client whose age nobody recorded.
    """

    sites: tuple[Identifier, ...] = ()
    service_types: tuple[ServiceType, ...] = ("individual", "couple", "family", "group")
    age_bands: tuple[AgeBand, ...] = ()


class Exemption(Declaration):
    """Sessions of which a schedule's form is not asked: those to which all that is said applies."""

    reason: Identifier
    age_bands: tuple[AgeBand, ...] = ()
    delivery_modes: tuple[DeliveryMode, ...] = ()
    interpreter: bool | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    """Last day, inclusive."""

    @model_validator(mode="after")
    def _says_something(self) -> "Exemption":
        if not (set(type(self).model_fields) - {"reason"}) & self.model_fields_set:
            raise ValueError(f"exemption {self.reason}: say which sessions it lets off")
        return self


class Schedule(Declaration):
    """When a form is due: the denominator of every response rate, hence dated."""

    schedule_id: Identifier
    instrument_code: Identifier
    version: str
    informant: Informant
    rule: Literal["intake", "every_session", "every_n", "session_list", "every_days", "ending"]
    every: int | None = Field(default=None, ge=1)
    """n of every_n (sessions 1, 1+n, 1+2n, ...) or the days of every_days."""
    sessions: tuple[int, ...] = ()
    window_days: int = Field(default=7, ge=0)
    valid_from: date
    valid_to: date | None = None
    scope: Scope = Scope()
    exemptions: tuple[Exemption, ...] = ()

    @model_validator(mode="after")
    def _rule_has_its_numbers(self) -> "Schedule":
        if (self.rule in ("every_n", "every_days")) != (self.every is not None):
            raise ValueError(f"{self.schedule_id}: `every` goes with every_n and every_days")
        if (self.rule == "session_list") != bool(self.sessions):
            raise ValueError(f"{self.schedule_id}: `sessions` goes with session_list")
        return self
