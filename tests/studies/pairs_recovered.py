"""Study of what two informants' forms say: gaps of a triad, directional bias, tracking.

`python -m tests.studies.pairs_recovered --seeds 20`, or `make studies`. The networks are drawn from
a model with a known truth (drawn_pairs.py), because the simulation's practices send no parallel
forms; the models of dbt_project make the pairs and the sites' gaps. Every seed is a network of its
own. Do the 95 % intervals hold the sites' truths in 95 %?

Bias and tracking are congruence.py's, with therapists as clusters. With dyads as clusters a
therapist's own way of rating would be taken for many independent ones; how far short such intervals
fall stands beside.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from orchestration.dbt_runner import ensure_manifest
from orchestration.measures.congruence import Congruence, congruence
from tests.integration.dbt.raw_rows import RawWarehouse, practice, registry
from tests.studies.coverage import Coverage, coverages
from tests.studies.drawn_pairs import DrawnPairs, PairModel, draw_pairs
from tests.studies.measured_sites import site_intervals

GAPS = {
    "triad_gap_child_therapist": ("tasc_r", "1", "child"),
    "triad_gap_caregiver_therapist": ("tasc_p", "1", "caregiver"),
    "triad_gap_child_caregiver": ("tasc_r", "1", "child"),
}
BY_DYAD = ", dyads as clusters"
_AT_A_TIME = 5
"""Networks of one warehouse, each a practice."""


def study(
    seeds: Sequence[int], folder: Path, parsed: Path, model: PairModel
) -> tuple[Coverage, ...]:
    """Coverage of every figure over the seeds' networks."""
    rows = []
    for first in range(0, len(seeds), _AT_A_TIME):
        some = seeds[first : first + _AT_A_TIME]
        networks = [
            draw_pairs(np.random.default_rng(seed), f"net{seed}", place * 100_000 + 1, model)
            for place, seed in enumerate(some)
        ]
        home = folder / f"pairs_{first}"
        home.mkdir()
        rows += _estimates(_built(networks, home, parsed), networks)
    return coverages(rows)


def _built(networks: Sequence[DrawnPairs], home: Path, parsed: Path) -> RawWarehouse:
    warehouse = RawWarehouse(home / "warehouse.duckdb", parsed)
    warehouse.prepare(registry(*(practice(one.practice_id, one.sites) for one in networks)))
    for one in networks:
        warehouse.deliver_frame("episodes", one.practice_id, one.episodes)
        warehouse.deliver_frame("sessions", one.practice_id, one.sessions)
        warehouse.deliver_frame("administrations", one.practice_id, one.forms)
    warehouse.build_with_measures()
    return warehouse


def _estimates(warehouse: RawWarehouse, networks: Sequence[DrawnPairs]) -> list[pd.DataFrame]:
    """Estimates of every figure and site with the truth beside them."""
    rows = []
    with warehouse.connect() as con:
        for one in networks:
            found = [
                site_intervals(con, metric, "mean", form, one.practice_id).assign(figure=metric)
                for metric, form in GAPS.items()
            ]
            pairs = con.execute(
                "select site_id, client_key, therapist_key, first_pomp, second_pomp "
                "from intermediate.int_pairs_matched where dyad = 'client_therapist' "
                "and is_of_dyad and practice_id = ? order by first_administration_row",
                [one.practice_id],
            ).df()
            found.append(_congruences(pairs))
            truth = one.truth.assign(of=one.truth["figure"])
            every = pd.concat(found, ignore_index=True)
            every["of"] = every["figure"].str.removesuffix(BY_DYAD)
            truth = truth.drop(columns="figure")
            rows.append(every.merge(truth, on=["site_id", "of"], validate="many_to_one"))
    return rows


def _congruences(pairs: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for site_id, part in pairs.groupby("site_id"):
        dyad = part["client_key"].astype(str).factorize()[0].astype(np.int64)
        therapist = part["therapist_key"].astype(str).factorize()[0].astype(np.int64)
        client, rated = part["first_pomp"].to_numpy(), part["second_pomp"].to_numpy()
        for added, cluster in (("", therapist), (BY_DYAD, None)):
            rows += _rows(str(site_id), added, congruence(client, rated, dyad, cluster))
    return pd.DataFrame(rows)


def _rows(site_id: str, added: str, found: Congruence) -> list[dict[str, object]]:
    return [
        {
            "site_id": site_id,
            "figure": figure + added,
            "value": estimate.value,
            "lower95": estimate.lower95,
            "upper95": estimate.upper95,
        }
        for figure, estimate in (("bias", found.bias), ("tracking", found.tracking))
        if estimate is not None
    ]


def main() -> None:
    """Print the study's figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ensure_manifest(folder / "parsed")
        seeds = range(1, options.seeds + 1)
        print(*study(seeds, folder, folder / "parsed", PairModel()), sep="\n")


if __name__ == "__main__":
    main()
