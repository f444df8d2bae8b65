"""The only reader of the environment: where the home is, and what limits hold on this machine."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

TELEMETRY_OFF = {
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
}


KEY_VARIABLE = "ALLIANCE_KEY_"
"""A practice's key may come in a variable of this name and its practice_id in capitals."""


def key_variable(practice_id: str) -> str:
    """The variable a practice's key may come in."""
    return KEY_VARIABLE + practice_id.upper()


def key_in_environment(practice_id: str) -> str | None:
    """What that variable holds; None when it is not set. An empty one is a key that is cut."""
    return os.environ.get(key_variable(practice_id))


def forget_keys() -> None:
    """Take every key out of this process's environment: a server of pages needs none."""
    for name in [name for name in os.environ if name.startswith(KEY_VARIABLE)]:
        del os.environ[name]


@dataclass(frozen=True)
class Limits:
    """Bounds of the reading worker and of the engines. Bytes, seconds, rows."""

    file_bytes: int = 8 * 2**30
    worker_memory_bytes: int = 6 * 2**30
    worker_seconds: float = 1800.0
    worker_duckdb_memory: str = "600MB"
    warehouse_duckdb_memory: str = "950MB"
    slice_rows: int = 400_000
    attempts: int = 3
    lock_wait_seconds: float = 3600.0


@dataclass(frozen=True)
class Settings:
    """Paths under one home. Nothing here touches a file."""

    home: Path
    limits: Limits = field(default_factory=Limits)

    @property
    def group_file(self) -> Path:
        """The group's own declaration; it replaces the shipped one."""
        return self.home / "group.yml"

    @property
    def landing(self) -> Path:
        """Exports as sent, one folder a practice."""
        return self.home / "landing"

    @property
    def archive(self) -> Path:
        """Received files, encrypted, by practice and content hash."""
        return self.home / "archive"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file only the nightly run opens."""
        return self.home / "warehouse.duckdb"

    @property
    def writer_lock(self) -> Path:
        """The file whose lock makes one run the writer."""
        return self.home / "warehouse.lock"

    @property
    def releases(self) -> Path:
        """Released files and the pointer to the current one."""
        return self.home / "releases"

    @property
    def keys(self) -> Path:
        """One key a practice, mode 0600."""
        return self.home / "keys"

    @property
    def dagster_home(self) -> Path:
        """Dagster's instance: runs, events, schedules."""
        return self.home / "dagster"

    @property
    def dbt_target(self) -> Path:
        """dbt's manifest, compiled SQL and logs."""
        return self.home / "dbt"

    @property
    def scratch(self) -> Path:
        """Checked rows on their way in, and what the engines spill, for the owner's eyes only.

        What spills while a file is read holds sender ids in the clear (the engine's own encryption
        of it needs an extension that this installation does not have), as the file itself does in
        landing. It is emptied when the reading ends and before every run.
        """
        return self.home / "scratch"

    @cached_property
    def code_version(self) -> str:
        """Version of the installed distribution, written beside every verdict and release."""
        return version("alliance-warehouse")


def from_environment(home: Path | None = None) -> Settings:
    """Settings for `home`, else `$ALLIANCE_HOME`, else `./warehouse`; telemetry is switched off.

    Setting the switches here, in the environment, reaches child processes and libraries that read
    them on import.
    """
    os.environ.update(TELEMETRY_OFF)
    chosen = home or Path(os.environ.get("ALLIANCE_HOME") or "warehouse")
    chosen = chosen.expanduser().resolve()
    os.environ["ALLIANCE_HOME"] = str(chosen)
    os.environ["DAGSTER_HOME"] = str(chosen / "dagster")
    return Settings(home=chosen)
