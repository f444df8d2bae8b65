"""Where a night does something that lasts, by the names of the functions that do it.

A point is reached by wrapping that function in a child process that is about to run a night: the
product knows nothing of it. A name that no longer exists fails the campaign.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pydoc import locate
from typing import Any, Literal


@dataclass(frozen=True)
class CommitPoint:
    """Just before or just after the `nth` call of a function, named where it is called."""

    owner: str
    function: str
    when: Literal["before", "after"]
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.when} call {self.nth} of {self.owner}.{self.function}"


def _points(
    owner: str, function: str, *when: Literal["before", "after"], nth: tuple[int, ...] = (1,)
) -> list[CommitPoint]:
    return [CommitPoint(owner, function, each, n) for n in nth for each in when]


_DBT = "dbt.adapters.duckdb.environments.local.DuckDBCursorWrapper"
_EVENTS = "dagster._core.storage.event_log.sqlite.sqlite_event_log.SqliteEventLogStorage"
_RUNS = "dagster._core.storage.runs.sql_run_storage.SqlRunStorage"

COMMIT_POINTS: tuple[CommitPoint, ...] = (
    # Before the job: tables, scratch, what an earlier run left in landing.
    *_points("orchestration.night.Night", "tidy", "before", "after"),
    *_points("orchestration.night.Night", "begin", "after"),
    *_points("orchestration.night.Night", "write_reference", "after"),
    *_points("orchestration.night.Night", "read_ahead", "after"),
    # Dagster's own records.
    *_points("orchestration.definitions", "open_instance", "before"),
    *_points("orchestration.definitions", "end_dead_runs", "after"),
    *_points("orchestration.resources", "alive", "before"),
    *_points(_RUNS, "add_run", "before", "after"),
    *_points(_RUNS, "handle_run_event", "after", nth=(1, 2)),
    *_points(_EVENTS, "store_event", "after", nth=(1, 12, 40)),
    # A delivery: the encrypted copy, the one transaction, scratch, the file in landing.
    *_points("orchestration.archive.Archive", "store", "before", "after", nth=(1, 2)),
    *_points("orchestration.archive", "fsync_directory", "before"),
    *_points("orchestration.ingest.load", "_insert_quarantine", "after"),
    *_points("orchestration.ingest.load", "insert_attempt", "after", nth=(1, 2)),
    *_points("orchestration.ingest.load", "load", "after", nth=(1, 2, 3)),
    *_points("orchestration.ingest.read_ahead.ReadAhead", "loaded", "after"),
    *_points("orchestration.night.Night", "clear_landing", "before", "after", nth=(3,)),
    *_points("orchestration.night.Night", "close", "before", "after"),
    # dbt: in the middle of its statements, and between its end and our note of it.
    *_points("orchestration.dbt_runner", "build", "before", "after"),
    *_points(_DBT, "execute", "after", nth=(2, 20, 60, 120)),
    *_points("orchestration.assets.dbt", "build_models", "after"),
    # Benchmarks and the release.
    *_points("orchestration.assets.benchmarks", "write_benchmarks", "before", "after"),
    *_points("orchestration.assets.trends", "write_trends", "after"),
    *_points("orchestration.release.publish", "_fill", "after"),
    *_points("orchestration.release.publish", "_approve_candidates", "after"),
    *_points("orchestration.release.publish", "fsync_directory", "before"),
    *_points("orchestration.release.publish", "move_pointer", "before", "after"),
    *_points("orchestration.durable", "fsync_directory", "before"),
    *_points("orchestration.assets.release", "write_release", "after"),
    *_points("orchestration.assets.release", "publish", "after"),
)

MEASURE_POINTS: tuple[CommitPoint, ...] = (
    # Among the statements of the measures, which come after all the others.
    *_points(_DBT, "execute", "after", nth=(400, 600)),
    # Psychometrics: before and after the pass over the answers, between their tables and the
    # alarm's verdicts, which are one transaction, and after it.
    *_points("orchestration.assets.psychometrics", "write_psychometrics", "before", "after"),
    *_points("orchestration.item_slices", "summed_answers", "after"),
    *_points("orchestration.key_alarm", "write_key_verdicts", "before", "after"),
    *_points("orchestration.assets.case_mix", "write_case_mix", "after"),
    # Which rows stand: the ledger has tonight's, and no release is there yet.
    *_points("orchestration.release.publish", "let_stand", "after"),
)
"""What a night comes by only where it builds the measures."""


def arm(point: CommitPoint, die: Callable[[], None]) -> None:
    """Call `die` when the point is reached in this process."""
    owner: Any = locate(point.owner)
    stock = getattr(owner, point.function)
    n_calls = 0

    @wraps(stock)
    def counted(*args: Any, **options: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        is_it = n_calls == point.nth
        if is_it and point.when == "before":
            die()
        result = stock(*args, **options)
        if is_it and point.when == "after":
            die()
        return result

    setattr(owner, point.function, counted)
