"""A published norm of an instrument: what another population scored, by whom it is said.

A mean without the people behind it, or without who says so, is a number people will use for what it
was never meant. So a norm without a source or without N cannot be declared at all: it is refused by
file and line, and none is left out in silence.
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from expectations.base import Declaration
from expectations.instrument_facts import Mark
from expectations.model import Informant
from expectations.yaml_source import Finding

MINIMUM_PEOPLE = 100
"""People a reference needs before a site may be held against it, here or in a publication."""

BandStage = Literal["all", "opening", "developing", "maintaining", "ending"]


class PublishedNorm(Declaration):
    """Totals of one population by one language and informant, scale points."""

    population: str = Field(min_length=1)
    """Whom it describes, in a few words: `adult outpatients, Netherlands`."""
    language: str
    informant: Informant
    stage: BandStage = "all"
    """Stage of treatment, where the publication names sessions that are one of ours."""
    n: int = Field(ge=MINIMUM_PEOPLE)
    """People in the sample, count."""
    mean: float | None = None
    sd: float | None = Field(default=None, gt=0)
    p10: float | None = None
    p25: float | None = None
    p50: float | None = None
    p75: float | None = None
    p90: float | None = None
    mark: Mark
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _says_something(self) -> "PublishedNorm":
        if not self.places:
            raise ValueError("a norm needs a mean, or percentiles")
        if self.sd is not None and self.mean is None:
            raise ValueError("sd goes with a mean")
        rising = [place for place in self.percentiles if place is not None]
        if sorted(rising) != rising:
            raise ValueError("p10, p25, p50, p75 and p90 must not fall")
        return self

    @property
    def percentiles(self) -> tuple[float | None, ...]:
        """P10, P25, P50, P75, P90, scale points; None where it is not published."""
        return (self.p10, self.p25, self.p50, self.p75, self.p90)

    @property
    def places(self) -> tuple[float, ...]:
        """Everything in it that is a place on the scale, scale points."""
        return tuple(each for each in (self.mean, *self.percentiles) if each is not None)

    @property
    def identity(self) -> tuple[str, str, str, str, str]:
        """What tells two norms of one instrument apart."""
        return (self.language, self.informant, self.stage, self.source, self.population)


def norm_findings(
    norms: tuple[PublishedNorm, ...],
    informants: tuple[str, ...],
    languages: tuple[str, ...],
    bounds: tuple[float, float],
) -> Iterator[Finding]:
    """Where norms contradict their instrument: its informants, its languages, its total's range."""
    named = [norm.identity for norm in norms]
    for position, norm in enumerate(norms):
        place = ("norms", position)
        if norm.informant not in informants:
            yield (*place, "informant"), "must be among the instrument's informants"
        if norm.language not in languages:
            yield (*place, "language"), "must be among the instrument's languages"
        if any(not bounds[0] <= each <= bounds[1] for each in norm.places):
            yield place, f"lies outside the total's {bounds[0]:g} to {bounds[1]:g}"
        if norm.identity in named[:position]:
            yield place, "is there twice"
