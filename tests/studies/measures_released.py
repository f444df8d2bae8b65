"""Releases of measures in sequence, published and attacked: what leaks, and which protection holds
it?

The publishing code decides and checks as in a night. After the last release an attacker who keeps
them all works on what went out, by linear programs (without whole numbers: classes are too wide
for these to matter). Besides, by what is true and not by what is shown: no row is of few, and no
two writings of a row are of fewer changed clients than the minimum.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from orchestration.benchmarking.measures_attacked import leaking_cells
from orchestration.benchmarking.measures_known import Believed
from orchestration.release.contents import ALL_PROTECTIONS, MeasureProtections
from tests.studies.measures_drawn import LASTING, NAME
from tests.studies.measures_nights import THRESHOLDS, World, changed_clients

SEEDS, RELEASES = range(40), 5
"""Two hundred releases in all."""
OFF_SEEDS, OFF_RELEASES = range(6), 3
PROTECTIONS = tuple(each.name for each in fields(MeasureProtections))


@dataclass(frozen=True)
class Sequence:
    """What is found in all that went out, and how many candidates did not."""

    findings: tuple[str, ...]
    n_released: int
    n_refused: int
    n_withheld: int
    n_stood: int


def attacked(
    seed: int, n_releases: int, protections: MeasureProtections = ALL_PROTECTIONS
) -> Sequence:
    """A sequence of releases of two small sites, and what follows from them."""
    with TemporaryDirectory() as folder:
        world = World(seed, Path(folder), protections)
        # Of a night with nothing new there is no release; one that is refused is not made up for.
        while len(world.shown) + world.n_refused < n_releases:
            world.release()
            world.pass_night()
    shown = pd.concat(world.shown, ignore_index=True)
    findings = [*_of_few(shown), *_written_early(shown, world)]
    # Who reckons with rows of enough is misled by rows of few.
    if protections.primary:
        findings += _worked_out(shown, protections)
    return Sequence(
        tuple(findings), len(world.shown), world.n_refused, world.n_withheld, world.n_kept
    )


def _named(found: pd.DataFrame, what: str) -> list[str]:
    names = found[[*NAME, "release_no"]].itertuples(index=False)
    return [f"{what}: {', '.join(str(part) for part in name)}" for name in names]


def _of_few(shown: pd.DataFrame) -> list[str]:
    minimum = THRESHOLDS.minimum_clients
    few = shown["n_clients"] < minimum
    once = shown["is_share"] & shown["is_once"]
    few |= once & (shown["n_counted"] < minimum)
    few |= once & (shown["n_not_counted"] < minimum)
    return _named(shown[shown["is_shown"] & few], "few")


def _written_early(shown: pd.DataFrame, world: World) -> list[str]:
    """Pairs of writings that say different things of too few changed clients."""
    found: list[str] = []
    said = ["shown_at_least", "shown_value"]
    written = shown[shown["is_written"] & shown["is_shown"]]
    for before, after in combinations(sorted(world.members), 2):
        one, two = (written[written["release_no"] == number] for number in (before, after))
        pairs = two.merge(one[[*LASTING, *said]], on=list(LASTING), suffixes=("", "_before"))
        differs = (pairs[said].to_numpy() != pairs[[f"{each}_before" for each in said]]).any(axis=1)
        pairs = pairs[differs].drop(columns="n_changed")
        changed = changed_clients(world.members[before], world.members[after])
        pairs = pairs.merge(changed, on=list(LASTING), how="left")
        early = pairs["n_changed"].fillna(0) < THRESHOLDS.minimum_clients
        found += _named(pairs[early], "written early")
    return found


def _worked_out(shown: pd.DataFrame, protections: MeasureProtections) -> list[str]:
    numbered = {
        "block_no": ["site_id", "family"],
        "metric_no": ["metric"],
        "kind_no": ["stratum_kind"],
        "stratum_no": ["stratum_kind", "stratum"],
    }
    cells = shown.assign(
        **{name: shown.groupby(of, dropna=False).ngroup() + 1 for name, of in numbered.items()}
    )
    cells["kind_no"] = np.where(cells["stratum_kind"] == "all", 0, cells["kind_no"])
    n_months = cells["last_month"] - cells["first_month"]
    cells["period_kind_no"] = cells.groupby(
        [n_months, cells["period"].str.startswith("12m-")]
    ).ngroup()
    believed = Believed(
        THRESHOLDS.minimum_clients, has_classes=protections.classes, has_ends=protections.ends
    )
    leaks = leaking_cells(cells, believed, n_whole=None)
    return _named(cells.iloc[leaks], "worked out")


@dataclass(frozen=True)
class Tally:
    """Sequences in which something was found, of all of them; what of, and an example of each."""

    n_sequences: int
    n_released: int
    n_refused: int
    n_withheld: int
    n_stood: int
    n_broken: int
    what: tuple[tuple[str, int], ...]
    examples: tuple[str, ...]


def study(
    protections: MeasureProtections, seeds: range, n_releases: int, n_processes: int = 2
) -> Tally:
    """Release and attack one sequence a seed."""
    one = partial(attacked, n_releases=n_releases, protections=protections)
    with ProcessPoolExecutor(n_processes, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(one, seeds))
    said = pd.Series([text.partition(":")[0] for each in found for text in each.findings])
    first = {text.partition(":")[0]: text for each in found for text in each.findings}
    return Tally(
        len(found),
        sum(each.n_released for each in found),
        sum(each.n_refused for each in found),
        sum(each.n_withheld for each in found),
        sum(each.n_stood for each in found),
        sum(bool(each.findings) for each in found),
        tuple((str(what), int(n)) for what, n in said.value_counts().sort_index().items()),
        tuple(first.values()),
    )


def main() -> None:
    """The whole study: nothing is found, and without any one protection something is."""
    print("all protections", study(ALL_PROTECTIONS, SEEDS, RELEASES), flush=True)
    for name in PROTECTIONS:
        off = replace(ALL_PROTECTIONS, **{name: False})
        print("without", name, study(off, OFF_SEEDS, OFF_RELEASES), flush=True)


if __name__ == "__main__":
    main()
