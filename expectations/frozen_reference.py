"""Norms of a network as they were on one day: what later forms are held against.

A norm that moves with the forms hides what it should show: where everybody falls, nobody lies low.
So it is frozen by a person, dated, and never rewritten; a new one is a new file, in force from its
date. Published norms of another population are no reference here: they stand beside it as bands
(published_norm.py), and no form is held against them.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from pydantic import Field, model_validator

from expectations.base import Declaration, Identifier
from expectations.model import Informant
from expectations.published_norm import BandStage
from expectations.yaml_source import DeclarationError, Finding, read_yaml

FOLDER = "references"
"""Of a home; a file a freeze, named after its day."""
MINIMUM_FORMS = 100
"""Forms a norm needs: with fewer the lowest tenth is a matter of ten forms."""


class Norm(Declaration):
    """Percentiles of the totals of one instrument x version x language x informant x stage, scale
    points to a tenth; counts are rounded down to 5, so that 100 are 100 at least."""

    instrument_code: Identifier
    version: str
    language: str
    informant: Informant
    stage: BandStage
    n_forms: int = Field(ge=MINIMUM_FORMS)
    n_clients: int = Field(ge=1)
    p10: float
    p25: float
    median: float
    p75: float
    p90: float
    mean: float | None = None
    """Scale points to a tenth; files frozen before it was kept have none."""
    sd: float | None = Field(default=None, ge=0)
    """Between forms (n - 1), scale points to a tenth."""

    @model_validator(mode="after")
    def _percentiles_rise(self) -> "Norm":
        found = (self.p10, self.p25, self.median, self.p75, self.p90)
        if sorted(found) != list(found):
            raise ValueError("p10, p25, median, p75 and p90 must not fall")
        return self

    @property
    def identity(self) -> tuple[str, str, str, str, str]:
        """What it is the norm of."""
        return (self.instrument_code, self.version, self.language, self.informant, self.stage)


class FrozenReference(Declaration):
    """All norms of one freeze. `sha256` is taken of everything else in it: a file that was changed
    after it was frozen is refused."""

    frozen_on: date
    """In force for forms from this day on, until the next freeze's day."""
    data_through_on: date
    """Last day of a form that entered."""
    registry_version: str
    """Digest of the declarations under which the forms were scored."""
    release_id: str | None = None
    """The release in force then."""
    norms: tuple[Norm, ...] = Field(min_length=1)
    sha256: str = ""

    def sealed(self) -> "FrozenReference":
        """The same with its digest."""
        return self.model_copy(update={"sha256": self.digest})

    @property
    def digest(self) -> str:
        """sha256 of the content, whatever its layout as text."""
        dumped = self.model_dump(mode="json", exclude={"sha256"})
        # Files of before a field existed keep the digest they were sealed with.
        for norm in dumped["norms"]:
            for later in ("mean", "sd"):
                if norm[later] is None:
                    del norm[later]
        content = json.dumps(dumped, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def load_references(folder: Path, problems: list[str]) -> tuple[FrozenReference, ...]:
    """The references in a home's folder, oldest first; what is wrong goes to `problems`."""
    found = []
    for path in sorted(folder.glob("*.yml")):
        try:
            source = read_yaml(path)
            reference = source.parse(FrozenReference)
        except DeclarationError as error:
            problems += error.problems
            continue
        problems += [source.problem(*each) for each in _findings(reference, path.stem)]
        found.append(reference)
    return tuple(sorted(found, key=lambda reference: reference.frozen_on))


def _findings(reference: FrozenReference, name: str) -> Iterator[Finding]:
    if name != reference.frozen_on.isoformat():
        yield ("frozen_on",), f"the file of this day is called {reference.frozen_on}.yml"
    if reference.digest != reference.sha256:
        yield (
            ("sha256",),
            "the file was changed after it was frozen; put it back from a backup, or take it away "
            "and freeze new norms with `alliance reference freeze`",
        )
    named = [norm.identity for norm in reference.norms]
    for position, identity in enumerate(named):
        if identity in named[:position]:
            yield ("norms", position), "is there twice"
