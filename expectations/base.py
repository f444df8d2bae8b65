"""The strictness every declaration shares: closed, frozen, and named in one grammar."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""A name that may become a table, column, folder or key: never anything that needs trust."""


class Declaration(BaseModel):
    """Base of everything read from YAML.

    Unknown keys are refused: a misspelt key that is silently ignored is a rule nobody runs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
