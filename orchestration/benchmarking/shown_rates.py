"""Which response rates go out: a rate is a fraction of two counts, and its counts are clients'.

A rate counts all forms due of a site, in every language and way of collecting, so the cells beside
it are no measure of its clients: it is judged by those of whom a form was due.

- hidden: where the clients due, those who sent a form back, or those of whom one is missing are
  few (nobody at all is none of them: ends are coded); where few therapists, or one alone, make it;
  and where one client has more of the forms due than the rate leaves open.
- coded: to a twentieth, of more than 100 clients to a whole percent, and never nearer to 0 or 1
  than one client of the fewest can bring it.
- a total and its parts: what is left of a total's forms when the shown parts are taken away must
  leave a client's forms open, or parts are hidden until it does.
- judged: reasons against a comparison are made of `judged_rate`, the coded one. It is there as well
  where a rate is hidden only because few clients sent a form back, or few did not: with it a reader
  learns whether a rate lies below the floor or far from others, which leaves every count of those
  few possible, and by the code every client both. Or a site where most forms come back, and so few
  clients missed one, could never be compared.
- refresh: a rate stands until one of its three counts of clients differs by the minimum from what
  it was at every writing. At least that many clients have changed then, and nothing of a client
  need be kept to know it. That others may have changed unseen makes it stand longer, which is safe.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.benchmarking.cells import DOMINANT_THERAPIST_SHARE, RESPONSE_COLUMNS
from orchestration.benchmarking.disclosure_cells import SHOWN, Rules, ranges, written
from orchestration.benchmarking.disclosure_knowledge import Relations
from orchestration.benchmarking.disclosure_relations import Layout, relations
from orchestration.benchmarking.protected_sites import SuppressionReport
from orchestration.measures.arrays import Bools, Floats

LAYOUT = Layout(block=RESPONSE_COLUMNS[:-2])
CLIENTS = ("n_clients_due", "n_clients_answered", "n_clients_missing")
"""Counts of clients of whom a form was due, one came back, one did not."""
COUNTS: tuple[str, ...] = (
    "n_due",
    "n_completed",
    *CLIENTS,
    "n_due_of_top_client",
    "n_therapists_due",
    "n_therapists_taking_part",
    "n_due_of_top_therapist",
)
RATES = ("shown_rate", "judged_rate")
STATEMENT: tuple[str, ...] = (*RESPONSE_COLUMNS, "release_no", *COUNTS, *RATES)
"""A rate as it was written in a release, with the counts of then; `shown_rate` null: hidden."""
_NEAR = 1e-9


@dataclass(frozen=True)
class RateRange:
    """Least and most that a rate is said to be; NaN where it is hidden."""

    least: Floats
    most: Floats


def written_rates(
    rates: pd.DataFrame, ledger: pd.DataFrame, rules: Rules, release_no: int
) -> pd.DataFrame:
    """The statements that tonight adds, STATEMENT; the ledger's others stand.

    `rates`: RESPONSE_COLUMNS and COUNTS of every cell tonight; `ledger`: statements of all earlier
    releases under the same rules.
    """
    now = rates[[*RESPONSE_COLUMNS, *COUNTS]].astype(dict.fromkeys(COUNTS, "float64"))
    last = last_statements(ledger)[[*RESPONSE_COLUMNS, "shown_rate"]]
    both = now.merge(last, how="left", on=list(RESPONSE_COLUMNS), indicator="side")
    coded = _coded(now, rules)
    is_new = (both["side"] == "left_only").to_numpy()
    fresh = is_new | _may_be_written_anew(now, coded, ledger, rules)
    if not fresh.any():
        return now.assign(release_no=release_no, shown_rate=coded, judged_rate=coded).loc[
            fresh, list(STATEMENT)
        ]
    on = rules.protections
    judged = np.where(is_rate_open(now, coded, rules) | (not on.primary), coded, np.nan)
    few = is_few_answers(now, rules) & on.primary
    own = np.where(few, np.nan, judged)
    shown = np.where(fresh, own, _floats(both, "shown_rate"))
    if on.complementary:
        shown = _without_leaky_parts(now, shown, fresh, rules)
    judged = np.where(np.isnan(shown) & ~np.isnan(own), np.nan, judged)
    made = now.assign(release_no=release_no, shown_rate=shown, judged_rate=judged)
    return made.loc[fresh, list(STATEMENT)].reset_index(drop=True)


def standing_rates(rates: pd.DataFrame, ledger: pd.DataFrame) -> pd.DataFrame:
    """Tonight's cells as their last statements have them: RESPONSE_COLUMNS, `response_rate` (null
    where hidden), `judged_rate` and the therapists of then. `ledger` has tonight's, too."""
    names = ["n_therapists_due", "n_therapists_taking_part"]
    last = last_statements(ledger)[[*RESPONSE_COLUMNS, *RATES, *names]]
    found = rates[list(RESPONSE_COLUMNS)].merge(last, how="left", on=list(RESPONSE_COLUMNS))
    # Text is text even where there is no row.
    typed = found.astype(dict.fromkeys(RESPONSE_COLUMNS, "str"))
    return typed.rename(columns={"shown_rate": "response_rate"})


def rates_report(rates: pd.DataFrame, ledger: pd.DataFrame, rules: Rules) -> SuppressionReport:
    """What protection cost tonight's rates. `rates` and `ledger` as for standing_rates."""
    said = rates[list(RESPONSE_COLUMNS)].merge(
        last_statements(ledger), how="left", on=list(RESPONSE_COLUMNS)
    )
    counts = rates[list(COUNTS)].to_numpy(dtype=np.float64)
    is_other = (said[list(COUNTS)].to_numpy(dtype=np.float64) != counts).any(axis=1)
    hidden = said["shown_rate"].isna().to_numpy(dtype=np.bool_)
    is_primary = ~is_rate_open(said, _coded(said, rules), rules) | is_few_answers(said, rules)
    return SuppressionReport.of(
        hidden, is_primary, ~hidden & is_other, _floats(said, "n_clients_due")
    )


def last_statements(ledger: pd.DataFrame) -> pd.DataFrame:
    """The newest statement of every cell."""
    ordered = ledger.sort_values("release_no", kind="stable")
    return ordered.drop_duplicates(list(RESPONSE_COLUMNS), keep="last", ignore_index=True)


def rate_ranges(cells: pd.DataFrame, shown: Floats, rules: Rules) -> RateRange:
    """What shown rates say, with the counts they were coded by."""
    n = rules.clients.shown(_floats(cells, "n_clients_due"))
    said_of = dict.fromkeys(SHOWN, np.nan) | {
        "shown_n_clients": n,
        "shown_n_forms": n,
        "shown_share": shown,
    }
    *_, said = ranges(_as_cells(cells, shown).assign(**said_of), rules)
    return RateRange(said.least, said.most)


def is_few_answers(cells: pd.DataFrame, rules: Rules) -> Bools:
    """Rates to which few clients sent a form back, or few did not."""
    few = np.zeros(len(cells), dtype=np.bool_)
    for name in CLIENTS[1:]:
        n = _floats(cells, name)
        few |= (n > 0) & (n < rules.minimum_clients)
    return few


def is_rate_open(cells: pd.DataFrame, shown: Floats, rules: Rules) -> Bools:
    """Rates not of few clients or therapists, nor of one who has too much of what was due."""
    forms, top = _floats(cells, "n_due"), _floats(cells, "n_due_of_top_client")
    few = _floats(cells, "n_clients_due") < rules.minimum_clients
    few |= _floats(cells, "n_therapists_due") < rules.minimum_therapists
    few |= _floats(cells, "n_due_of_top_therapist") > DOMINANT_THERAPIST_SHARE * forms
    said = rate_ranges(cells, shown, rules)
    few |= (said.most * forms < top - _NEAR) | ((1 - said.least) * forms < top - _NEAR)
    return np.asarray(~few, dtype=np.bool_)


def is_refresh_safe(before: pd.DataFrame, after: pd.DataFrame, rules: Rules) -> Bools:
    """Whether two statements of a cell, row by row, leave open what clients who came or left did.

    Enough clients changed, and forms that only came, or only left, do not tell that all of them,
    or none, were sent back. Where more or fewer came back than that could be, old forms changed as
    well, and nobody knows whose.
    """
    apart = np.zeros(len(after), dtype=np.bool_)
    for name in CLIENTS:
        apart |= np.abs(_floats(after, name) - _floats(before, name)) >= rules.minimum_clients
    said = [rate_ranges(each, _floats(each, "shown_rate"), rules) for each in (before, after)]
    forms = [_floats(each, "n_due") for each in (before, after)]
    low = said[1].least * forms[1] - said[0].most * forms[0]
    high = said[1].most * forms[1] - said[0].least * forms[0]
    came = forms[1] - forms[0]
    # Forms that left read backwards are forms that came.
    low, high = np.where(came < 0, -high, low), np.where(came < 0, -low, high)
    tops = [_floats(each, "n_due_of_top_client") for each in (before, after)]
    one = np.minimum(np.where(came < 0, tops[0], tops[1]), np.abs(came))
    is_told = ~np.isnan(low) & (came != 0) & (low <= np.abs(came) + _NEAR) & (high >= -_NEAR)
    leaves_open = (low <= np.abs(came) - one + _NEAR) & (high >= one - _NEAR)
    return np.asarray(apart & (~is_told | leaves_open), dtype=np.bool_)


def tied(now: pd.DataFrame) -> Relations:
    """Which of tonight's rates are of all the forms of which others, by place in `now`."""
    block = now.groupby(list(LAYOUT.block), dropna=False).ngroup()
    rows = now[list(RESPONSE_COLUMNS)].assign(
        content=np.arange(len(now), dtype=np.intp), block=block, family=block
    )
    counts = now.rename(columns={"n_due": "n_forms", "n_clients_due": "n_clients"})
    return relations(rows, LAYOUT, counts)


def leaky_totals(now: pd.DataFrame, shown: Floats, found: Relations, rules: Rules) -> Bools:
    """By relation: whether total and parts shown bound what a client among the rest sent back.

    The attacker is told every number of forms due, tonight's: he knows how many forms the hidden
    parts have, and most of one client among them.
    """
    said = rate_ranges(now, shown, rules)
    forms, top = _floats(now, "n_due"), _floats(now, "n_due_of_top_client")
    n, relation, part = found.total.size, found.relation, found.part
    is_shown = ~np.isnan(shown)

    def total(values: Floats, which: Bools) -> Floats:
        weights = np.where(which[part], np.nan_to_num(values[part]), 0.0)
        return np.bincount(relation, weights=weights, minlength=n).astype(np.float64)

    rest = forms[found.total] - total(forms, is_shown)
    unlisted = forms[found.total] - total(forms, np.ones(len(now), dtype=np.bool_))
    # Of one client among the rest: no more than of one in all, or in the hidden parts together.
    one = np.minimum(np.minimum(rest, top[found.total]), total(top, ~is_shown) + unlisted)
    low = (said.least * forms)[found.total] - total(said.most * forms, is_shown)
    high = (said.most * forms)[found.total] - total(said.least * forms, is_shown)
    is_tied = is_shown[found.total] & (total(np.ones(len(now)), is_shown) > 0) & (rest > 0)
    bounds = (low > rest - one + _NEAR) | (high < one - _NEAR)
    return np.asarray(is_tied & bounds, dtype=np.bool_)


def _without_leaky_parts(now: pd.DataFrame, shown: Floats, fresh: Bools, rules: Rules) -> Floats:
    """Rates with the smallest new parts hidden until no total bounds the rest; where no part is
    new, the total."""
    found = tied(now)
    n = _floats(now, "n_clients_due")
    while True:
        at = np.flatnonzero(leaky_totals(now, shown, found, rules))
        may_go = fresh & ~np.isnan(shown)
        parts = np.isin(found.relation, at) & may_go[found.part]
        total = at[may_go[found.total[at]] & ~np.isin(at, found.relation[parts])]
        offered = pd.DataFrame({"relation": found.relation[parts], "cell": found.part[parts]})
        smallest = offered.assign(n=n[offered["cell"]]).sort_values(["relation", "n", "cell"])
        gone = smallest.drop_duplicates("relation")["cell"].to_numpy(dtype=np.intp)
        gone = np.concatenate([gone, found.total[total]])
        if gone.size == 0:
            return shown
        shown = shown.copy()
        shown[gone] = np.nan


def _may_be_written_anew(
    now: pd.DataFrame, coded: Floats, ledger: pd.DataFrame, rules: Rules
) -> Bools:
    """Cells that differ enough from every statement of theirs."""
    cell = list(RESPONSE_COLUMNS)
    numbered = now.assign(shown_rate=coded, row=np.arange(len(now)))
    pairs = numbered.merge(ledger, on=cell, suffixes=("", "_before"))
    if not rules.protections.refresh:
        return np.isin(numbered["row"], pairs["row"])
    names = {f"{name}_before": name for name in (*COUNTS, "shown_rate")}
    before = pairs[[*cell, *names]].rename(columns=names)
    safe = is_refresh_safe(before, pairs, rules)
    row = pairs["row"].to_numpy(dtype=np.intp)
    return np.isin(numbered["row"], row) & ~np.isin(numbered["row"], row[~safe])


def _coded(cells: pd.DataFrame, rules: Rules) -> Floats:
    """Rates as they would be shown."""
    rate = _floats(cells, "n_completed") / _floats(cells, "n_due")
    return _floats(written(_as_cells(cells, rate), rules), "shown_share")


def _as_cells(cells: pd.DataFrame, rate: Floats) -> pd.DataFrame:
    """Rates as disclosure_cells codes shares: by clients, since one client's forms are at stake."""
    n = _floats(cells, "n_clients_due")
    return pd.DataFrame(
        {"n_clients": n, "n_forms": n, "n_therapists": n, "mean": np.nan, "share": rate, "width": 1}
    )


def _floats(frame: pd.DataFrame, column: str) -> Floats:
    return frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
