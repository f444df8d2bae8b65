"""The run history that a fast night writes is the one that Dagster's own programs read."""

from pathlib import Path

import dagster as dg

from orchestration.event_log import connections_kept
from orchestration.instance import open_instance
from orchestration.settings import Settings


@dg.asset(check_specs=[dg.AssetCheckSpec("whole", asset="measured")])
def measured() -> dg.MaterializeResult:  # type: ignore[type-arg]
    check = dg.AssetCheckResult(check_name="whole", passed=True)
    return dg.MaterializeResult(metadata={"n": 3}, check_results=[check])


def _history(settings: Settings, run_id: str) -> list[str]:
    with open_instance(settings) as instance:
        assert instance.get_latest_materialization_event(dg.AssetKey("measured")) is not None
        records = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("measured"), "whole"), limit=5
        )
        assert records[0].run_id == run_id
        return [
            entry.dagster_event_type.name
            for entry in instance.all_logs(run_id)
            if entry.dagster_event_type
        ]


def test_kept_connections_write_what_stock_ones_write(tmp_path: Path) -> None:
    definitions = dg.Definitions(
        assets=[measured], jobs=[dg.define_asset_job("one", executor_def=dg.in_process_executor)]
    )
    histories = []
    for name, is_kept in (("stock", False), ("kept", True)):
        settings = Settings(tmp_path / name)
        with open_instance(settings) as instance:
            job = definitions.resolve_job_def("one")
            if is_kept:
                with connections_kept(instance):
                    done = job.execute_in_process(instance=instance)
            else:
                done = job.execute_in_process(instance=instance)
        assert done.success
        histories.append(_history(settings, done.run_id))
    assert histories[0] == histories[1]
    assert "ASSET_CHECK_EVALUATION" in histories[0]
