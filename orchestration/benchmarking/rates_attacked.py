"""The attacker on a finished release's response rates: the file against the ledger, every rule
anew, and what a total tells of the parts that are not shown."""

import numpy as np
import pandas as pd

from orchestration.benchmarking.cells import DOMINANT_THERAPIST_SHARE, RESPONSE_COLUMNS
from orchestration.benchmarking.disclosure_cells import Rules
from orchestration.benchmarking.release_attacked import Leak
from orchestration.benchmarking.shown_rates import (
    CLIENTS,
    COUNTS,
    is_refresh_safe,
    last_statements,
    leaky_totals,
    tied,
)
from orchestration.measures.arrays import Bools, Floats

_NEAR = 1e-6
_MANY = 102
"""Clients that are rounded to 100; above them a whole percent is coarse enough."""


def rate_leaks(
    published: pd.DataFrame,
    rates: pd.DataFrame,
    ledger: pd.DataFrame,
    rules: Rules,
    release_no: int,
) -> list[Leak]:
    """All that stands against a release's response rates, `published`: RESPONSE_COLUMNS,
    `response_rate` and `is_suppressed`.

    `rates`: RESPONSE_COLUMNS and COUNTS of tonight's cells; `ledger` holds the release's own
    statements, too. A rate that is not published though it may be is of forms no cell is shown of.
    """
    strict = Rules(rules.minimum_clients, rules.minimum_therapists, rules.base)
    cell = list(RESPONSE_COLUMNS)
    last = last_statements(ledger)
    both = published.merge(last, how="left", on=cell)
    said = ~both["is_suppressed"].to_numpy(dtype=np.bool_)
    differs = ~np.isclose(
        _floats(both, "response_rate"), _floats(both, "shown_rate"), rtol=0, atol=_NEAR
    )
    new = ledger[(ledger["release_no"] == release_no) & ledger["shown_rate"].notna()]
    judged = ledger[(ledger["release_no"] == release_no) & ledger["judged_rate"].notna()]
    pairs = new.merge(ledger, on=cell, suffixes=("", "_before"))
    pairs = pairs[pairs["release_no_before"] < release_no]
    names = {f"{name}_before": name for name in (*COUNTS, "shown_rate")}
    before = pairs[[*cell, *names]].rename(columns=names)
    now = rates[[*cell, *COUNTS]].merge(
        last[[*cell, "release_no", "shown_rate"]], how="left", on=cell
    )
    found = tied(now)
    bounded = leaky_totals(now, _floats(now, "shown_rate"), found, strict)
    is_new = ((now["release_no"] == release_no) & now["shown_rate"].notna()).to_numpy()
    # What stood before tonight cannot be taken back.
    ours = is_new[found.total]
    ours[found.relation[is_new[found.part]]] = True
    told = [
        ("a rate reads otherwise than disclosure control decided", both[said & differs]),
        ("a rate is shown of too few", new[_is_small(new, strict) | _is_of_few(new, strict)]),
        ("a reason is made of a rate of too few", judged[_is_of_few(judged, strict)]),
        ("a rate is finer than its clients allow", new[_is_fine(new)]),
        ("a rate was written anew for too few", pairs[~is_refresh_safe(before, pairs, strict)]),
        ("what came back of a few follows", now.iloc[found.total[bounded & ours]]),
    ]
    return list(
        dict.fromkeys(
            Leak(what, tuple(row))
            for what, rows in told
            for row in rows[cell].itertuples(index=False)
        )
    )


def _is_small(cells: pd.DataFrame, rules: Rules) -> Bools:
    _, answered, missing = (_floats(cells, name) for name in CLIENTS)
    small = np.zeros(len(cells), dtype=np.bool_)
    for n in (answered, missing):
        small |= (n >= 1) & (n <= rules.minimum_clients - 1)
    return small


def _is_of_few(cells: pd.DataFrame, rules: Rules) -> Bools:
    small = _floats(cells, "n_clients_due") < rules.minimum_clients
    small |= _floats(cells, "n_therapists_due") < rules.minimum_therapists
    share = _floats(cells, "n_due_of_top_therapist") / _floats(cells, "n_due")
    return np.asarray(small | (share > DOMINANT_THERAPIST_SHARE), dtype=np.bool_)


def _is_fine(cells: pd.DataFrame) -> Bools:
    """Rates that are no twentieth (percent), or nearer to an end than one client can bring them."""
    n, rate = _floats(cells, "n_clients_due"), _floats(cells, "shown_rate")
    parts = np.where(n > _MANY, 100.0, 20.0)
    fine = np.abs(rate * parts - np.round(rate * parts)) > _NEAR
    one = _floats(cells, "n_due_of_top_client") / _floats(cells, "n_due")
    beside = np.minimum(rate, 1 - rate)
    return np.asarray(
        fine | (beside < 1 / n - _NEAR) | (one > beside + 0.5 / parts + _NEAR), dtype=np.bool_
    )


def _floats(frame: pd.DataFrame, column: str) -> Floats:
    return frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
