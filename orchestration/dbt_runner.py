"""dbt in this process: parse when the project changed, build, and say what was built.

Its command would start a Python of its own for every night; called here it shares imports with the
run. Target and logs go to the home, never into the project's folder.
"""

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent / "dbt_project"
MANIFEST = "manifest.json"
_DIGEST = "project.sha256"
_READ = (".sql", ".yml", ".yaml", ".csv", ".md")


@dataclass(frozen=True)
class ModelResult:
    """One model of a build."""

    name: str
    unique_id: str
    seconds: float


class DbtFailed(Exception):
    """A parse or build that failed; names the nodes, never rows."""


@cache
def models_digest() -> str:
    """sha256 over every file of the dbt project that dbt reads."""
    digest = hashlib.sha256()
    for path in sorted(PROJECT.rglob("*")):
        parts = path.relative_to(PROJECT).parts
        if path.suffix in _READ and parts[0] not in ("target", "logs"):
            digest.update("/".join(parts).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def ensure_manifest(target: Path) -> Path:
    """The project's manifest in `target`, parsed again only when the project changed."""
    manifest, noted = target / MANIFEST, target / _DIGEST
    current = noted.read_text() if noted.exists() else None
    if current != models_digest() or not manifest.exists():
        run(["parse"], target, warehouse=target / "none.duckdb")
        noted.write_text(models_digest())
    return manifest


def build(
    warehouse: Path, target: Path, full_refresh: bool, select: Sequence[str] = ()
) -> list[ModelResult]:
    """Run the models and their data tests; unit tests belong to `make test`.

    Raises DbtFailed, naming the nodes that failed.
    """
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    if full_refresh:
        arguments.append("--full-refresh")
    if select:
        arguments += ["--select", *select]
    results = run(arguments, target, warehouse)
    return [
        ModelResult(
            result.node.name, result.node.unique_id, round(float(result.execution_time), 3)
        )
        for result in results
        if result.node.resource_type == "model"
    ]


def run(arguments: Sequence[str], target: Path, warehouse: Path) -> Any:
    """One dbt command; its results. Raises DbtFailed."""
    from dbt.cli.main import dbtRunner

    target.mkdir(parents=True, exist_ok=True)
    with (
        _environment(warehouse, target),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.closing(_Connections()),
    ):
        done = dbtRunner().invoke(
            [
                *arguments,
                "--project-dir",
                str(PROJECT),
                "--profiles-dir",
                str(PROJECT),
                "--target-path",
                str(target),
                "--log-path",
                str(target / "logs"),
                "--quiet",
                "--no-use-colors",
            ]
        )
    if not done.success:
        raise DbtFailed(_why(arguments[0], done))
    return done.result


class _Connections:
    """What dbt leaves open in this process; DuckDB lets nobody else in until it is closed."""

    def close(self) -> None:
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        # Raises when nothing was ever opened, as after a mere parse.
        with contextlib.suppress(Exception):
            DuckDBConnectionManager.env().close()
        DuckDBConnectionManager.close_all_connections()


def _why(command: str, done: Any) -> str:
    bad = [
        result
        for result in getattr(done.result, "results", None) or []
        if str(result.status) not in ("success", "pass", "warn", "skipped")
    ]
    nodes = "; ".join(f"{result.node.name} ({result.status})" for result in bad)
    return f"dbt {command} failed: {nodes or type(done.exception).__name__}; see dbt's log"


@contextlib.contextmanager
def _environment(warehouse: Path, target: Path) -> Iterator[None]:
    """What dbt_project/profiles.yml reads, for the length of one command."""
    wanted = {
        "ALLIANCE_WAREHOUSE": str(warehouse),
        "ALLIANCE_DUCKDB_SPILL": str(target / "spill"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
