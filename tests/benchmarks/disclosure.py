"""What disclosure control and the attacker cost for a release: no database, only the arithmetic.

    python -m tests.benchmarks.disclosure [--sites N] [--metrics N] [--stages N] [--processes N]

Sites of 8 to 120 clients over 15 months, so that a good part of the cells is small; 24 periods
(months, quarters, a year, two windows of twelve months, all); metrics of the same forms. The first
release is decided whole and attacked whole; then a night on which one site in twenty changed.
"""

import argparse
import json
import resource
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from orchestration.benchmarking.disclosure import CHANGES, attack_release, empty_ledger, protect
from orchestration.benchmarking.disclosure_cells import Rules
from orchestration.benchmarking.disclosure_relations import Layout

LAYOUT = Layout(block=("practice_id", "site_id", "metric"), measure="metric")
RULES = Rules(11, 3)
LIMIT = 300
"""Seconds for 1,000 sites x 8 metrics x 24 periods."""
STAGES = ("opening", "developing", "ending")
MONTHS = 15
WIDTH = 6.0
CHANGED = 20
"""One site in so many changes on the second night."""


@dataclass(frozen=True)
class Cost:
    """Of one step; CPU includes the processes it started."""

    step: str
    n_cells: int
    wall_seconds: float
    cpu_seconds: float


def periods() -> dict[str, range]:
    """24 periods and their months, from January 2025."""
    found = {f"{2025 + m // 12}-{m % 12 + 1:02d}": range(m, m + 1) for m in range(MONTHS)}
    found |= {f"{2025 + q // 4}-Q{q % 4 + 1}": range(3 * q, 3 * q + 3) for q in range(5)}
    ends = {"12m-2026-02": range(2, 14), "12m-2026-03": range(3, 15)}
    return {**found, "2025": range(12), **ends, "all": range(MONTHS)}


def cells(n_sites: int, n_metrics: int, n_stages: int, seed: int = 7) -> pd.DataFrame:
    """Candidates of a first release."""
    rng = np.random.default_rng(seed)
    n_clients = rng.integers(8, 120, n_sites)
    site = np.repeat(np.arange(n_sites), n_clients)
    start, n_forms = rng.integers(-2, MONTHS, site.size), rng.integers(1, 5, site.size)
    client = np.repeat(np.arange(site.size), n_forms)
    number = np.arange(client.size) - np.repeat(np.cumsum(n_forms) - n_forms, n_forms)
    month = start[client] + number
    inside = (month >= 0) & (month < MONTHS)
    forms = pd.DataFrame(
        {
            "site": site[client],
            "client": client,
            "therapist": rng.integers(0, 6, site.size)[client],
            "month": month,
            "stage": np.array(STAGES)[np.minimum(number, len(STAGES) - 1)],
        }
    )[inside]
    values = np.clip(rng.normal(4, 1.5, (len(forms), n_metrics)), 0, WIDTH)
    scores = [f"m{metric}" for metric in range(n_metrics)]
    forms[scores] = values
    found = []
    for period, months in periods().items():
        then = forms[forms["month"].isin(months)]
        for stage in ("all", *STAGES[:n_stages]):
            own = then if stage == "all" else then[then["stage"] == stage]
            found.append(_measured(own, scores).assign(stage=stage, period=period))
    return pd.concat(found, ignore_index=True)


def _measured(forms: pd.DataFrame, scores: list[str]) -> pd.DataFrame:
    """A row a site and metric."""
    by_client = forms.groupby(["site", "client"])[scores].mean().groupby("site")
    by_therapist = forms.groupby(["site", "therapist"]).size().groupby("site")
    n_forms = forms.groupby("site").size()
    counts = pd.DataFrame(
        {
            "n_clients": by_client.size().astype("float64"),
            "n_forms": n_forms.astype("float64"),
            "n_therapists": by_therapist.size().astype("float64"),
            "top_therapist_form_share": by_therapist.max() / n_forms,
        }
    )
    at_top = (forms[scores] == WIDTH).groupby(forms["site"]).mean()
    wide = by_client.mean().rename_axis(columns="metric").stack().rename("mean").to_frame()
    wide["share"] = at_top.rename_axis(columns="metric").stack()
    found = wide.reset_index().merge(counts, left_on="site", right_index=True)
    found["site_id"] = "s" + found["site"].astype("str")
    return found.drop(columns="site").assign(practice_id="p", width=WIDTH, content="1")


def measured(n_sites: int, n_metrics: int, n_stages: int, n_processes: int) -> list[Cost]:
    """Two nights, step by step."""
    costs: list[Cost] = []
    no_changes = pd.DataFrame(columns=[*LAYOUT.cell, *CHANGES])
    first = cells(n_sites, n_metrics, n_stages)
    held: set[str] = set()
    with _Step("control, first release", len(first), costs):
        found = protect(
            first, empty_ledger(LAYOUT), no_changes, RULES, LAYOUT, 1, n_processes=n_processes
        )
    print(found.report)
    ledger = found.ledger
    with _Step("attacker, first release", len(first), costs):
        leaks = attack_release(
            ledger, no_changes, RULES, LAYOUT, n_processes=n_processes, held=held
        )
    assert not leaks
    second = cells(n_sites, n_metrics, n_stages, seed=8)
    is_new = second["site_id"].str.removeprefix("s").astype(int) % CHANGED == 0
    second = pd.concat(
        [first[~first["site_id"].isin(second.loc[is_new, "site_id"])], second[is_new]]
    ).assign(content=lambda now: now["site_id"].isin(second.loc[is_new, "site_id"]).astype("str"))
    second["content"] = second["content"].replace({"False": "1", "True": "2"})
    changed = second.loc[second["content"] == "2", list(LAYOUT.cell)]
    many = dict.fromkeys(("n_changed", "n_entered", "n_left"), 30.0)
    changes = changed.assign(against=1, release_no=2, **many)
    with _Step("control, a night with one site in twenty changed", len(second), costs):
        found = protect(second, ledger, changes, RULES, LAYOUT, 2, n_processes=n_processes)
    ledger = pd.concat([ledger, found.ledger], ignore_index=True)
    with _Step("attacker, that night", len(second), costs):
        leaks = attack_release(ledger, changes, RULES, LAYOUT, n_processes=n_processes, held=held)
    print(len(leaks), "findings")
    return costs


@dataclass
class _Step:
    name: str
    n_cells: int
    costs: list[Cost]

    def __enter__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), _cpu()

    def __exit__(self, *_: object) -> None:
        wall, cpu = time.perf_counter() - self._wall, _cpu() - self._cpu
        self.costs.append(Cost(self.name, self.n_cells, round(wall, 1), round(cpu, 1)))
        print(f"{self.name}: {self.n_cells} cells, {wall:.1f} s, CPU {cpu:.1f} s", flush=True)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--sites", type=int, default=1_000)
    parser.add_argument("--metrics", type=int, default=8)
    parser.add_argument("--stages", type=int, default=0, help="besides all, up to 3")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    costs = measured(options.sites, options.metrics, options.stages, options.processes)
    first = sum(cost.wall_seconds for cost in costs[:2])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"control and attacker: {first:.0f} s (limit {LIMIT} s); at most {peak:.0f} MB")
    if options.json:
        text = json.dumps([asdict(cost) for cost in costs], indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
