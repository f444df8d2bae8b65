"""`make bench-comparison`: what all benchmarks between sites cost, and the mixed model.

    python -m tests.benchmarks.comparison [--sites N] [--metrics N] [--periods N] [--sessions N]

Sites are drawn with clients, therapists, covariates with gaps, and clients who were asked and did
not answer; from the same clients come the statistics that SQL would supply. Everything after that
is timed: standard errors, funnels, shrunken values, case mix, adjusted funnels, parts of the gaps.
Each part runs in a process of its own, whose memory is its own; drawing counts in the memory only.
A missed limit is reported, not an error.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from expectations.model import Thresholds
from orchestration.benchmarking.asked_networks import NetworksAsked
from orchestration.benchmarking.associations import CORRELATIONS
from orchestration.benchmarking.case_mix_networks import case_mix_tables
from orchestration.benchmarking.cells import CELL_COLUMNS, RESPONSE_COLUMNS
from orchestration.benchmarking.site_adjustments import site_adjustment_tables
from orchestration.benchmarking.site_benchmarks import benchmark_sites
from orchestration.benchmarking.units import Units
from orchestration.measures.fixed_design import fixed_design
from orchestration.measures.mixed_model import fit_mixed_model
from tests.benchmarks import measure
from tests.benchmarks.run import GIB, Figure

PARTS = ("benchmarks", "nested", "crossed")
CLIENTS_A_PERIOD, THERAPISTS = 30, 8
"""Of a site; the longest period has four times as many clients."""
NAMES = {
    "age_band": [f"{number}0-{number}9" for number in range(1, 9)],
    "service_type": ["group", "individual"],
    "delivery_mode": ["in_person", "phone", "video"],
}


def main() -> None:
    options = _options()
    if options.part:
        size = (options.sites, options.metrics, options.periods)
        found = (
            benchmarks(*size)
            if options.part == "benchmarks"
            else mixed_model(options.sessions, is_crossed=options.part == "crossed")
        )
        print(json.dumps(found))
        return
    figures = [figure for part in PARTS for figure in _measured(part)]
    for figure in figures:
        kept = "" if figure.is_kept else "  MISSED"
        print(f"  {figure.name}: {figure.value:.1f} {figure.unit} (at most {figure.limit:g}){kept}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps([asdict(figure) for figure in figures], indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--sites", type=int, default=1_000)
    parser.add_argument("--metrics", type=int, default=8)
    parser.add_argument("--periods", type=int, default=24)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--part", choices=PARTS, help="this one alone, in this process, as JSON")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


def _measured(part: str) -> list[Figure]:
    command = [sys.executable, "-m", "tests.benchmarks.comparison", *sys.argv[1:], "--part", part]
    run = measure.run(command, Path.cwd())
    found = json.loads(run.output)
    print(f"{part}: {found}", flush=True)
    time_taken = Figure(part, sum(found["seconds"].values()), None, 60, "s")
    return [time_taken, Figure(f"{part}, peak memory", run.peak_bytes / GIB, None, 4, "GB")]


def benchmarks(n_sites: int, n_metrics: int, n_periods: int) -> dict[str, Any]:
    """Seconds by step, and how much there was to do. One metric is a network of its own."""
    described, asked = _drawn(n_sites, n_metrics, n_periods)
    therapists, sites, rates = _statistics(described)
    thresholds = Thresholds()
    seconds = {}
    worked = time.process_time()
    start = time.perf_counter()
    cells = benchmark_sites(therapists, sites, rates, thresholds).cells
    seconds["funnels and shrinkage"] = time.perf_counter() - start
    start = time.perf_counter()
    case_mix = case_mix_tables(described, NAMES, cells, NetworksAsked(asked, NAMES))
    seconds["case mix and parts of gaps"] = time.perf_counter() - start
    start = time.perf_counter()
    outcomes = pd.DataFrame(columns=list(CORRELATIONS))
    tables = site_adjustment_tables(case_mix, cells, outcomes, thresholds, {})
    seconds["adjusted funnels and shrinkage"] = time.perf_counter() - start
    return {
        "seconds": seconds,
        "cpu_seconds": time.process_time() - worked,
        "n_cells": len(cells),
        "n_flagged": int(cells["flag"].notna().sum()),
        "n_adjusted": int(tables["site_adjustments"]["shrunken"].notna().sum()),
        "n_gaps": int(tables["site_gaps"]["gap_response"].notna().sum()),
        "n_clients": len(described.rows),
    }


def _drawn(n_sites: int, n_metrics: int, n_periods: int) -> tuple[Units, Units]:
    """Clients of every cell, and all who were asked in the longest period."""
    chance = np.random.default_rng(1)
    cells: list[pd.DataFrame] = []
    rows: list[pd.DataFrame] = []
    asked_cells: list[pd.DataFrame] = []
    asked: list[pd.DataFrame] = []
    places = pd.DataFrame(
        {"practice_id": "p", "site_id": [f"s{number:04d}" for number in range(n_sites)]}
    )
    for metric in range(n_metrics):
        network = {"instrument_code": f"i{metric}", "version": "1", "informant": "client"}
        for period in range(n_periods):
            n = CLIENTS_A_PERIOD * (1 if period else 4)
            rows.append(_clients(chance, n_sites, n, len(cells) * n_sites))
            cells.append(
                places.assign(
                    **network,
                    language="en",
                    collection_mode="paper",
                    stage="all",
                    period=str(2000 + period) if period else "all",
                    baseline_error_sd=7.0,
                )
            )
        # Every third who was asked did not answer.
        silent = _clients(chance, n_sites, 2 * CLIENTS_A_PERIOD, metric * n_sites)
        silent["client_no"] += 10**7
        longest = rows[-n_periods]
        answered = longest.assign(cell_no=longest["cell_no"] % n_sites + metric * n_sites)
        both = pd.concat([answered.assign(is_answered=True), silent.assign(is_answered=False)])
        asked.append(both.rename(columns={"mean_session_no": "n_sessions"}))
        asked_cells.append(places.assign(**network))
    return (
        Units(pd.concat(cells, ignore_index=True), pd.concat(rows, ignore_index=True)),
        Units(pd.concat(asked_cells, ignore_index=True), pd.concat(asked, ignore_index=True)),
    )


def _clients(chance: np.random.Generator, n_sites: int, n: int, first_cell: int) -> pd.DataFrame:
    site = np.repeat(np.arange(n_sites), n)
    therapist = site * THERAPISTS + chance.integers(0, THERAPISTS, site.size)
    severity = chance.normal(40, 15, site.size)
    own, of_therapist = chance.normal(0, 0.4, n_sites), chance.normal(0, 0.8, n_sites * THERAPISTS)
    value = 32 - 0.05 * severity + own[site] + of_therapist[therapist]
    noisy = severity + chance.normal(0, 7, site.size)
    columns = {
        "value": value + chance.normal(0, 4, site.size),
        "baseline_severity": np.where(chance.random(site.size) < 0.2, np.nan, noisy),
        "mean_session_no": chance.integers(1, 20, site.size),
        "age_band": np.where(chance.random(site.size) < 0.1, -1, chance.integers(0, 8, site.size)),
        "service_type": chance.integers(0, 2, site.size),
        "delivery_mode": chance.integers(0, 3, site.size),
    }
    # Those of a shorter period are among those of the longest.
    number = site * 1_000 + np.tile(np.arange(n), n_sites)
    people = {"client_no": number, "therapist_no": therapist}
    return pd.DataFrame({"cell_no": first_cell + site, **columns, **people})


def _statistics(of: Units) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The three marts of these clients."""
    places = of.cells.assign(metric="mean_score")[list(CELL_COLUMNS)]
    rows = of.rows[["cell_no", "therapist_no", "value"]]
    therapists = _summed(rows, ["cell_no", "therapist_no"])
    therapists["therapist_key"] = "t" + therapists["therapist_no"].astype(str)
    largest = therapists.groupby("cell_no")["n_clients"].max()
    sites = _summed(rows, ["cell_no"])
    sites["n_therapists"] = therapists.groupby("cell_no").size().to_numpy()
    sites["top_therapist_form_share"] = (largest / sites["n_clients"]).to_numpy()
    sites = sites.assign(ceiling_share=0.1, is_data_complete=True, is_dated_by_year=False)
    rates = places[list(RESPONSE_COLUMNS)].assign(
        response_rate=0.7, n_therapists_due=10, n_therapists_taking_part=9
    )
    return (
        therapists.join(places, on="cell_no").drop(columns=["cell_no", "therapist_no"]),
        sites.join(places, on="cell_no").drop(columns="cell_no"),
        rates,
    )


def _summed(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    values = rows.groupby(by)["value"]
    found = pd.DataFrame({"n_clients": values.size(), "mean_of_client_means": values.mean()})
    found["sum_of_squares"] = values.var(ddof=0) * found["n_clients"]
    return found.assign(n_forms=5 * found["n_clients"]).reset_index()


def mixed_model(n_sessions: int, *, is_crossed: bool) -> dict[str, Any]:
    """Seconds of one fit: sites, therapists, clients; crossed: every fiftieth therapist has half of
    the clients at another site."""
    chance = np.random.default_rng(1)
    n_clients, n_sites = max(n_sessions // 10, 20), max(n_sessions // 10_000, 4)
    n_therapists = max(n_clients // 30, n_sites)
    therapist_of = np.sort(chance.integers(0, n_therapists, n_clients))
    site_of = np.sort(chance.integers(0, n_sites, n_therapists))
    client = np.sort(chance.integers(0, n_clients, n_sessions))
    therapist = therapist_of[client]
    site = site_of[therapist]
    if is_crossed:
        moves = (chance.random(n_therapists) < 0.02)[therapist]
        moves &= (chance.random(n_clients) < 0.5)[client]
        site = np.where(moves, chance.integers(0, n_sites, n_therapists)[therapist], site)
    severity = chance.normal(size=n_sessions)
    value = 80 + 0.5 * severity + chance.normal(0, 0.5**0.5, n_sessions)
    for label, share in ((site, 0.01), (therapist, 0.04), (client, 0.45)):
        value += chance.normal(0, share**0.5, int(label.max()) + 1)[label]
    start = time.perf_counter()
    fixed = fixed_design(n_sessions, {"severity": severity})
    found = fit_mixed_model(value, {"site": site, "therapist": therapist, "client": client}, fixed)
    seconds = time.perf_counter() - start
    return {
        "seconds": {"fit": seconds},
        "n_sessions": n_sessions,
        "n_sites": n_sites,
        "n_therapists": n_therapists,
        "n_clients": n_clients,
        "variances": [round(each.variance, 4) for each in found.components],
    }


if __name__ == "__main__":
    main()
