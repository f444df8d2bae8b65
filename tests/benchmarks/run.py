"""`make bench`: what a night costs, beside the least it could cost on the same machine.

    python -m tests.benchmarks.run [--forms N] [--json FILE] [--keep FOLDER]

Everything is measured in this one run, so that a slow machine is slow for both sides of a ratio.
A missed limit is reported, not an error: exit status 0 whenever everything could be measured.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from orchestration.settings import from_environment
from tests.benchmarks import history, measure
from tests.benchmarks.measure import Run, bare_import, middle

FORMS = 840_000
SHORT_RUNS = 5
FLOOR_RUNS = 3
NIGHTS = 3
GIB = 2**30
ALLIANCE = [sys.executable, "-m", "orchestration.cli.main"]
DONE_OR_LISTED = (0, 1)
"""`alliance nightly` ends with 1 when something needs a person; the time counts all the same."""


@dataclass(frozen=True)
class Figure:
    """One promise: what was measured, what it is held against, and how often that it may cost."""

    name: str
    measured: float
    against: float | None
    limit: float
    unit: str

    @property
    def value(self) -> float:
        """The number the limit is for: a ratio, or the measurement itself."""
        return self.measured / self.against if self.against else self.measured

    @property
    def is_kept(self) -> bool:
        """Whether the promise holds in this run."""
        return self.value <= self.limit


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="alliance_bench_") as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        report = _measure_all(folder, options.forms)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        print(f"\nwritten to {options.json}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--forms", type=int, default=FORMS, help="forms of twelve answers")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--keep", type=Path, help="work in this new folder and leave it there")
    return parser.parse_args()


def _measure_all(folder: Path, n_forms: int) -> dict[str, object]:
    home = folder / "home"
    from_environment(
        home
    )  # the processes started from here inherit home and switched-off telemetry
    history.declare(home)
    measure.run([*ALLIANCE, "init"], folder)
    _say(f"simulating about {n_forms:,} forms and {NIGHTS} nights of 1 %")
    made = history.simulate_history(home, n_forms, NIGHTS)

    floors = [_floor(made.landing, folder / "floor.duckdb") for _ in _said(FLOOR_RUNS, "the floor")]
    read = json.loads(floors[0].output)
    _say("the whole night")
    night = _night(made.landing, home)
    loaded = _loaded(home)
    whole = _steps(home)
    _compare(read, loaded)

    bare_dagster, empty = [], []
    for _ in _said(SHORT_RUNS, "an empty night"):
        bare_dagster.append(bare_import("dagster", "dagster_dbt"))
        empty.append(_run_nightly(home, is_empty=True))
    bare_all, small = [], []
    for exports in (made.nights[i] for i in _said(NIGHTS, "a night with 1 % new")):
        bare_all.append(bare_import("dagster", "dagster_dbt", "dbt", "great_expectations"))
        small.append(_night(exports, home))
    n_new = _loaded(home)["n_forms"] - loaded["n_forms"]

    figures = [
        Figure("whole night / floor", night.seconds, middle(floors), 8, "s"),
        Figure("peak memory of the night", night.peak_bytes / GIB, None, 1.5, "GB"),
        Figure("empty night / dagster, dagster_dbt", middle(empty), middle(bare_dagster), 2.5, "s"),
        Figure("1 % night / all four imports", middle(small), middle(bare_all), 3, "s"),
    ]
    sizes = {
        "n_forms": loaded["n_forms"],
        "n_answers": loaded["n_answers"],
        "n_sessions": loaded["n_sessions"],
        "mb_of_files": round(sum(p.stat().st_size for p in history.files(made.landing)) / 1e6),
        "n_forms_in_a_small_night": n_new // NIGHTS,
    }
    floor_gib = max(run.peak_bytes for run in floors) / GIB
    small_gib = max(run.peak_bytes for run in small) / GIB
    _say_report(figures, sizes, whole, night.seconds)
    print(f"  floor at its highest {floor_gib:.2f} GB, 1 % night {small_gib:.2f} GB")
    return {
        "figures": [
            asdict(f) | {"ratio_or_value": round(f.value, 3), "is_kept": f.is_kept} for f in figures
        ],
        "sizes": sizes,
        "seconds_by_step_of_the_night": whole,
        "floor_peak_gb": round(floor_gib, 3),
        "small_night_peak_gb": round(small_gib, 3),
        "runs_in_seconds": {
            "floor": _seconds(floors),
            "night": _seconds([night]),
            "empty_night": _seconds(empty),
            "import_dagster_dagster_dbt": _seconds(bare_dagster),
            "small_night": _seconds(small),
            "import_all_four": _seconds(bare_all),
        },
    }


def _floor(landing: Path, database: Path) -> Run:
    database.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.benchmarks.floor", str(landing), str(database)]
    return measure.run(command, Path.cwd())


def _night(exports: Path, home: Path) -> Run:
    history.deliver(exports, home / "landing")
    return _run_nightly(home)


def _run_nightly(home: Path, *, is_empty: bool = False) -> Run:
    command = [*ALLIANCE, "nightly", "--home", str(home), "--json"]
    run = measure.run(command, Path.cwd(), DONE_OR_LISTED)
    if json.loads(run.output)["did_anything"] == is_empty:
        # Also when a model was edited meanwhile: then every night builds all of them anew.
        print(f"  ! a night was to find {'nothing' if is_empty else 'something'} new and did not")
    return run


def _loaded(home: Path) -> dict[str, int]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as con:
        counts = con.execute(
            "select (select count(*) from raw.administrations where instrument_code = 'wai_sr'), "
            "(select count(*) from raw.answers), (select sum(value) from raw.answers), "
            "(select count(*) from raw.sessions)"
        ).fetchall()[0]
    names = ("n_forms", "n_answers", "sum_of_answers", "n_sessions")
    return dict(zip(names, map(int, counts), strict=True))


def _compare(read: dict[str, int], loaded: dict[str, int]) -> None:
    """Both must have done the same work, or their ratio means nothing."""
    for name in ("n_answers", "sum_of_answers"):
        if read[name] != loaded[name]:
            print(f"  ! {name}: floor {read[name]:,}, warehouse {loaded[name]:,}")


def _steps(home: Path) -> dict[str, float]:
    """Seconds by step of the last run, longest first, as the orchestrator recorded them."""
    from dagster import DagsterInstance

    with DagsterInstance.from_config(str(home / "dagster")) as instance:
        records = instance.get_run_records(limit=1)
        if not records:
            return {}
        stats = instance.get_run_step_stats(records[0].dagster_run.run_id)
    spans = {s.step_key: s.end_time - s.start_time for s in stats if s.start_time and s.end_time}
    return {name: round(spans[name], 2) for name in sorted(spans, key=lambda n: -spans[n])}


def _say_report(
    figures: Sequence[Figure], sizes: dict[str, int], steps: dict[str, float], seconds: float
) -> None:
    print("\n" + ", ".join(f"{name} {number:,}" for name, number in sizes.items()) + "\n")
    print(f"{'figure':38}{'measured':>12}{'against':>12}{'value':>8}{'limit':>8}")
    for figure in figures:
        against = f"{figure.against:.2f} {figure.unit}" if figure.against else "-"
        measured = f"{figure.measured:.2f} {figure.unit}"
        verdict = "kept" if figure.is_kept else "MISSED"
        print(
            f"{figure.name:38}{measured:>12}{against:>12}{figure.value:8.2f}{figure.limit:8.1f}"
            f"  {verdict}"
        )
    print("\nwhere the whole night's time goes, in seconds:")
    for name, span in list(steps.items())[:10]:
        print(f"  {span:7.2f}  {name}")
    print(
        f"  {seconds - sum(steps.values()):7.2f}  outside the steps: imports, start, reading ahead"
    )


def _seconds(runs: Sequence[Run]) -> list[float]:
    return [round(run.seconds, 2) for run in runs]


def _said(times: int, what: str) -> range:
    _say(f"{what}, {times} times")
    return range(times)


def _say(step: str) -> None:
    print(f"... {step}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
