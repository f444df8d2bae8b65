"""Canonical columns as arrays: what the writers turn into each practice's own words."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orchestration.simulation.arrays import Flags, Ints

NOTHING = -1
"""No word, no number, no id."""
NO_DAY = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Words:
    """Codes into a vocabulary; NOTHING is null."""

    codes: Ints
    vocabulary: tuple[str, ...]


@dataclass(frozen=True)
class Numbers:
    """Whole numbers from 0; NOTHING is null."""

    values: Ints


@dataclass(frozen=True)
class Days:
    """Days since 1970; NO_DAY is null."""

    days: Ints


@dataclass(frozen=True)
class Ids:
    """Numbers that name things; NOTHING is null."""

    numbers: Ints


Column = Words | Numbers | Days | Ids
Frame = Mapping[str, Column]
"""Canonical column -> its values; columns of a frame have one length."""

KINDS = ("client", "unit", "therapist", "episode", "session", "group_session", "administration")


def ids(kind: str, numbers: Ints) -> Ids:
    """Ids of one kind; no two kinds share a number."""
    return Ids(np.where(numbers < 0, NOTHING, numbers * len(KINDS) + KINDS.index(kind)))


def booleans(flags: Flags, known: Flags | None = None) -> Words:
    """Flags as the words a contract recodes; null where not `known`."""
    codes = flags.astype(np.int64)
    return Words(codes if known is None else np.where(known, codes, NOTHING), ("false", "true"))


def constant(word: str, n: int) -> Words:
    """The same word n times."""
    return Words(np.zeros(n, dtype=np.int64), (word,))


def taken(column: Column, rows: Ints) -> Column:
    """The rows given, in that order."""
    if isinstance(column, Words):
        return Words(column.codes[rows], column.vocabulary)
    if isinstance(column, Numbers):
        return Numbers(column.values[rows])
    if isinstance(column, Days):
        return Days(column.days[rows])
    return Ids(column.numbers[rows])


def joined(columns: list[Column]) -> Column:
    """Columns of one kind (Words: of one vocabulary) below each other. ValueError otherwise."""
    first = columns[0]
    if isinstance(first, Words):
        words = [c for c in columns if isinstance(c, Words) and c.vocabulary == first.vocabulary]
        if len(words) == len(columns):
            return Words(np.concatenate([c.codes for c in words]), first.vocabulary)
    elif isinstance(first, Numbers):
        numbers = [c.values for c in columns if isinstance(c, Numbers)]
        if len(numbers) == len(columns):
            return Numbers(np.concatenate(numbers))
    elif isinstance(first, Days):
        days = [c.days for c in columns if isinstance(c, Days)]
        if len(days) == len(columns):
            return Days(np.concatenate(days))
    else:
        named = [c.numbers for c in columns if isinstance(c, Ids)]
        if len(named) == len(columns):
            return Ids(np.concatenate(named))
    raise ValueError("columns of different kinds cannot be joined")
