"""Covariates of a case-mix model as columns, remembered so that another period is coded alike.

A number is a column. A covariate of categories has a column for each category but the most frequent
one; categories of few clients stand together as OTHER. What is missing is NaN in all columns of its
covariate and is dealt with in within_sites.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from orchestration.benchmarking.variance import Codes, Floats
from orchestration.measures.arrays import Bools, Ints
from orchestration.measures.fixed_design import Words

FEWEST_OF_CATEGORY = 30
"""Clients a category needs for a column of its own. Ours."""
LEAST_KNOWN = 0.5
"""Share of a network's clients of whom a covariate must be known to enter the model. Ours: where
most are guessed from the rest, the rest may as well stand for it."""
OTHER = "other"
NOT_RECORDED, ONE_VALUE = "not_recorded", "one_value"


@dataclass(frozen=True)
class Clients:
    """One entry a client of a network: `site` from 0 to `n_sites` - 1, `therapist` any code, below
    0 where unknown, `value` the client's mean score.

    `numbers` and `words` are covariates by name, NaN or a code below 0 where missing. `error_sd`:
    the standard deviation of a number's measurement error, in its unit, where it is known.
    """

    site: Codes
    n_sites: int
    therapist: Codes
    value: Floats
    numbers: Mapping[str, Floats]
    words: Mapping[str, Words]
    error_sd: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Coding:
    """How covariates become columns. `covariates` in their order, `columns` their names, `owner`
    the place of each column's covariate, `error_variance` of each column (0 where taken as exact).

    `categories`: per covariate of categories the column of each name, or -1 for the most frequent;
    a name that is not in it goes to OTHER, or is missing where there is no OTHER. `left_out`: why a
    covariate is not in the model, NOT_RECORDED or ONE_VALUE.
    """

    covariates: tuple[str, ...]
    columns: tuple[str, ...]
    owner: Ints
    error_variance: Floats
    categories: Mapping[str, Mapping[str, int]]
    left_out: Mapping[str, str]


def code_covariates(clients: Clients) -> Coding:
    """The coding of a network's clients; numbers first, in the order given."""
    covariates: list[str] = []
    columns: list[str] = []
    owner: list[int] = []
    error: list[float] = []
    categories: dict[str, Mapping[str, int]] = {}
    left_out: dict[str, str] = {}
    n = max(clients.value.size, 1)
    for name, values in clients.numbers.items():
        known = values[np.isfinite(values)]
        if known.size < LEAST_KNOWN * n:
            left_out[name] = NOT_RECORDED
        elif _is_one_value(known):
            left_out[name] = ONE_VALUE
        else:
            owner.append(len(covariates))
            covariates.append(name)
            columns.append(name)
            error.append(clients.error_sd.get(name, 0.0) ** 2)
    for name, words in clients.words.items():
        counts = np.bincount(words.codes[words.codes >= 0], minlength=len(words.names))
        if counts.sum() < LEAST_KNOWN * n:
            left_out[name] = NOT_RECORDED
            continue
        places = _categories(counts, words.names)
        own = sorted({place for place in places.values() if place >= 0})
        if not own:
            left_out[name] = ONE_VALUE
            continue
        categories[name] = {
            word: place if place < 0 else len(columns) + place for word, place in places.items()
        }
        of_place = {place: word for word, place in places.items()}
        columns += [f"{name}: {of_place[place]}" for place in own]
        owner += [len(covariates)] * len(own)
        error += [0.0] * len(own)
        covariates.append(name)
    return Coding(
        tuple(covariates),
        tuple(columns),
        np.array(owner, dtype=np.int64),
        np.array(error, dtype=np.float64),
        categories,
        left_out,
    )


def _is_one_value(known: Floats) -> bool:
    """All alike but for a few: they would make every other site one that has nothing but the one
    value. Few as in a category."""
    _, counts = np.unique(known, return_counts=True)
    n_others = known.size - int(counts.max())
    return n_others < min(FEWEST_OF_CATEGORY, known.size / 2)


def _categories(counts: Ints, names: Sequence[str]) -> dict[str, int]:
    """Each name's place among the covariate's own columns; the last entry of a place names it."""
    listed = [str(name) for name in names]
    order = sorted(range(len(listed)), key=lambda code: (-counts[code], listed[code]))
    first, *rest = [code for code in order if counts[code] > 0]
    frequent = sorted(listed[code] for code in rest if counts[code] >= FEWEST_OF_CATEGORY)
    rare = sorted(listed[code] for code in rest if counts[code] < FEWEST_OF_CATEGORY)
    places = {listed[first]: -1} | {name: place for place, name in enumerate(frequent)}
    is_enough = sum(int(counts[listed.index(name)]) for name in rare) >= FEWEST_OF_CATEGORY
    # Too few even together: they count with the most frequent, which they can hardly move.
    other = len(frequent) if is_enough else -1
    places |= dict.fromkeys(rare, other)
    if is_enough:
        places[OTHER] = other
    return places


def columns_of(coding: Coding, clients: Clients) -> Floats:
    """Clients by columns, NaN in every column of a covariate that is missing."""
    n = clients.value.size
    matrix = np.empty((n, len(coding.columns)))
    for column, name in enumerate(coding.columns):
        if name in clients.numbers:
            matrix[:, column] = clients.numbers[name]
    for name, places in coding.categories.items():
        words = clients.words[name]
        # A last entry for what is missing: code -1 finds it.
        unseen = places.get(OTHER, _MISSING)
        of_code = np.array([*(places.get(str(w), unseen) for w in words.names), _MISSING])
        place = of_code[np.maximum(words.codes, -1)]
        for own in np.flatnonzero(coding.owner == coding.covariates.index(name)):
            matrix[:, own] = np.where(place == _MISSING, np.nan, place == own)
    return matrix


_MISSING = -2


def is_missing(coding: Coding, matrix: Floats) -> Bools:
    """Clients by covariates."""
    first = np.searchsorted(coding.owner, np.arange(len(coding.covariates)))
    return np.asarray(np.isnan(matrix[:, first]), dtype=np.bool_)


def share_missing(missing: Bools, site: Codes, n_sites: int) -> Floats:
    """Sites by covariates, 0 to 1; NaN for a site without clients."""
    n = np.bincount(site, minlength=n_sites)
    counts = [np.bincount(site, weights=column, minlength=n_sites) for column in missing.T]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.column_stack(counts) / n[:, None] if counts else np.empty((n_sites, 0))


def is_constant(coding: Coding, matrix: Floats, site: Codes, n_sites: int) -> Bools:
    """Sites by covariates: all of the site's clients alike, or unknown, in the covariate.

    What such a covariate does cannot be told from what the site does.
    """
    constant = np.ones((n_sites, len(coding.covariates)), dtype=np.bool_)
    for column, covariate in enumerate(coding.owner):
        known = np.isfinite(matrix[:, column])
        low, high = np.full(n_sites, np.inf), np.full(n_sites, -np.inf)
        np.minimum.at(low, site[known], matrix[known, column])
        np.maximum.at(high, site[known], matrix[known, column])
        constant[:, covariate] &= ~(high > low)
    return constant
