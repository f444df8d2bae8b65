"""The sample practices that send their items as plain text.

The studies' figures and the benchmark's floor are of these: a world of them stays as it is whatever
other samples there are.
"""

from dataclasses import replace

from expectations.practice import Practice
from expectations.registry import Registry


def sends_items_as_text(practice: Practice) -> bool:
    """Whether all files of a practice are delimited text, and every form comes with its answers."""
    return all(
        spec.format == "csv" and all(block.items for m in spec.mappings for block in m.forms)
        for contract in practice.contracts
        for spec in contract.files
    )


def of_items_as_text(registry: Registry) -> Registry:
    """The registry with those practices alone."""
    kept = {name: each for name, each in registry.practices.items() if sends_items_as_text(each)}
    return replace(registry, practices=kept)
