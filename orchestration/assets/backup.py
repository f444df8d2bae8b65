"""The night's backup as an asset: a failed one is a failed check, and the release stands."""

import dagster as dg

from orchestration.assets.release import KEY as RELEASE
from orchestration.instance import POOL
from orchestration.night import Night
from orchestration.nightly_backup import back_up_night

KEY = dg.AssetKey(["release", "backup"])
CHECK = "is_made"


def backup_asset() -> dg.AssetsDefinition:
    """Made only for a group that declares a backup."""

    @dg.asset(
        key=KEY,
        deps=[RELEASE],
        group_name="release",
        pool=POOL,
        check_specs=[dg.AssetCheckSpec(CHECK, asset=KEY)],
        description="A copy of the home without its keys, in the folder the group declares.",
    )
    def backup(night: dg.ResourceParam[Night]) -> dg.MaterializeResult:  # type: ignore[type-arg]
        night.close()
        night.backup_problem = back_up_night(
            night.settings, night.registry.group, progress=night.progress
        )
        check = dg.AssetCheckResult(
            check_name=CHECK,
            passed=night.backup_problem is None,
            description=night.backup_problem,
        )
        return dg.MaterializeResult(check_results=[check])

    return backup
