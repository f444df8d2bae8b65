"""Study of the sites' courses: level, slope and curvature against arrays of a known truth.

`python -m tests.studies.trajectories_recovered --seeds 20`, or `make studies`. Clients have a level
and a slope of their own, therapists move their clients' levels as the simulation has it (4 % of the
variance). Courses are straight for level and slope, and bent for the curvature. Beside it stand the
same networks with clients taken for independent, and networks whose therapists do not differ.
"""

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orchestration.measures.trajectories import site_trajectories
from tests.studies.coverage import Coverage, coverages

Floats = NDArray[np.float64]

SD = 4.0
"""Of one form, scale points; shares of its variance as in the simulation's settings."""
THERAPIST_SHARE, CLIENT_SHARE, SESSION_SHARE = 0.04, 0.47, 0.42
SLOPE_SD = 0.15
CURVATURE = -0.01


def study(
    seeds: Sequence[int],
    *,
    n_sites: int = 12,
    therapist_share: float = THERAPIST_SHARE,
    with_therapists: bool = True,
) -> tuple[Coverage, ...]:
    """Coverage of level, slope and curvature over the seeds' networks; `with_therapists`: whether
    the model is told whose clients they are."""
    rows = []
    for seed in seeds:
        for bend, figures in ((0.0, ("level", "slope")), (CURVATURE, ("curvature",))):
            rows.append(
                _network(
                    np.random.default_rng([seed, 7]),
                    *(n_sites, therapist_share, bend, figures, with_therapists),
                )
            )
    return coverages(rows)


def _network(
    rng: np.random.Generator,
    n_sites: int,
    therapist_share: float,
    bend: float,
    figures: Sequence[str],
    with_therapists: bool,
) -> pd.DataFrame:
    site_of = np.repeat(np.arange(n_sites), rng.integers(3, 13, n_sites))
    therapist = np.repeat(np.arange(site_of.size), rng.integers(3, 12, site_of.size))
    client = np.repeat(np.arange(therapist.size), rng.integers(4, 16, therapist.size))
    session = np.arange(client.size) - np.searchsorted(client, client) + 1.0
    level = 34 + 1.0 * rng.standard_normal(n_sites)
    slope = 0.1 + 0.1 * rng.standard_normal(n_sites)
    of_therapist = SD * np.sqrt(therapist_share) * rng.standard_normal(site_of.size)
    own = SD * np.sqrt(CLIENT_SHARE) * rng.standard_normal(therapist.size)
    steeper = SLOPE_SD * rng.standard_normal(therapist.size)
    at = site_of[therapist[client]]
    value = (
        level[at]
        + of_therapist[therapist[client]]
        + own[client]
        + (slope[at] + steeper[client]) * (session - 1)
        + bend * (session - 1) ** 2
        + SD * np.sqrt(SESSION_SHARE) * rng.standard_normal(client.size)
    )
    kept = rng.random(client.size) > 0.15
    found = site_trajectories(
        at[kept],
        client[kept],
        np.asarray(session[kept], dtype=np.float64),
        np.asarray(value[kept], dtype=np.float64),
        therapist=therapist[client[kept]] if with_therapists else None,
    )
    truths = {"level": level, "slope": slope, "curvature": np.full(n_sites, bend)}
    rows = []
    for line in found.sites:
        for figure in figures:
            estimate = getattr(line, figure)
            if estimate is not None:
                rows.append(
                    {
                        "figure": figure,
                        "value": estimate.value,
                        "lower95": estimate.lower95,
                        "upper95": estimate.upper95,
                        "truth": float(truths[figure][line.site]),
                    }
                )
    return pd.DataFrame(rows)


def main() -> None:
    """Print the study's figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    seeds = range(1, options.seeds + 1)
    for share, is_told, words in (
        (THERAPIST_SHARE, True, ""),
        (THERAPIST_SHARE, False, ", clients taken for independent"),
        (0.0, True, ""),
    ):
        print(f"therapists {share:.0%} of the variance{words}")
        print(*study(seeds, therapist_share=share, with_therapists=is_told), sep="\n")


if __name__ == "__main__":
    main()
