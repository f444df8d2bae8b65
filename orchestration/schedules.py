"""The nightly job at the group's own hour, for the practices that have sent something.

The orchestrator knows the assets, the hour and the time zone of the moment it was loaded. What a
tick decides by is read at the tick, so that a contract mended since then counts; what needs the
orchestrator loaded again, the tick says.
"""

from collections.abc import Collection, Sequence

import dagster as dg

from expectations.model import FeedName, Group
from expectations.registry import Registry, load_registry
from orchestration.assets.raw import keys_to_run, practice_key
from orchestration.ingest.ledger import Sorted
from orchestration.instance import end_dead_runs
from orchestration.nightly_plan import plan
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse, WarehouseBusy

JOB = "nightly"
RELOAD_TAG = "alliance/reload"
_TAG_LENGTH = 250
_RELOAD = "reload the orchestrator (Deployment, Code locations, Reload; or start it again)"


def nightly_schedule(
    settings: Settings, registry: Registry, keys: Sequence[dg.AssetKey]
) -> dg.ScheduleDefinition:
    """04:00 (or the group's own hour) in the group's time zone: one run per local date.

    Cron in a time zone follows daylight saving; an hour that the clock skips or repeats still
    gives one tick, and the run key makes one local date one run.

    `registry` and `keys` are what the orchestrator was loaded with.
    """
    hour, minute = (int(part) for part in registry.group.nightly_at.split(":"))

    @dg.schedule(
        name="nightly",
        job_name=JOB,
        cron_schedule=f"{minute} {hour} * * *",
        execution_timezone=registry.group.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        end_dead_runs(settings, context.instance)
        declared = load_registry([settings.home])
        try:
            with Warehouse(settings).writer(patience_seconds=0):
                todo = plan(settings, declared)
        except WarehouseBusy:
            return dg.SkipReason("another run is writing; its files are taken by it or tomorrow")
        for line in todo.removed:
            context.log.info(line)
        missing = _without_asset(keys, todo.raw)
        reasons = [*missing, *_hour_moved(registry.group, declared.group)]
        if reasons:
            context.log.warning(f"{_RELOAD}: {'; '.join(reasons)}")
        if not todo.is_behind and len(missing) == len(todo.raw):
            if missing:
                return dg.SkipReason(f"{_RELOAD}: {'; '.join(missing)}")
            return dg.SkipReason("nothing new in landing" + _waiting(todo.landing))
        day = context.scheduled_execution_time.date().isoformat()
        return dg.RunRequest(
            run_key=day,
            asset_selection=keys_to_run(keys, todo.raw),
            tags={RELOAD_TAG: "; ".join(reasons)[:_TAG_LENGTH]} if reasons else None,
        )

    return nightly


def _without_asset(keys: Collection[dg.AssetKey], new: Sequence[tuple[str, FeedName]]) -> list[str]:
    """Practices and feeds with new files for which the orchestrator has no asset yet."""
    return [
        f"{practice_id}/{feed} has new files and no asset yet"
        for practice_id, feed in new
        if practice_key(practice_id, feed) not in keys
    ]


def _waiting(landing: Sorted) -> str:
    """A night without a run has no page, so files that need a person are said in its reason."""
    causes = sorted({f"{a.practice_id}/{a.feed} {e.reason}" for a, e in landing.waiting})
    return f"; refused earlier and waiting for a person: {', '.join(causes)}" if causes else ""


def _hour_moved(loaded: Group, declared: Group) -> list[str]:
    if (loaded.nightly_at, loaded.time_zone) == (declared.nightly_at, declared.time_zone):
        return []
    return [f"the night is declared for {declared.nightly_at} {declared.time_zone} now"]
