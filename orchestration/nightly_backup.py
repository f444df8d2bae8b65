"""The backup at the end of a night that had something new, where the group declares one.

It comes after the release and undoes nothing of it: a disk that is away is a person's to see to,
and no reason to serve yesterday's figures. A file in the home says that a backup is owed, so a
night that finds nothing new makes good what a failed or killed one left out.
"""

from collections.abc import Callable

import duckdb

from expectations.model import Group
from orchestration.backup import back_up
from orchestration.backup_folder import BackupRefused
from orchestration.durable import write_whole
from orchestration.settings import Settings
from orchestration.warehouse import WarehouseUnusable, trouble

OWED = "backup_owed"


def owe(settings: Settings, group: Group) -> None:
    """Note that this night's backup is still to be made."""
    if group.backup is not None:
        write_whole(settings.home / OWED, "")


def is_owed(settings: Settings, group: Group) -> bool:
    """Whether a declared backup of an earlier night was not made."""
    return group.backup is not None and (settings.home / OWED).exists()


def back_up_night(
    settings: Settings, group: Group, progress: Callable[[str], None] = lambda _: None
) -> str | None:
    """Make the group's backup; what a person has to see to if it failed, in one line.

    The caller holds the writer's lock, and no connection is open. Nothing is raised for what a
    backup can meet: a folder that is away, a full disk, a warehouse that is damaged.
    """
    if group.backup is None:
        return None
    # A path of the declaration is the home's: `../backups` lies beside it.
    folder = settings.home / group.backup.directory
    try:
        if not folder.parent.is_dir():
            raise BackupRefused(f"{folder.parent} is not there: is its disk mounted?")
        progress("backing up")
        back_up(settings, folder, kept=group.backup.keep, progress=progress)
    except (BackupRefused, WarehouseUnusable) as failure:
        return _said(str(failure))
    except (duckdb.Error, OSError) as error:
        # The engine's own words may quote a row; an error of the disk names a path and no more.
        return _said(str(trouble(error) or getattr(error, "strerror", None) or "it cannot be read"))
    (settings.home / OWED).unlink(missing_ok=True)
    return None


def _said(why: str) -> str:
    return (
        f"the backup of this night was not made: {why}; the release stands; mend that, and the "
        "next night makes it, or `alliance backup FOLDER` now"
    )
