"""Rows that name a couple, a family or a group and no client: when they may, and what they lack.

A practice may send one row for each member, with the unit beside the client, or one row for the
unit. In the latter the unit stands in for the client, so its ids must not be taken for a client's:
their column has a namespace of its own (`id_namespaces`).
"""

from collections.abc import Iterator

from expectations.mapping import Mapping
from expectations.practice import FileSpec
from expectations.yaml_source import Finding


def unit_column(spec: FileSpec, mapping: Mapping) -> str | None:
    """The file's column whose unit stands in where a row names no client; None where none may."""
    unit = mapping.columns.get("unit_id")
    if unit is None or unit.column is None or mapping.layout != "table":
        return None
    client = mapping.columns.get("client_id")
    own = spec.id_namespaces.get(unit.column)
    others = spec.id_namespaces.get(client.column or "") if client is not None else None
    return unit.column if own is not None and own != others else None


def unit_problems(at: tuple[str | int, ...], spec: FileSpec, mapping: Mapping) -> Iterator[Finding]:
    """A unit that is to stand in for clients and cannot be told from them."""
    is_alone = "unit_id" in mapping.columns and "client_id" not in mapping.columns
    if is_alone and unit_column(spec, mapping) is None:
        yield (
            (*at, "columns", "unit_id"),
            "stands in for client_id, so its ids need a namespace that no client's have: name its "
            "column under the file's `id_namespaces`, e.g. {<column>: unit}",
        )
