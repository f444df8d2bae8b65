"""Sums over the answers of each site -> tables of reliability and of careless responding.

Small cells have no row at all. A cell that may be shown and whose complete forms are of too few
clients, or too few themselves, has a row with null figures and the reason.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from expectations.model import Thresholds
from orchestration.benchmarking.cells import is_small
from orchestration.measures.arrays import Ints
from orchestration.measures.instrument_sums import SIGNS, InstrumentSums
from orchestration.measures.site_reliability import (
    TOO_FEW_CLIENTS,
    TOO_FEW_FORMS,
    TOO_FEW_ITEMS,
    SiteItem,
    SiteReliability,
    congruences_with_the_others,
    site_reliability,
)

CELL = ("practice_id", "site_id", "instrument_code", "version", "language", "informant")
NETWORK = ("language", "informant")
"""What sites of one instrument and version must share to be held against each other."""
NOT_TESTED, DESCRIBED = "not tested", "loadings described, not tested"

_WHOLE = ("item_no", "n_forms", "n_forms_without_items", "n_forms_complete", "n_clients_complete")
_FIGURES = (
    "alpha_pairwise",
    "alpha_complete",
    "alpha_lower95",
    "alpha_upper95",
    "omega",
    "omega_lower95",
    "omega_upper95",
    "item_rest",
    "item_rest_lower95",
    "item_rest_upper95",
    "alpha_if_dropped",
    "loading",
    "loading_congruence",
)
RELIABILITY_COLUMNS: tuple[str, ...] = (
    *CELL,
    "scale",
    *_WHOLE,
    *_FIGURES,
    "is_pointing_away",
    "invariance",
    "null_reason",
)
CARELESS_COLUMNS: tuple[str, ...] = (
    *CELL,
    "n_forms",
    "n_clients",
    "n_flagged",
    "flagged_share",
    "n_same_answer",
    "same_answer_share",
    *(f"n_clients_{sign}" for sign in SIGNS[1:]),
    "null_reason",
)


@dataclass(frozen=True)
class CellSums:
    """One instrument's sums and its cells: `cells` has CELL and the counts of
    int_item_cells_counted, in the order of the sums' first axis."""

    cells: pd.DataFrame
    sums: InstrumentSums

    def shown(self, thresholds: Thresholds) -> NDArray[np.intp]:
        """Places of the cells that may be shown."""
        return np.flatnonzero(~is_small(self.cells, thresholds).to_numpy())


def scale_reliability_table(found: Iterable[CellSums], thresholds: Thresholds) -> pd.DataFrame:
    """One row per site x instrument x version x language x informant x scale, and one per item of
    it (`item_no`); columns RELIABILITY_COLUMNS."""
    rows = [row for one in found for row in _reliability_rows(one, thresholds)]
    types: dict[str, str] = dict.fromkeys(RELIABILITY_COLUMNS, "str")
    types |= dict.fromkeys(_FIGURES, "float64") | dict.fromkeys(_WHOLE, "Int64")
    types |= {"is_pointing_away": "boolean"}
    return pd.DataFrame(rows, columns=list(RELIABILITY_COLUMNS)).astype(types)


def careless_table(found: Iterable[CellSums], thresholds: Thresholds) -> pd.DataFrame:
    """One row per site x instrument x version x language x informant; columns CARELESS_COLUMNS.

    Forms of at least eight answers. `flagged_share`: equal answers throughout that are not the top
    one or contradict reversed items. `same_answer_share`: equal answers throughout, the top one
    included, which is usual.
    """
    rows = [row for one in found for row in _careless_rows(one, thresholds)]
    counts = [name for name in CARELESS_COLUMNS if name.startswith("n_")]
    types: dict[str, str] = dict.fromkeys(CARELESS_COLUMNS, "str")
    types |= dict.fromkeys(counts, "Int64")
    types |= {"flagged_share": "float64", "same_answer_share": "float64"}
    return pd.DataFrame(rows, columns=list(CARELESS_COLUMNS)).astype(types)


def _reliability_rows(one: CellSums, thresholds: Thresholds) -> Iterator[dict[str, Any]]:
    shown = one.shown(thresholds)
    for scale, moments in one.sums.moments.items():
        n_clients = one.sums.n_clients_complete(scale)
        congruence = _congruences(one, scale, shown, n_clients, thresholds)
        places = one.sums.key.scales[scale]
        item_nos = [one.sums.key.item_nos[place] for place in places]
        for cell in shown.tolist():
            found = site_reliability(
                moments,
                cell,
                int(n_clients[cell]),
                minimum_forms=thresholds.reliability_minimum_forms,
                minimum_clients=thresholds.minimum_clients,
            )
            named = one.cells.iloc[cell][[*CELL, "n_forms", "n_forms_without_items"]].to_dict()
            may_be_counted = n_clients[cell] >= thresholds.minimum_clients
            named |= {
                "scale": scale,
                "n_forms_complete": int(moments.n_complete[cell]) if may_be_counted else None,
                "n_clients_complete": int(n_clients[cell]) if may_be_counted else None,
            }
            yield named | _scale_row(found, congruence.get(cell))
            for item_no, item in zip(item_nos, found.items, strict=True):
                yield named | {"item_no": item_no} | _item_row(item)


def _congruences(
    one: CellSums,
    scale: str,
    shown: NDArray[np.intp],
    n_clients: Ints,
    thresholds: Thresholds,
) -> dict[int, float | None]:
    """Of the cells with enough forms in a network of two such sites or more."""
    n_complete = one.sums.moments[scale].n_complete
    enough = [
        cell
        for cell in shown.tolist()
        if n_complete[cell] >= thresholds.loadings_minimum_forms
        and n_clients[cell] >= thresholds.minimum_clients
    ]
    networks: dict[tuple[object, ...], list[int]] = {}
    for cell in enough:
        name = tuple(one.cells.iloc[cell][list(NETWORK)])
        networks.setdefault(name, []).append(cell)
    found: dict[int, float | None] = {}
    for cells in networks.values():
        if len(cells) > 1:
            values = congruences_with_the_others(one.sums.moments[scale], cells)
            found |= dict(zip(cells, values, strict=True))
    return found


def _scale_row(found: SiteReliability, congruence: float | None) -> dict[str, Any]:
    return {
        "alpha_pairwise": found.alpha_pairwise,
        "alpha_complete": found.alpha_complete,
        **_limits("alpha", found.alpha_interval),
        "omega": found.omega,
        **_limits("omega", found.omega_interval),
        "loading_congruence": congruence,
        "invariance": NOT_TESTED if congruence is None else DESCRIBED,
        "null_reason": found.null_reason,
    }


def _item_row(item: SiteItem) -> dict[str, Any]:
    return {
        "item_rest": item.item_rest,
        **_limits("item_rest", item.item_rest_interval),
        "alpha_if_dropped": item.alpha_if_dropped,
        "loading": item.loading,
        "is_pointing_away": item.is_pointing_away if item.item_rest is not None else None,
        "null_reason": item.null_reason,
    }


def _limits(figure: str, interval: tuple[float, float] | None) -> dict[str, float | None]:
    lower, upper = interval or (None, None)
    return {f"{figure}_lower95": lower, f"{figure}_upper95": upper}


def _careless_rows(one: CellSums, thresholds: Thresholds) -> Iterator[dict[str, Any]]:
    n_clients = one.sums.n_clients_judged
    signs = {sign: one.sums.n_clients_with(sign) for sign in SIGNS[1:]}
    for cell in one.shown(thresholds).tolist():
        row: dict[str, Any] = one.cells.iloc[cell][list(CELL)].to_dict()
        n_forms = int(one.sums.n_judged[cell])
        if not one.sums.key.has_careless_signs:
            yield row | {"null_reason": TOO_FEW_ITEMS}
        elif n_forms == 0:
            yield row | {"null_reason": TOO_FEW_FORMS}
        elif n_clients[cell] < thresholds.minimum_clients:
            yield row | {"null_reason": TOO_FEW_CLIENTS}
        else:
            n_flagged, n_same = int(one.sums.n_flagged[cell]), int(one.sums.n_same_answer[cell])
            yield row | {
                "n_forms": n_forms,
                "n_clients": int(n_clients[cell]),
                "n_flagged": n_flagged,
                "flagged_share": n_flagged / n_forms,
                "n_same_answer": n_same,
                "same_answer_share": n_same / n_forms,
                **{f"n_clients_{sign}": int(n[cell]) for sign, n in signs.items()},
            }


@dataclass(frozen=True)
class KeyVerdict:
    """Whether the items of one practice's instrument point the way its key says.

    `n_evaluated` counts items of whole practices and of sites with enough forms; `turned` are those
    of them that point away, in words without a figure.
    """

    practice_id: str
    instrument_code: str
    n_evaluated: int
    turned: tuple[str, ...]


def key_verdicts(found: Iterable[CellSums], thresholds: Thresholds) -> list[KeyVerdict]:
    """One verdict per practice and instrument, in order.

    An item is judged in the scale `total`, where it is not in that in the first scale it is in.
    Languages, versions and informants are judged apart; a practice as a whole, since one export is
    behind it, and each site, since one may enter its forms by hand.
    """
    n_evaluated: dict[tuple[str, str], int] = {}
    turned: dict[tuple[str, str], list[str]] = {}
    for one in found:
        for cells, words in _units(one.cells):
            named = one.cells.iloc[cells[0]]
            name = (str(named["practice_id"]), one.sums.key.instrument_code)
            n_evaluated.setdefault(name, 0)
            turned.setdefault(name, [])
            for item_no, is_turned in _judged(one, cells, thresholds):
                n_evaluated[name] += 1
                if is_turned:
                    turned[name].append(f"item {item_no} ({words})")
    return [KeyVerdict(*name, n, tuple(turned[name])) for name, n in sorted(n_evaluated.items())]


def _units(cells: pd.DataFrame) -> Iterator[tuple[list[int], str]]:
    """Cells of each practice together, and of each of its sites where there are several."""
    columns = ["practice_id", "version", *NETWORK]
    for number in np.unique(numbers := cells.groupby(columns).ngroup().to_numpy()).tolist():
        together = np.flatnonzero(numbers == number).tolist()
        _, version, language, informant = cells.iloc[together[0]][columns]
        words = f"version {version}, {language}, {informant}"
        yield together, words
        if len(together) > 1:
            for place in together:
                yield [place], f"{words}, site {cells.iloc[place]['site_id']}"


def _judged(
    one: CellSums, cells: Sequence[int], thresholds: Thresholds
) -> Iterator[tuple[int, bool]]:
    """Items with whether they point away; none where there are too few forms or clients."""
    known: set[int] = set()
    scales = sorted(one.sums.key.scales, key=lambda scale: (scale != "total", scale))
    for scale in scales:
        moments = one.sums.moments[scale].summed(cells)
        n_clients = int(one.sums.n_clients_complete(scale)[list(cells)].sum())
        # Only the items are asked for: no factor is fitted.
        items = site_reliability(
            moments,
            0,
            n_clients,
            minimum_forms=thresholds.reliability_minimum_forms,
            minimum_clients=thresholds.minimum_clients,
            with_omega=False,
        ).items
        for place, item in zip(one.sums.key.scales[scale], items, strict=True):
            if place in known or item.item_rest is None:
                continue
            known.add(place)
            yield one.sums.key.item_nos[place], item.is_pointing_away
