"""What the psychometrics of one instrument need of its forms, added up slice by slice.

A form is seen once: its answers enter the moments of every scale, and its signs of careless
responding the counts of its cell. Afterwards nothing of it is left.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.measures.arrays import Bools, Floats, Ints, reversed_items
from orchestration.measures.careless import FEWEST_ITEMS, has_same_answers, is_flagged
from orchestration.measures.item_moments import ItemMoments


@dataclass(frozen=True)
class InstrumentKey:
    """Items of one instrument and version, in printed order; `width` is their range and
    `lowest` their lowest answer, thousandths of a point. `scales` gives places among the items."""

    instrument_code: str
    version: str
    item_nos: tuple[int, ...]
    is_reversed: Bools
    lowest: int
    width: int
    scales: dict[str, tuple[int, ...]]

    @property
    def has_careless_signs(self) -> bool:
        """Whether there are enough items for equal answers to say anything."""
        return len(self.item_nos) >= FEWEST_ITEMS


SIGNS = ("judged", "flagged", "not_flagged", "same_answer", "not_same_answer")
"""Kinds of form by which clients are counted: whom a share is about, and whom the rest of it is."""


class InstrumentSums:
    """Sums over the forms of one instrument by cell. Sums of parts of the forms add up to those of
    the whole, whatever the order: they are whole numbers."""

    def __init__(self, key: InstrumentKey, n_cells: int, cell_of_client: Ints) -> None:
        """`cell_of_client` has an entry for each client of each cell: a client is another one in
        every cell."""
        self.key = key
        self.n_cells = n_cells
        self._cell_of_client = cell_of_client
        self.moments = {
            scale: ItemMoments.none(n_cells, len(places)) for scale, places in key.scales.items()
        }
        self._is_complete = {scale: np.zeros(cell_of_client.size, np.bool_) for scale in key.scales}
        self._has_form = {sign: np.zeros(cell_of_client.size, np.bool_) for sign in SIGNS}
        self.n_judged = np.zeros(n_cells, np.int64)
        """Forms with enough answers for the signs of careless responding, by cell."""
        self.n_same_answer = np.zeros(n_cells, np.int64)
        self.n_flagged = np.zeros(n_cells, np.int64)

    def add(self, answers: Floats, cell: Ints, client: Ints) -> None:
        """Add forms: `answers` by items as given, thousandths above the lowest, NaN unanswered;
        `cell` and `client` of each, counted from 0."""
        turned = reversed_items(answers, self.key.is_reversed, 0, self.key.width)
        for scale, places in self.key.scales.items():
            of_scale = turned[:, list(places)]
            self.moments[scale] += ItemMoments.of(of_scale, cell, self.n_cells)
            self._is_complete[scale][client[~np.isnan(of_scale).any(axis=1)]] = True
        if self.key.has_careless_signs:
            self._add_careless_signs(answers, cell, client)

    def n_clients_complete(self, scale: str) -> Ints:
        """Clients with a form that answers every item of the scale, by cell."""
        return self._by_cell(self._cell_of_client[self._is_complete[scale]])

    @property
    def n_clients_judged(self) -> Ints:
        """Clients with a form in `n_judged`, by cell."""
        return self.n_clients_with("judged")

    def n_clients_with(self, sign: str) -> Ints:
        """Clients with a form of one of SIGNS, by cell."""
        return self._by_cell(self._cell_of_client[self._has_form[sign]])

    def _by_cell(self, cell: Ints) -> Ints:
        return np.bincount(cell, minlength=self.n_cells)

    def _add_careless_signs(self, answers: Floats, cell: Ints, client: Ints) -> None:
        is_judged = (~np.isnan(answers)).sum(axis=1) >= FEWEST_ITEMS
        judged, where, who = answers[is_judged], cell[is_judged], client[is_judged]
        same = has_same_answers(judged)
        flagged = is_flagged(judged, self.key.is_reversed, self.key.width)
        self.n_judged += self._by_cell(where)
        self.n_same_answer += self._by_cell(where[same])
        self.n_flagged += self._by_cell(where[flagged])
        signs = (np.ones_like(same), flagged, ~flagged, same, ~same)
        for sign, has_it in zip(SIGNS, signs, strict=True):
            self._has_form[sign][who[has_it]] = True
