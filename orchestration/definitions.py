"""Wiring only: assets built from the registry, the nightly job, its schedule."""

from collections.abc import Callable

import dagster as dg

from expectations.registry import Registry, load_registry
from orchestration.assets.backup import backup_asset
from orchestration.assets.benchmarks import benchmark_assets
from orchestration.assets.case_mix import case_mix_assets
from orchestration.assets.dbt import dbt_models
from orchestration.assets.measures import measures_assets
from orchestration.assets.psychometrics import psychometrics_assets
from orchestration.assets.raw import feeds_with_assets, keys_to_run, raw_assets
from orchestration.assets.reference import reference_assets
from orchestration.assets.release import release_assets
from orchestration.assets.trends import trends_assets
from orchestration.event_log import connections_kept
from orchestration.instance import end_dead_runs, open_instance
from orchestration.night import Night
from orchestration.nightly_plan import NightFailed, Plan
from orchestration.resources import night_resource
from orchestration.schedules import JOB, nightly_schedule
from orchestration.settings import Settings, from_environment

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The event log keeps everything; a person at the command line gets the report."""


def build(settings: Settings, registry: Registry, night: Night | None = None) -> dg.Definitions:
    """Everything Dagster knows of one home. `night` may be one that has begun."""
    with_measures = registry.group.with_measures
    assets = [
        *raw_assets(registry),
        reference_assets(),
        dbt_models(
            settings,
            with_measures=with_measures,
            with_ratings="process_ratings" in feeds_with_assets(registry),
        ),
        *benchmark_assets(),
        *trends_assets(),
        *(
            [*psychometrics_assets(), *measures_assets(), *case_mix_assets()]
            if with_measures
            else []
        ),
        *release_assets(with_measures=with_measures),
        *([backup_asset()] if registry.group.backup is not None else []),
    ]
    keys = [key for asset in assets for key in asset.keys]
    return dg.Definitions(
        assets=assets,
        jobs=[
            dg.define_asset_job(
                JOB,
                selection=dg.AssetSelection.assets(*assets),
                executor_def=dg.in_process_executor,
            )
        ],
        schedules=[nightly_schedule(settings, registry, keys)],
        resources={"night": night_resource(settings, registry, night)},
        executor=dg.in_process_executor,
    )


def execute_nightly(night: Night, todo: Plan, progress: Callable[[str], None]) -> list[str]:
    """Run the nightly job here, for what is new; ids of the dead runs that were ended first."""
    definitions = build(night.settings, night.registry, night)
    with open_instance(night.settings) as instance, connections_kept(instance):
        # Within its own instance: Dagster asks whichever one was opened last in this process.
        job = definitions.resolve_job_def(JOB)
        dead = end_dead_runs(night.settings, instance)
        progress("running the nightly job")
        keys = keys_to_run(list(job.asset_layer.executable_asset_keys), todo.raw)
        done = job.execute_in_process(
            instance=instance, asset_selection=keys, raise_on_error=False, run_config=_QUIET
        )
    if not done.success:
        raise NightFailed(done.run_id, _why(done))
    return dead


def _why(done: dg.ExecuteInProcessResult) -> str:
    """The failed steps with the message of our own error; of a library's error only its kind is
    said: its text may quote a row."""
    reasons = []
    for event in done.filter_events(lambda event: event.is_step_failure):
        error = event.step_failure_data.error
        cause = (error.cause or error) if error is not None else None
        said = "failed"
        if cause is not None:
            is_ours = cause.cls_name in _said_by_us()
            said = cause.message.strip() if is_ours else f"failed ({cause.cls_name})"
        reasons.append(f"{event.step_key}: {said}")
    return "; ".join(reasons) or "the run failed before its first step"


def _said_by_us() -> set[str]:
    """Names of the errors whose text is ours, of every kind of each."""
    from orchestration.dbt_runner import DbtBuildFailed
    from orchestration.release.publish import ReleaseRefused
    from orchestration.warehouse import WarehouseBusy, WarehouseUnusable

    said: set[str] = set()
    found: list[type[Exception]] = [
        DbtBuildFailed,
        ReleaseRefused,
        WarehouseBusy,
        WarehouseUnusable,
    ]
    while found:
        one = found.pop()
        said.add(one.__name__)
        found += one.__subclasses__()
    return said


@dg.definitions
def defs() -> dg.Definitions:
    """What the webserver and the daemon load: the home named by the environment."""
    settings = from_environment()
    return build(settings, load_registry([settings.home]))
