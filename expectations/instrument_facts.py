"""What is known about an instrument beside its key, and how sure: marks, cut-offs, change.

Nothing here enters a score. A cut-off or a constant without its bound, its language and its source
is a number people will use for what it was never meant.
"""

import math
from typing import Literal

from pydantic import Field, model_validator

from expectations.base import Declaration, Identifier
from expectations.model import Informant
from expectations.schedule import AgeBand

Mark = Literal["V", "V2", "R", "D"]
"""How sure: V read in a source; V2 read in one secondary or vendor page; R recalled by a
specialist, not read; D decided here where nothing is published (only what withholds a score)."""

Fact = Literal[
    "items",
    "range",
    "reversal",
    "item_coding",
    "direction",
    "informants",
    "licence",
    "loinc",
    "psychometrics",
]
KEY_FACTS: tuple[Fact, ...] = ("items", "range", "reversal")
"""Facts every score of the instrument rests on; its scales and missing rules carry their own."""

Construct = Literal[
    "working_alliance",
    "bond",
    "goal",
    "task",
    "partnership",
    "empathy",
    "regard",
    "trust",
    "collaboration",
]


class SourcedFact(Declaration):
    """One fact of the declaration, where it comes from and how sure it is."""

    fact: Fact
    mark: Mark
    source: str
    note: str | None = None


class CutOff(Declaration):
    """A score from which on something is said of a form. A prompt to talk, never a diagnosis.

    `side` and `bound` say which scores are meant: `at 36 and below` is side below, inclusive;
    `under 36` is side below, exclusive. Empty `languages`, `informants` or `age_bands`: the source
    names none.
    """

    name: Identifier
    scale: Identifier = "total"
    value: float
    side: Literal["below", "above"]
    bound: Literal["inclusive", "exclusive"]
    languages: tuple[str, ...] = ()
    informants: tuple[Informant, ...] = ()
    age_bands: tuple[AgeBand, ...] = ()
    """Ages at intake it is for, where the source names them; it goes before one for every age."""
    use: Literal["clinical_range", "severity_band", "prompt_for_discussion"]
    mark: Mark
    source: str

    def includes(self, score: float) -> bool:
        """Whether a score (scale points) lies on the cut-off's side."""
        if score == self.value:
            return self.bound == "inclusive"
        return (score < self.value) == (self.side == "below")


class ReliableChange(Declaration):
    """The least change that measurement error hardly explains, scale points.

    Either the published index itself, or the reference sample's standard deviation and the
    scale's reliability it is computed from: 1.96 x sd x sqrt(2 x (1 - reliability)), Jacobson &
    Truax 1991, Journal of Consulting and Clinical Psychology 59:12-19.
    """

    scale: Identifier = "total"
    informants: tuple[Informant, ...] = ()
    published: float | None = Field(default=None, gt=0)
    sd: float | None = Field(default=None, gt=0)
    reliability: float | None = Field(default=None, gt=0, lt=1)
    sample: str | None = None
    """Whose SD and reliability these are; needed with them."""
    mark: Mark
    source: str

    @model_validator(mode="after")
    def _published_or_computed(self) -> "ReliableChange":
        parts = (self.sd, self.reliability, self.sample)
        if self.published is not None and any(part is not None for part in parts):
            raise ValueError("either `published`, or `sd`, `reliability` and `sample`, not both")
        if self.published is None and any(part is None for part in parts):
            raise ValueError("`published`, or all of `sd`, `reliability` and `sample`, is needed")
        return self

    @property
    def points(self) -> float:
        """The reliable-change index, scale points."""
        if self.published is not None:
            return self.published
        assert self.sd is not None
        assert self.reliability is not None
        return 1.96 * self.sd * math.sqrt(2 * (1 - self.reliability))

    def is_reliable(self, change: float) -> bool:
        """Whether a change (post - pre, scale points) is one.

        A published index is quoted as the least change that counts; a computed one has to be
        exceeded, as Jacobson & Truax 1991 have it.
        """
        return (
            abs(change) >= self.points if self.published is not None else abs(change) > self.points
        )


class ParallelForm(Declaration):
    """Another instrument whose total may be set against this one's, form by form.

    `items` says which item here is which there, and names every item of both totals: a gap between
    totals of other questions says nothing. One instrument filled in by two informants is parallel
    to itself and needs no declaration.
    """

    instrument_code: Identifier
    version: str
    items: dict[int, int]
    mark: Mark
    source: str
