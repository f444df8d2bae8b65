"""How two groups lie in each other: read from their labels, never assumed.

A label means the same wherever it stands, so that a therapist seen at two sites is one therapist at
two sites. Renumbering labels within sites would make nested data of crossed ones, and a variance
between therapists of what is one therapist's.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orchestration.measures.arrays import Ints


@dataclass(frozen=True)
class Relation:
    """`inner` has at least as many labels as `outer`. Of its `n_labels`, `n_in_several` stand with
    more than one label of `outer`: crossed if there are any, else nested."""

    inner: str
    outer: str
    n_labels: int
    n_in_several: int
    is_same: bool

    @property
    def kind(self) -> str:
        """`nested` or `crossed`."""
        return "crossed" if self.n_in_several else "nested"


def group_relations(groups: Mapping[str, Ints]) -> tuple[Relation, ...]:
    """The relation of every two groups; codes run from 0, one entry per row."""
    sizes = {name: int(code.max(initial=-1)) + 1 for name, code in groups.items()}
    found: list[Relation] = []
    for pair in itertools.combinations(groups, 2):
        outer, inner = sorted(pair, key=lambda name: sizes[name])
        pairs = np.unique(groups[inner].astype(np.int64) * sizes[outer] + groups[outer])
        n_outer = np.bincount(pairs // max(sizes[outer], 1), minlength=sizes[inner])
        n_several = int((n_outer > 1).sum())
        is_same = n_several == 0 and sizes[inner] == sizes[outer]
        found.append(Relation(inner, outer, sizes[inner], n_several, is_same))
    return tuple(found)
