"""Releases in sequence, protected and attacked: what leaks, and which protection holds it?

Sites small enough that most cells are near the limits. Between two releases clients arrive late in
closed months, values are corrected, clients are withdrawn, and a month closes. Tables are linked:
two scores of the same forms, stages and languages of the same clients (of one language there are
one to three in a site), months, quarters and all, and both sites together.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from multiprocessing import get_context
from typing import Any

import numpy as np
import pandas as pd

from orchestration.benchmarking.disclosure import (
    CHANGES,
    STATE,
    Finding,
    attack_release,
    empty_ledger,
    protect,
)
from orchestration.benchmarking.disclosure_cells import Protections, Rules
from orchestration.benchmarking.disclosure_relations import Layout

LAYOUT = Layout(
    block=("practice_id", "site_id", "metric"),
    measure="metric",
    partition="split",
    client_partitions=("language",),
    site="site_id",
    site_total="network",
)
CELL = list(LAYOUT.cell)
STAGES = ("opening", "developing", "ending")
LANGUAGES = ("nl", "en", "ar")
"""Few clients speak the last."""
SCORES = ("total", "bond")
WIDTH = 6.0
SEEDS, RELEASES = range(40), 5
"""Two hundred releases in all: a sequence's last release is attacked with all before it."""
OFF_SEEDS, OFF_RELEASES = range(6), 2
Clients = dict[Any, Any]
"""Of one cell: each client's forms."""
PROTECTIONS = (
    "primary",
    "dominance",
    "rounding",
    "ends",
    "complementary",
    "refresh",
    "history",
)


@dataclass
class Site:
    """The forms of one site; a row a form."""

    rng: np.random.Generator
    n_clients: int
    n_therapists: int
    mean: float
    top_share: float
    forms: pd.DataFrame = None  # type: ignore[assignment]

    def start(self, n_months: int) -> None:
        """Clients with forms in some of the first months."""
        self.forms = self._clients(self.n_clients, range(n_months), 0)

    def _clients(self, n: int, months: range, first: int) -> pd.DataFrame:
        rng = self.rng
        n_forms = rng.integers(1, 4, n)
        client = np.repeat(np.arange(first, first + n), n_forms)
        # One therapist often has most of the clients.
        shares = rng.dirichlet(np.full(self.n_therapists, 0.7))
        therapist = rng.choice(self.n_therapists, n, p=shares)
        start = rng.choice(np.array(list(months)), n)
        number = np.concatenate([np.arange(k) for k in n_forms]) if n else np.zeros(0, int)
        month = np.minimum(start[client - first] + number, max(months))
        rare = min(int(rng.integers(1, 4)), n) if first == 0 else 0
        language = rng.choice(LANGUAGES[:2], n, p=[0.6, 0.4])
        language[:rare] = LANGUAGES[2]
        at_top = rng.random(client.size) < self.top_share
        score = np.clip(np.round(rng.normal(self.mean, 1.5, client.size), 2), 0, WIDTH)
        bond = np.clip(np.round(score + rng.normal(0, 0.5, client.size), 2), 0, WIDTH)
        return pd.DataFrame(
            {
                "client": client,
                "therapist": therapist[client - first],
                "month": month,
                "stage": np.array(STAGES)[np.minimum(number, 2)],
                "language": language[client - first],
                "total": np.where(at_top, WIDTH, score),
                "bond": bond,
            }
        )

    def pass_night(self, n_months: int) -> None:
        """Late forms, corrections and withdrawals in any month, new clients in the last."""
        rng = self.rng
        first = int(self.forms["client"].to_numpy().max(initial=-1)) + 1
        late = self._clients(int(rng.integers(0, 3)), range(n_months), first)
        many = self._clients(int(rng.choice([0, 4, 14])), range(n_months - 1, n_months), first + 10)
        kept = self.forms[
            ~self.forms["client"].isin(rng.integers(0, first + 1, rng.integers(0, 3)))
        ]
        kept = kept.copy()
        corrected = rng.random(len(kept)) < 0.02
        kept.loc[corrected, "total"] = np.round(rng.uniform(0, WIDTH, int(corrected.sum())), 2)
        self.forms = pd.concat([kept, late, many], ignore_index=True)


def _periods(n_months: int) -> list[tuple[str, range]]:
    """Months, quarters, the last twelve months and all, of closed months from January 2025."""
    found = [(f"2025-{month + 1:02d}", range(month, month + 1)) for month in range(n_months)]
    found += [(f"2025-Q{q + 1}", range(3 * q, 3 * q + 3)) for q in range(n_months // 3)]
    return [*found, ("all", range(n_months))]


def cells_of(sites: dict[str, Site], n_months: int) -> tuple[pd.DataFrame, dict[Any, Clients]]:
    """Candidates, and behind each cell its clients' values."""
    rows: list[tuple[object, ...]] = []
    members: dict[Any, Clients] = {}
    named = {site_id: site.forms for site_id, site in sites.items()}
    together = pd.concat(
        [
            forms.assign(client=site_id + forms["client"].astype("str"))
            for site_id, forms in named.items()
        ]
    )
    tables = [
        (site_id, score, split, forms)
        for site_id, forms in named.items()
        for score, split in (*((name, "stage") for name in SCORES), (SCORES[0], "language"))
    ]
    tables.append((LAYOUT.site_total, SCORES[0], "", together))
    for site_id, score, split, all_forms in tables:
        for period, months in _periods(n_months):
            inside = all_forms[all_forms["month"].isin(months)]
            groups = [("all", "all", inside)] if split != "language" else []
            if split:
                groups += [(split, str(part), forms) for part, forms in inside.groupby(split)]
            for kind, part, forms in groups:
                if forms.empty:
                    continue
                name = ("p", site_id, score, kind, part, period)
                row, members[name] = _cell(forms, score)
                rows.append((*name, *row))
    columns = [*CELL, "content", "n_clients", "n_forms", "n_therapists", "mean", "share", "width"]
    return pd.DataFrame(rows, columns=[*columns, "top_therapist_form_share"]), members


def _cell(forms: pd.DataFrame, score: str) -> tuple[tuple[object, ...], Clients]:
    grouped = forms.groupby("client")
    means = grouped[score].mean()
    values: Clients = {
        client: tuple(sorted(zip(own[score], own["therapist"], own["month"], strict=True)))
        for client, own in grouped
    }
    by_therapist = forms["therapist"].value_counts()
    content = blake2b(repr(sorted(values.items())).encode(), digest_size=8).hexdigest()
    row = (
        content,
        float(means.size),
        float(len(forms)),
        float(by_therapist.size),
        float(means.mean()),
        float((forms[score] == WIDTH).mean()),
        WIDTH,
        float(by_therapist.iloc[0] / len(forms)),
    )
    return row, values


def _changes(
    ledger: pd.DataFrame, written: dict[Any, Clients], members: dict[Any, Clients], release_no: int
) -> pd.DataFrame:
    """Of every cell ever written, how many of its clients changed since, against each writing."""
    rows = []
    for (name, against), before in written.items():
        after = members.get(name, {})
        entered = sum(before.get(client) != value for client, value in after.items())
        left = sum(after.get(client) != value for client, value in before.items())
        n_changed = len({c for c in {*before, *after} if before.get(c) != after.get(c)})
        rows.append((*name, against, release_no, float(n_changed), float(entered), float(left)))
    return pd.DataFrame(rows, columns=[*CELL, *CHANGES])


@dataclass(frozen=True)
class Sequence:
    """What an attacker finds in all that went out, and how many candidates did not."""

    findings: list[Finding]
    n_refused: int = 0


def attacked(seed: int, n_releases: int, protections: Protections, n_sites: int = 2) -> Sequence:
    """A sequence of releases of a small practice.

    As in a night, each candidate is attacked with linear programs and refused where something
    leaks; the last release then stays. Without a protection none is refused.
    """
    rng = np.random.default_rng(seed)
    sites = {
        f"s{number}": Site(
            rng,
            int(rng.integers(8, 45)),
            int(rng.integers(2, 6)),
            float(rng.choice([3.5, 5.5])),
            float(rng.choice([0.3, 0.98])),
        )
        for number in range(n_sites)
    }
    n_months = 2
    for site in sites.values():
        site.start(n_months)
    rules = replace(Rules(11, 3), protections=protections)
    ledger, log = empty_ledger(LAYOUT), pd.DataFrame(columns=[*CELL, *CHANGES])
    written: dict[Any, Clients] = {}
    n_refused = 0
    for release_no in range(1, n_releases + 1):
        candidates, members = cells_of(sites, n_months)
        changes = _changes(ledger, written, members, release_no)
        found = protect(candidates, ledger, changes, rules, LAYOUT, release_no)
        candidate = found.ledger if ledger.empty else pd.concat([ledger, found.ledger])
        told = changes if log.empty else pd.concat([log, changes])
        is_refused = protections == Protections() and bool(
            attack_release(candidate.reset_index(drop=True), told, rules, LAYOUT)
        )
        n_refused += is_refused
        if not is_refused:
            ledger, log = candidate, told
            fresh = found.ledger[found.ledger["written_release"] == release_no]
            for name in fresh[CELL].itertuples(index=False):
                written[(tuple(name), release_no)] = members.get(tuple(name), {})
        n_months += int(rng.random() < 0.5)
        for site in sites.values():
            site.pass_night(n_months)
    assert set(STATE) <= set(ledger.columns)
    ledger = ledger.reset_index(drop=True)
    # Linear programs made and judged them; the attacker at the end has whole numbers besides.
    return Sequence(attack_release(ledger, log, rules, LAYOUT, in_whole_numbers=True), n_refused)


@dataclass(frozen=True)
class Tally:
    """Sequences in which something leaked, of all of them; `n_refused` of the candidates."""

    n_sequences: int
    n_releases: int
    n_refused: int
    n_broken: int
    what: tuple[str, ...]


def study(protections: Protections, seeds: range, n_releases: int, n_processes: int = 2) -> Tally:
    """Protect and attack one sequence a seed."""
    one = partial(attacked, n_releases=n_releases, protections=protections)
    with ProcessPoolExecutor(n_processes, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(one, seeds))
    kinds = sorted({finding.what for each in found for finding in each.findings})
    n_refused = sum(each.n_refused for each in found)
    n_broken = sum(bool(each.findings) for each in found)
    n_candidates = len(found) * n_releases
    return Tally(len(found), n_candidates - n_refused, n_refused, n_broken, tuple(kinds))


def main() -> None:
    """The whole study: nothing leaks, and without any one protection something does."""
    print("all protections", study(Protections(), SEEDS, RELEASES))
    for name in PROTECTIONS:
        print(
            "without", name, study(replace(Protections(), **{name: False}), OFF_SEEDS, OFF_RELEASES)
        )


if __name__ == "__main__":
    main()
