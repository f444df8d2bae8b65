"""What a sample of questionnaire responses says about itself beside its cells.

Addresses, link ids, codes of answers and paths of elements are the system's own words, and the
contract has to name them; none of them is about a client.
"""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Asked:
    """One questionnaire as the responses name it, and what was answered in it."""

    link_ids: dict[str, str] = field(default_factory=dict)
    """Last part of the link id -> the whole of it, in the order first met."""
    answers: dict[str, Counter[str]] = field(default_factory=dict)
    """Last part of the link id -> its answers: a code, or a number as text."""
    weights: dict[str, set[str]] = field(default_factory=dict)
    """Answer's code -> the weights sent beside it."""
    panels: set[str] = field(default_factory=set)
    """Codes of the groups its items stand in."""
    authors: Counter[str] = field(default_factory=Counter)
    """Types of whoever wrote the responses: Patient, Practitioner, ..."""
    languages: set[str] = field(default_factory=set)

    def add(self, other: "Asked") -> None:
        """Take in what another response, or file, says of the same questionnaire."""
        self.link_ids = other.link_ids | self.link_ids
        for link_id, answers in other.answers.items():
            self.answers.setdefault(link_id, Counter()).update(answers)
        for code, weights in other.weights.items():
            self.weights.setdefault(code, set()).update(weights)
        self.panels |= other.panels
        self.authors.update(other.authors)
        self.languages |= other.languages


@dataclass
class FhirFacts:
    """All of a file. `asked` goes by the address, reference or panel code that stands for it."""

    asked: dict[str, Asked] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """Elements that are not read -> where the first stands."""
    texts: set[str] = field(default_factory=set)
    """Link ids whose answers are strings."""
    tag_systems: set[str] = field(default_factory=set)
    has_instants: bool = False
    """Whether `authored` has a time with a zone, so that its day depends on where one stands."""

    def add(self, other: "FhirFacts") -> None:
        """Take in what another file of the same kind says."""
        for name, asked in other.asked.items():
            self.asked.setdefault(name, Asked()).add(asked)
        self.refused = other.refused | self.refused
        self.texts |= other.texts
        self.tag_systems |= other.tag_systems
        self.has_instants |= other.has_instants
