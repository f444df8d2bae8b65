"""Study of the marked-drop rules: do the models find what the definitions say they find?

`python -m tests.studies.drops_found`, or `make studies`. Series with a drop of known size at a
random place, and series without one, go through the models of dbt_project. For every rule, size and
length three figures are held against each other:

- found: the share of planted forms that int_drops_marked marks (sensitivity), and the share of
  clients marts.rpt_site_metrics counts as having any marked drop; without a planted drop the latter
  is the rule's false-positive rate;
- implied: the same by the definitions of drop_rules.py, on other and many more series;
- without drawing anything: the integral or recursion of drop_rules.py, where there is one.

Form by form the models must say what drop_rules.py says of the same series. And where nothing is
planted, the mart's share must be the one that orchestration/measures/expected_drops.py expects of
noise, from the means and SDs that the models supply.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.special import ndtri

from orchestration.dbt_runner import ensure_manifest
from orchestration.measures.expected_drops import expected_drops
from tests.integration.dbt.raw_rows import ROWS_A_DELIVERY, RawWarehouse, practice, registry
from tests.studies.drawn_series import (
    CEILING,
    COURSES,
    INTERIOR,
    LENGTHS,
    MAXIMUM,
    RESTLESS,
    SIZES,
    STEP,
    Cell,
    World,
    draw_cell,
    rows_of,
    site_of,
)
from tests.studies.drop_rules import (
    FEWEST,
    RULES,
    Bools,
    fixed_by_chance,
    fixed_found,
    marked_forms,
    sd_found,
)
from tests.studies.drops_table import (
    DropsFound,
    Exact,
    Implied,
    Line,
    Noise,
    Share,
    noise_report,
)

PLANTED = (INTERIOR, CEILING)
STILL = (INTERIOR, CEILING, RESTLESS)
SEED = 20261128
N_REPEATS = 20
_LEVELS = 400
"""Levels of clients that an exact figure is averaged over: equally likely ones."""


def planted_drops(
    n_series: int,
    n_drawn: int,
    seed: int,
    folder: Path,
    parsed: Path,
    worlds: Sequence[World] = PLANTED,
) -> DropsFound:
    """Run the planted worlds, `n_series` series a cell against `n_drawn` for what is implied."""
    parts = [_planted(world, n_series, n_drawn, seed, folder, parsed) for world in worlds]
    return DropsFound(
        tuple(line for part in parts for line in part.lines),
        tuple(one for part in parts for one in part.exact),
        sum(part.n_forms for part in parts),
        sum(part.n_unlike for part in parts),
    )


def _planted(
    world: World, n_series: int, n_drawn: int, seed: int, folder: Path, parsed: Path
) -> DropsFound:
    rng = _stream(world, seed)
    cells = [
        draw_cell(rng, world, size, n_forms, n_series) for size in SIZES for n_forms in LENGTHS
    ]
    warehouse, load_seq = _built(cells, folder / f"planted_{world.language}", parsed)
    marked = _marked(warehouse, load_seq, sum(cell.forms.size for cell in cells))
    shares = _shares(warehouse)
    ((sd,),) = warehouse.rows("select stddev_samp(stated_total::double) from raw.administrations")
    lines: list[Line] = []
    exact: list[Exact] = []
    n_unlike, first = 0, 0
    for cell in cells:
        here = {rule: one[first : first + cell.forms.size] for rule, one in marked.items()}
        here = {rule: one.reshape(cell.forms.shape) for rule, one in here.items()}
        first += cell.forms.size
        by_definition = marked_forms(cell.forms, MAXIMUM, sd)
        nothing = np.zeros(cell.forms.shape, dtype=bool)
        n_unlike += sum(
            int((here[rule] != by_definition.get(rule, nothing)).sum()) for rule in RULES
        )
        implied = _implied(draw_cell(rng, world, cell.size, cell.n_forms, n_drawn), sd)
        lines += [_line(cell, rule, here[rule], implied.get(rule), shares) for rule in RULES]
        exact += _exact(cell, implied, sd)
    return DropsFound(tuple(lines), tuple(exact), first, n_unlike)


def noise_alone(
    n_series: int, seed: int, folder: Path, parsed: Path, worlds: Sequence[World] = STILL
) -> tuple[Noise, ...]:
    """Run the worlds in which nothing happens, `n_series` series of each length."""
    return tuple(one for world in worlds for one in _still(world, n_series, seed, folder, parsed))


def _still(world: World, n_series: int, seed: int, folder: Path, parsed: Path) -> list[Noise]:
    rng = _stream(world, seed + 1)
    cells = [draw_cell(rng, world, "none", n_forms, n_series) for n_forms in LENGTHS]
    warehouse, _ = _built(cells, folder / f"still_{world.language}", parsed)
    ceiling = float(np.mean(np.concatenate([cell.forms.ravel() for cell in cells]) == MAXIMUM))
    with warehouse.connect() as con:
        series = con.execute(
            "select n_forms, series_mean from intermediate.int_forms_ordered "
            "where administration_row = series_row order by series_row"
        ).fetchnumpy()
        ((within_sd, total_sd),) = con.execute(
            "select within_sd, total_sd from intermediate.int_spreads_pooled"
        ).fetchall()
        observed = con.execute(
            "select metric, sum(numerator), sum(denominator) from marts.rpt_site_metrics "
            "where metric like 'marked_drop_%' and stratum_kind = 'all' and period = 'all' "
            "group by metric"
        ).fetchall()
    counted = {metric: (float(has), int(n)) for metric, has, n in observed}
    found = []
    for expected in expected_drops(
        series["n_forms"].astype(np.int64),
        series["series_mean"].astype(np.float64),
        within_sd=within_sd,
        minimum=0.0,
        maximum=MAXIMUM,
        step=STEP,
        seed=seed,
        network_sd=total_sd,
        n_repeats=N_REPEATS,
    ):
        has, n = counted[f"marked_drop_{expected.rule}"]
        assert expected.share_of_judged is not None
        share = Share(has / n, n, expected.share_of_judged, n * N_REPEATS)
        found.append(Noise(world.name, expected.rule, ceiling, share))
    return found


def _stream(world: World, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, STILL.index(world)])


def _built(cells: list[Cell], folder: Path, parsed: Path) -> tuple[RawWarehouse, int]:
    """A warehouse with the cells as sites of one practice, and the number of its forms' load."""
    folder.mkdir()
    warehouse = RawWarehouse(folder / "warehouse.duckdb", parsed)
    sites = [site_of(size, n_forms) for size in SIZES for n_forms in LENGTHS]
    warehouse.prepare(registry(practice("north", sites)))
    episodes, forms = rows_of(cells, 1)
    warehouse.deliver_frame("episodes", "north", episodes)
    load_seq = warehouse.deliver_frame("administrations", "north", forms)
    warehouse.build_with_measures()
    return warehouse, load_seq


def _marked(warehouse: RawWarehouse, load_seq: int, n_forms: int) -> dict[str, Bools]:
    """Whether int_drops_marked marks each form of the load, in the order of its rows."""
    marked = {}
    with warehouse.connect() as con:
        for rule in RULES:
            rows = con.execute(
                "select administration_row - ? as place from intermediate.int_drops_marked "
                "where rule = ? and is_drop",
                [load_seq * ROWS_A_DELIVERY + 1, rule],
            ).fetchnumpy()
            marked[rule] = np.zeros(n_forms, dtype=bool)
            marked[rule][rows["place"]] = True
    return marked


def _shares(warehouse: RawWarehouse) -> dict[tuple[str, str], tuple[float, int]]:
    """(site, metric) -> (share of clients with a marked drop, clients judged)."""
    return {
        (site, metric): (value, int(n))
        for site, metric, value, n in warehouse.rows(
            "select site_id, metric, value, denominator from marts.rpt_site_metrics "
            "where metric like 'marked_drop_%' and stratum_kind = 'all' and period = 'all' "
            "and value is not null"
        )
    }


def _implied(drawn: Cell, network_sd: float) -> dict[str, Implied]:
    marked = marked_forms(drawn.forms, MAXIMUM, network_sd)
    rows = np.arange(len(drawn.forms))
    moves = np.ptp(drawn.forms, axis=1) > 0
    return {
        rule: Implied(
            float(found[rows, drawn.place].mean()),
            # A series that does not move at all has no control chart, and is not counted.
            float((found[moves] if rule == "chart" else found).any(axis=1).mean()),
            len(drawn.forms),
        )
        for rule, found in marked.items()
    }


def _line(
    cell: Cell,
    rule: str,
    marked: Bools,
    implied: Implied | None,
    shares: dict[tuple[str, str], tuple[float, int]],
) -> Line:
    published = shares.get((cell.site_id, f"marked_drop_{rule}"))
    is_long_enough = cell.n_forms >= FEWEST[rule]
    if (published is not None) != is_long_enough or (implied is not None) != is_long_enough:
        raise AssertionError(f"{rule}, {cell.n_forms} forms: the minimum is not the definition's")
    found = any_drop = None
    if implied is not None and published is not None:
        any_drop = Share(*published, implied.any_drop, implied.n)
        if cell.size != "none":
            share = float(marked[np.arange(len(cell.forms)), cell.place].mean())
            found = Share(share, len(cell.forms), implied.found, implied.n)
    return Line(cell.world.name, rule, cell.size, cell.n_forms, found, any_drop)


def _exact(cell: Cell, implied: dict[str, Implied], network_sd: float) -> list[Exact]:
    """What is implied of a cell, against the same without drawing, where that can be had."""
    world, size, n_forms = cell.world, cell.size, cell.n_forms
    fixed = implied["fixed"]
    levels = world.mean + world.between_sd * ndtri((np.arange(_LEVELS) + 0.5) / _LEVELS)
    where = f"{world.name}, {size}, {n_forms} forms"
    if size == "none":
        exact = fixed_by_chance(levels, n_forms, world.within_sd, MAXIMUM, STEP)
        return [Exact(f"fixed, by chance: {where}", Share(fixed.any_drop, fixed.n, exact))]
    exact = fixed_found(levels, world.points(size), world.within_sd, MAXIMUM, STEP)
    found = [Exact(f"fixed, found: {where}", Share(fixed.found, fixed.n, exact))]
    if world is INTERIOR:
        for rule, factor in (("sd1", 1), ("sd2", 2)):
            if rule in implied:
                exact = _sd_found(world, size, n_forms, factor, network_sd)
                drawn = implied[rule]
                found.append(Exact(f"{rule}, found: {where}", Share(drawn.found, drawn.n, exact)))
    return found


def _sd_found(world: World, size: str, n_forms: int, factor: float, network_sd: float) -> float:
    """drop_rules.sd_found over all places and lengths of a drop."""
    at = np.arange(n_forms)
    total = 0.0
    for place in range(1, n_forms):
        for lasts, weight in COURSES:
            is_down = (at >= place) & (at < place + lasts)
            means = world.mean - world.points(size) * is_down
            found = sd_found(
                means.astype(np.float64), place, factor, world.within_sd, network_sd, STEP
            )
            total += weight * found / (n_forms - 1)
    return total


def main() -> None:
    """Print the study's tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=2_000, help="of each cell")
    parser.add_argument("--drawn", type=int, default=100_000, help="for what is implied")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ensure_manifest(folder / "parsed")
        parsed = folder / "parsed"
        found = planted_drops(options.series, options.drawn, options.seed, folder, parsed)
        print(*found.report(), sep="\n")
        print(*noise_report(noise_alone(options.series, options.seed, folder, parsed)), sep="\n")


if __name__ == "__main__":
    main()
