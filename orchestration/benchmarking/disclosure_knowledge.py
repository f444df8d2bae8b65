"""What an attacker knows of a release's cells, now and before, as one system.

Unknowns: of each cell, and anew each time its content changed, clients, forms, therapists, the sum
of clients' means and the forms counted in the share. What ties them, release by release:

- forms, and those counted in the share, of a total are those of its parts (stages of all stages,
  months of a quarter); where parts are missing they are at least those.
- clients are not added up: a total has at least as many as any part, and at most as many as all
  parts together. A client's mean lies between his means in the parts.
- therapists of a total and of its parts are not tied: a client counts with the therapist of most of
  his forms in the cell, who may be another one in each.
- each client has a form and at most one therapist who counts; scores keep to the scale.
- a shown cell says its numbers, rounded, as of the release it was written in. While it stands
  for that reason, fewer clients than the minimum changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.benchmarking.disclosure_cells import Rules, is_count_small, ranges
from orchestration.benchmarking.disclosure_system import (
    ALWAYS,
    FREE,
    Needs,
    Places,
    RowSet,
    System,
)
from orchestration.measures.arrays import Bools, Floats

CLIENTS, FORMS, THERAPISTS, SUM, COUNTED = range(5)
HIDDEN_MEAN = 0.1
"""Scale points that a mean hidden for its therapists stays unknown by either way: a mean shown
with one decimal is known to 0.05."""
_N = 5
_PEOPLE = [CLIENTS, FORMS, THERAPISTS]


@dataclass(frozen=True)
class Relations:
    """Totals and their parts: `total` by relation, `relation` and `part` by part."""

    total: Places
    relation: Places
    part: Places
    is_whole: Bools
    """Whether the parts make up all of the total."""
    is_split: Bools
    """Whether they also have no client in common."""


@dataclass(frozen=True)
class Knowledge:
    """`contents`: one row a cell and content, EXACT, `width`, `is_listed`, and `people`: the place
    of the first content with the same counts of the same people, whose unknowns are its own.
    `people_relations`: relations with people's contents in place of their own.
    `items`: one row a time a cell was written: `content` (place in contents), SHOWN, `must_hide`,
    `is_primary`, `is_standing`, `weight`. `drifts`: pairs of places in contents, few clients apart.
    """

    contents: pd.DataFrame
    items: pd.DataFrame
    relations: Relations
    people_relations: Relations
    drifts: tuple[Places, Places]


def system_of(knowledge: Knowledge, rules: Rules) -> System:
    """The attacker's system."""
    contents, items = knowledge.contents, knowledge.items
    n = len(contents)
    n_unknowns = n * _N
    own = np.arange(n_unknowns, dtype=np.intp).reshape(n, _N)
    own[:, _PEOPLE] = own[contents["people"].to_numpy(dtype=np.intp)][:, _PEOPLE]
    same: Places = own.ravel()
    rows = RowSet(same)
    _add_contents(rows, contents)
    _add_people(rows, knowledge.people_relations)
    _add_sums(rows, knowledge.relations, contents)
    _add_drifts(rows, knowledge.drifts, contents, rules)
    _add_items(rows, items, rules)
    lower, upper = np.zeros((n, _N)), np.full((n, _N), FREE)
    lower[:, CLIENTS] = contents["is_listed"].to_numpy(dtype=np.float64)
    least = _least_clients(knowledge)
    # Told that a margin is small, he would know its parts, one client each at least, to be smaller.
    is_margin = ~np.isnan(least)
    small = is_count_small(contents, rules) & ~is_margin
    clients = contents["n_clients"].to_numpy(dtype=np.float64)
    told_lower, told_upper = lower.copy(), upper.copy()
    told_lower[clients >= rules.minimum_clients, CLIENTS] = rules.minimum_clients
    told_upper[small, CLIENTS] = rules.minimum_clients - 1
    is_whole = np.ones((n, _N), dtype=np.bool_)
    # Whether a share's numerator is whole as well would cost more than it can say: rounded to a
    # twentieth it leaves the number of forms where it is.
    is_whole[:, [SUM, COUNTED]] = False
    return System(
        lower=lower.ravel(),
        upper=upper.ravel(),
        told_lower=told_lower.ravel(),
        told_upper=told_upper.ravel(),
        is_whole=is_whole.ravel(),
        rows=rows.rows(n_unknowns),
        needs=_needs(knowledge, rules, same, np.nan_to_num(least), is_margin),
        weight=items["weight"].to_numpy(dtype=np.float64),
        must_hide=items["must_hide"].to_numpy(dtype=np.bool_),
        is_standing=items["is_standing"].to_numpy(dtype=np.bool_),
    )


def _least_clients(knowledge: Knowledge) -> Floats:
    """Of margins of parts without common clients, how many are listed in their parts; else NaN."""
    found = knowledge.people_relations
    listed = knowledge.contents["is_listed"].to_numpy(dtype=np.float64)
    inside = np.bincount(found.relation, weights=listed[found.part], minlength=found.total.size)
    least = np.full(len(listed), np.nan)
    np.fmax.at(least, found.total[found.is_split], inside[found.is_split])
    return least


def _at(content: Places, unknown: int) -> Places:
    return np.asarray(content * _N + unknown, dtype=np.intp)


def _add_contents(rows: RowSet, contents: pd.DataFrame) -> None:
    """A client has a form, a therapist has a client, scores keep to their scale."""
    all_of = np.arange(len(contents), dtype=np.intp)
    width = contents["width"].to_numpy(dtype=np.float64)
    has_forms = contents["n_forms"].notna().to_numpy()
    has_mean = contents["mean"].notna().to_numpy()
    is_first = contents["people"].to_numpy(dtype=np.intp) == all_of
    for more, less, factor, which in (
        (FORMS, CLIENTS, 1.0, has_forms & is_first),
        (CLIENTS, THERAPISTS, 1.0, is_first),
        (CLIENTS, SUM, width[has_mean], has_mean),
        (FORMS, COUNTED, 1.0, has_forms),
    ):
        at = all_of[which]
        each = np.arange(at.size)
        rows.add(
            [(each, _at(at, more), factor), (each, _at(at, less), -1.0)],
            np.zeros(at.size),
            np.full(at.size, FREE),
        )


def _add_people(rows: RowSet, found: Relations) -> None:
    """Clients and forms of totals and parts."""
    each, of_part, pair = np.arange(found.total.size), found.relation, np.arange(found.part.size)
    _add_exact(rows, found, FORMS, found.is_whole)
    rows.add(
        [(pair, _at(found.total[of_part], CLIENTS), 1.0), (pair, _at(found.part, CLIENTS), -1.0)],
        np.zeros(pair.size),
        np.full(pair.size, FREE),
    )
    # At most as many as in all parts together; as many where no one is in two.
    rows.add(
        [(each, _at(found.total, CLIENTS), -1.0), (of_part, _at(found.part, CLIENTS), 1.0)],
        np.where(found.is_whole, 0.0, -FREE),
        np.where(found.is_split, 0.0, FREE),
    )


def _add_exact(rows: RowSet, found: Relations, unknown: int, is_exact: Bools) -> None:
    """Parts add up to their total, or to no more."""
    each = np.arange(found.total.size)
    rows.add(
        [(each, _at(found.total, unknown), 1.0), (found.relation, _at(found.part, unknown), -1.0)],
        np.zeros(each.size),
        np.where(is_exact, 0.0, FREE),
    )


def _add_sums(rows: RowSet, found: Relations, contents: pd.DataFrame) -> None:
    """Sums of clients' means and forms counted, of totals and parts."""
    _add_exact(rows, found, COUNTED, found.is_whole)
    _add_rest(rows, found)
    of_part = found.is_whole[found.relation]
    whole = np.flatnonzero(found.is_whole)
    number = np.cumsum(found.is_whole) - 1
    parts, place = found.part[of_part], number[found.relation[of_part]]
    row, least = np.arange(whole.size), np.zeros(whole.size)
    # Where no client is in two parts, his mean in his part is his mean in all.
    most = np.where(found.is_split[whole], 0.0, FREE)
    rows.add(
        [(row, _at(found.total[whole], SUM), -1.0), (place, _at(parts, SUM), 1.0)], least, most
    )
    width = contents["width"].to_numpy(dtype=np.float64)
    known = np.nan_to_num(width)
    rows.add(
        [
            (row, _at(found.total[whole], CLIENTS), -known[found.total[whole]]),
            (row, _at(found.total[whole], SUM), 1.0),
            (place, _at(parts, CLIENTS), known[parts]),
            (place, _at(parts, SUM), -1.0),
        ],
        least,
        np.full(whole.size, FREE),
    )


def _add_rest(rows: RowSet, found: Relations) -> None:
    """Forms not counted of a total are at least its parts': of whole sums that follows."""
    rest = np.flatnonzero(~found.is_whole)
    number = np.cumsum(~found.is_whole) - 1
    of_rest = ~found.is_whole[found.relation]
    place, part = number[found.relation[of_rest]], found.part[of_rest]
    row = np.arange(rest.size)
    rows.add(
        [
            (row, _at(found.total[rest], FORMS), 1.0),
            (row, _at(found.total[rest], COUNTED), -1.0),
            (place, _at(part, FORMS), -1.0),
            (place, _at(part, COUNTED), 1.0),
        ],
        np.zeros(rest.size),
        np.full(rest.size, FREE),
    )


def _add_drifts(
    rows: RowSet, drifts: tuple[Places, Places], contents: pd.DataFrame, rules: Rules
) -> None:
    """A cell may also stand because its two means together would say too much: where so many came
    that this must be the reason, the attacker cannot think that few did."""
    before, after = _few_apart(drifts, contents, rules)
    each = np.arange(before.size)
    reach = np.full(before.size, rules.minimum_clients - 1.0)
    rows.add([(each, _at(before, CLIENTS), 1.0), (each, _at(after, CLIENTS), -1.0)], -reach, reach)


def _few_apart(
    drifts: tuple[Places, Places], contents: pd.DataFrame, rules: Rules
) -> tuple[Places, Places]:
    n = contents["n_clients"].to_numpy(dtype=np.float64)
    few = np.abs(n[drifts[0]] - n[drifts[1]]) < rules.minimum_clients
    return drifts[0][few], drifts[1][few]


def _is_below_drift(knowledge: Knowledge, rules: Rules) -> Bools:
    """Contents that are part, or part of a part, of a total that stands with few changes."""
    found, people = knowledge.people_relations, knowledge.contents["people"].to_numpy(dtype=np.intp)
    is_below = np.zeros(people.size, dtype=np.bool_)
    is_above = np.zeros(people.size, dtype=np.bool_)
    is_above[people[np.concatenate(_few_apart(knowledge.drifts, knowledge.contents, rules))]] = True
    while True:
        new = found.part[is_above[found.total[found.relation]]]
        if is_below[new].all():
            return np.asarray(is_below[people], dtype=np.bool_)
        is_below[new] = is_above[new] = True


def _add_items(rows: RowSet, items: pd.DataFrame, rules: Rules) -> None:
    """What a shown item says; of a mean, that the sum lies between so much for each client."""
    content = items["content"].to_numpy(dtype=np.intp)
    every = np.arange(len(items), dtype=np.intp)
    plain = ((CLIENTS, None), (FORMS, None), (THERAPISTS, None))
    for (unknown, base), said in zip(
        (*plain, (SUM, CLIENTS), (COUNTED, FORMS)), ranges(items, rules), strict=True
    ):
        known = np.flatnonzero(~np.isnan(said.least))
        each, at, item = np.arange(known.size), content[known], every[known]
        least, most = said.least[known], said.most[known]
        if base is None:
            rows.add([(each, _at(at, unknown), 1.0)], least, most, item)
            continue
        zero, free = np.zeros(known.size), np.full(known.size, FREE)
        rows.add([(each, _at(at, unknown), 1.0), (each, _at(at, base), -least)], zero, free, item)
        rows.add([(each, _at(at, unknown), -1.0), (each, _at(at, base), most)], zero, free, item)


def _needs(
    knowledge: Knowledge, rules: Rules, same: Places, least: Floats, is_margin: Bools
) -> Needs:
    """Small counts stay 1 to the minimum, others hidden less known than shown ones, scores free.

    A small margin stays as small as its listed parts (`least`) allow."""
    contents, items = knowledge.contents, knowledge.items
    minimum = rules.minimum_clients
    people = contents["people"].to_numpy(dtype=np.intp)
    is_first = people == np.arange(len(contents))
    item_content = items["content"].to_numpy(dtype=np.intp)
    item_of = np.full(len(contents), ALWAYS, dtype=np.intp)
    item_of[people[item_content]] = np.arange(len(items))
    item_of[item_content] = np.arange(len(items))
    rows = RowSet(same)
    told: list[Bools] = []

    def need(
        at: Places, terms: Sequence[tuple[int, Floats | float]], value: Floats, *, is_told: bool
    ) -> None:
        each = np.arange(at.size)
        rows.add(
            [(each, _at(at, unknown), factor) for unknown, factor in terms],
            np.broadcast_to(value, (at.size,)),
            np.full(at.size, FREE),
            item_of[at],
        )
        told.append(np.full(at.size, is_told))

    small = np.flatnonzero(is_count_small(contents, rules) & is_first)
    one = np.array(1.0)
    need(small, [(CLIENTS, -1.0)], -np.maximum(least[small], 1.0), is_told=False)
    # Below a total that stands, the refresh rule itself says that fewer than the minimum came.
    most = minimum - _is_below_drift(knowledge, rules)[small].astype(np.float64)
    need(small, [(CLIENTS, 1.0)], most, is_told=False)
    told_of = small[~is_margin[small]]
    need(told_of, [(CLIENTS, -1.0)], -one, is_told=True)
    need(told_of, [(CLIENTS, 1.0)], one * (minimum - 1), is_told=True)
    clients = contents["n_clients"].to_numpy(dtype=np.float64)
    primary = items["must_hide"].to_numpy(dtype=np.bool_) & items["is_primary"].to_numpy(
        dtype=np.bool_
    )
    hidden = np.unique(item_content[primary])
    hidden = hidden[clients[hidden] >= minimum]
    other = np.unique(people[hidden])
    need(other, [(CLIENTS, -1.0)], -np.maximum(clients[other] - rules.base, 1.0), is_told=False)
    need(other, [(CLIENTS, 1.0)], clients[other] + rules.base, is_told=False)
    width = contents["width"].to_numpy(dtype=np.float64)
    mean = contents["mean"].to_numpy(dtype=np.float64)
    # Less known than a mean that is shown; not beyond the ends of the scale.
    low_mean = np.maximum(mean - HIDDEN_MEAN, 0.0)
    high_mean = np.minimum(mean + HIDDEN_MEAN, width)
    at = hidden[mean[hidden] > 0]
    need(at, [(CLIENTS, low_mean[at]), (SUM, -1.0)], 0.0 * low_mean[at], is_told=False)
    at = hidden[mean[hidden] < width[hidden]]
    need(at, [(CLIENTS, -high_mean[at]), (SUM, 1.0)], 0.0 * high_mean[at], is_told=False)
    # Where the true numbers already leave a client both ends there is nothing to ask.
    forms = contents["n_forms"].to_numpy(dtype=np.float64)
    total = mean * clients
    counted = contents["share"].to_numpy(dtype=np.float64) * forms
    low = np.flatnonzero((width * clients - total < width) & (clients > 0))
    need(low, [(CLIENTS, width[low]), (SUM, -1.0)], width[low], is_told=True)
    high = np.flatnonzero((total < width) & (clients > 0))
    need(high, [(SUM, 1.0)], width[high], is_told=True)
    need(np.flatnonzero(forms - counted < 1), [(FORMS, 1.0), (COUNTED, -1.0)], one, is_told=True)
    need(np.flatnonzero(counted < 1), [(COUNTED, 1.0)], one, is_told=True)
    return Needs(rows.matrix(same.size), rows.lower(), rows.items(), np.concatenate(told))
