"""JSON Schema of the declarations, for the editor that completes and checks a contract as it is
written. Generated from the types, so that it cannot say anything else than they do.

What one file cannot show (a site that is not declared, an item an instrument lacks) stays with the
registry: `alliance contract check` tells of it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from expectations.base import Declaration
from expectations.instrument import Instrument
from expectations.model import Group
from expectations.practice import Practice

DECLARED: Mapping[str, type[Declaration]] = MappingProxyType(
    {"group": Group, "practice": Practice, "instrument": Instrument}
)
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of one kind of file. KeyError when there is no such kind."""
    schema = DECLARED[kind].model_json_schema(by_alias=True)
    return {"$schema": DIALECT, **schema}


def schema_file(kind: str) -> str:
    """The name under which a schema is kept."""
    return f"{kind}.schema.json"


def editor_line(where: str) -> str:
    """The comment that ties a YAML file to its schema; it goes first in the file."""
    return f"# yaml-language-server: $schema={where}"
