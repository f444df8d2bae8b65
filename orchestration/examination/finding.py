"""One thing looked at."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """`look`: a person has to do what the message says. `unknown`: it could not be told."""

    subject: str
    state: Literal["good", "look", "unknown"]
    message: str
