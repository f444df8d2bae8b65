"""`make bench-measures`: what scoring and all metrics cost, beside the least they could cost.

    python -m tests.benchmarks.measures [--sessions N] [--json FILE] [--keep FOLDER]

Ten million answers are loaded once; then the floor and dbt compute the same cells from the same
raw rows, in this one run, so that a slow machine is slow for both. A tenth of them goes into a home
of its own, which a night with 1 % new data follows: rows that each model computed again, of all.
With `--keep` the folder stays, and what is loaded there is not loaded again.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import duckdb
import yaml

from orchestration import dbt_runner
from orchestration.settings import Settings, from_environment
from tests.benchmarks import history, measure
from tests.benchmarks.run import ALLIANCE, DONE_OR_LISTED, GIB, Figure

SESSIONS = 520_000
"""Attended sessions that make ten million answers of the four forms that are due."""
LIMIT = 3
LONGEST = 12
"""Models shown by the time they take."""

DECLARED_AS_WELL = """
insert into reference.parallel_forms values
    ('wai_sr', '1', 'wai_srt', '1'), ('wai_srt', '1', 'wai_sr', '1');
"""
"""Made up, so that there are pairs to match: no instrument these practices use declares any."""


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="alliance_bench_") as scratch:
        folder = options.keep or Path(scratch)
        report = _whole(folder / "whole", options.sessions)
        if not options.no_night:
            report["rows_of_a_small_night"] = _small_night(folder / "night", options.sessions // 10)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        print(f"\nwritten to {options.json}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="attended sessions")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it there")
    parser.add_argument("--no-night", action="store_true", help="leave the night's rows out")
    return parser.parse_args()


def _whole(folder: Path, n_sessions: int) -> dict[str, object]:
    home, database = folder / "home", folder / "floor.duckdb"
    if not (home / "warehouse.duckdb").exists():
        _say(f"loading the forms of about {n_sessions:,} sessions")
        _load(home, n_sessions, with_measures=False)
    warehouse = Settings(home).warehouse
    with duckdb.connect(str(warehouse)) as con:
        con.execute("delete from reference.parallel_forms where instrument_code like 'wai_sr%'")
        con.execute(DECLARED_AS_WELL)
    _say("the floor")
    database.unlink(missing_ok=True)
    floor = measure.run(
        [sys.executable, "-m", "tests.benchmarks.measures_floor", str(warehouse), str(database)],
        Path.cwd(),
    )
    _say("dbt, everything from scratch")
    dbt_runner.ensure_manifest(Settings(home).dbt_target)
    built = measure.run(
        [sys.executable, "-m", "tests.benchmarks.measures_built", str(home)], Path.cwd()
    )
    seconds: dict[str, float] = json.loads(built.output)
    figures = [
        Figure("scoring and all metrics / floor", built.seconds, floor.seconds, LIMIT, "s"),
        Figure("peak memory of the build", built.peak_bytes / GIB, None, 1.5, "GB"),
    ]
    sizes = _sizes(warehouse, database)
    print("\n" + ", ".join(f"{name} {number:,}" for name, number in sizes.items()) + "\n")
    for figure in figures:
        against = f" against {figure.against:.2f} {figure.unit}" if figure.against else ""
        kept = "kept" if figure.is_kept else "MISSED"
        print(
            f"{figure.name:34}{figure.measured:8.2f} {figure.unit}{against}: "
            f"{figure.value:.2f}, limit {figure.limit:g}, {kept}"
        )
    print(f"  floor at its highest {floor.peak_bytes / GIB:.2f} GB\n\nseconds by model:")
    for name in list(seconds)[:LONGEST]:
        print(f"  {seconds[name]:7.2f}  {name}")
    print(f"  {sum(seconds.values()):7.2f}  all models and tests")
    return {
        "figures": [
            asdict(f) | {"ratio_or_value": round(f.value, 3), "is_kept": f.is_kept} for f in figures
        ],
        "sizes": sizes,
        "floor_peak_gb": round(floor.peak_bytes / GIB, 3),
        "seconds_by_model": seconds,
    }


def _load(home: Path, n_sessions: int, *, with_measures: bool) -> history.History:
    """A home with a history that one night has loaded, and a night of 1 % beside it."""
    from_environment(home)  # processes started from here inherit home and switched-off telemetry
    history.declare(home, history.MEASURED)
    if with_measures:
        path = home / "group.yml"
        group = yaml.safe_load(path.read_text(encoding="utf-8"))
        path.write_text(yaml.safe_dump(group | {"with_measures": True}), encoding="utf-8")
    measure.run([*ALLIANCE, "init", "--home", str(home)], Path.cwd())
    made = history.simulate_history(home, n_sessions, n_nights=1)
    _night(made.landing, home)
    return made


def _night(exports: Path, home: Path) -> None:
    history.deliver(exports, home / "landing")
    command = [*ALLIANCE, "nightly", "--home", str(home), "--json"]
    measure.run(command, Path.cwd(), DONE_OR_LISTED)


def _sizes(warehouse: Path, database: Path) -> dict[str, int]:
    with duckdb.connect(str(warehouse), read_only=True) as con:
        con.execute(f"attach '{database}' as floor (read_only)")
        counts = con.execute(
            "select (select count(*) from raw.answers), (select count(*) from raw.administrations),"
            " (select count(*) from raw.sessions), (select count(*) from marts.rpt_site_metrics),"
            " (select count(*) from floor.site_metrics)"
        ).fetchall()[0]
    names = ("n_answers", "n_forms", "n_sessions", "n_cells", "n_cells_of_the_floor")
    return dict(zip(names, map(int, counts), strict=True))


def _small_night(folder: Path, n_sessions: int) -> list[dict[str, object]]:
    """Rows of each model that a night with 1 % new computed, and all it has; what it printed."""
    home = folder / "home"
    _say(f"about {n_sessions:,} sessions, then a night with 1 % new")
    made = _load(home, n_sessions, with_measures=True)
    _night(made.nights[0], home)
    rows = rows_computed(Settings(home).warehouse, Settings(home).dbt_target)
    print(f"\n{'rows of a night with 1 % new':38}{'computed':>10}{'all':>10}{'share':>8}  kind")
    for row in rows:
        print(
            f"{row['model']:38}{row['n_computed']:10,}{row['n_rows']:10,}"
            f"{row['share']:8.1%}  {row['kind']}"
        )
    return rows


def rows_computed(warehouse: Path, target_dir: Path) -> list[dict[str, object]]:
    """Of each table of dbt: its rows, and those that the last build made anew.

    Incremental models make the rows of clients touched, which
    tests/integration/dbt/test_clients_touched.py holds; the others are made whole.
    """
    nodes = dbt_runner.load_manifest(target_dir).nodes.values()
    models = {
        f"{node.schema}.{node.name}": str(node.config.materialized)
        for node in nodes
        if str(node.resource_type) == "model" and node.config.materialized != "view"
    }
    found: list[dict[str, object]] = []
    with duckdb.connect(str(warehouse), read_only=True) as con:
        # The build moved the watermark, so the clients are those since the build before it.
        con.execute(TOUCHED)
        columns = con.execute(
            "select table_schema || '.' || table_name, list(column_name) "
            "from information_schema.columns group by 1"
        ).fetchall()
        named = {table: set(names) for table, names in columns}
        for table, kind in sorted(models.items(), key=lambda item: (item[1], item[0])):
            if table not in named:
                continue
            key = "client_key" if "client_key" in named[table] else "administration_row"
            which = f"{key} in (select {key} from touched)" if kind == "incremental" else "true"
            ((n_rows, n_computed),) = con.execute(
                f"select count(*), count(*) filter (where {which}) from {table}"
            ).fetchall()
            found.append(
                {
                    "model": table.partition(".")[2],
                    "kind": "clients touched" if kind == "incremental" else "whole",
                    "n_computed": n_computed,
                    "n_rows": n_rows,
                    "share": n_computed / n_rows if n_rows else 0.0,
                }
            )
    return found


TOUCHED = """
create temp table touched as
with clients as (
    select distinct client_key
    from raw.touched_clients
    where load_seq > (
        select coalesce(max(processed_through), 0) from raw.builds
        where processed_through < (select max(processed_through) from raw.builds)
    )
)
select client_key, administration_row
from clients
left join raw.administrations using (client_key)
"""


def _say(step: str) -> None:
    print(f"... {step}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
