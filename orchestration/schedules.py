"""The nightly job at the group's own hour, for the practices that have sent something."""

from collections.abc import Sequence

import dagster as dg

from expectations.registry import Registry
from orchestration.assets.raw import keys_to_run
from orchestration.instance import end_dead_runs
from orchestration.nightly_plan import plan
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse, WarehouseBusy

JOB = "nightly"


def nightly_schedule(
    settings: Settings, registry: Registry, keys: Sequence[dg.AssetKey]
) -> dg.ScheduleDefinition:
    """04:00 (or the group's own hour) in the group's time zone: one run per local date.

    Cron in a time zone follows daylight saving; an hour that the clock skips or repeats still
    gives one tick, and the run key makes one local date one run.
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
        try:
            with Warehouse(settings).writer(patience_seconds=0):
                todo = plan(settings, registry)
        except WarehouseBusy:
            return dg.SkipReason("another run is writing; its files are taken by it or tomorrow")
        if not todo.has_work:
            return dg.SkipReason("nothing new in landing")
        day = context.scheduled_execution_time.date().isoformat()
        return dg.RunRequest(run_key=day, asset_selection=keys_to_run(keys, todo.raw))

    return nightly
