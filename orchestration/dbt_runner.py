"""dbt in this process: parse when the project changed, build, and say what was built.

Its command would start a Python of its own for every night; called here it shares imports with the
run. Target and spill go to the home, never into the project's folder.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from expectations.yaml_source import read_yaml

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

PROJECT = Path(__file__).resolve().parent.parent / "dbt_project"
CATALOG = "warehouse"
"""DuckDB names a catalog after its file, and dbt writes that name into every statement."""

MEASURES = "tag:measures"
"""Selects the models of measures, which a group asks for (`with_measures`)."""
RATINGS = "tag:process_ratings"
"""Selects the models of a feed few practices send, its metric among them."""

_LEFT_OUT = "left_out_tonight"

_MANIFEST = "manifest.json"
_PARSED = "partial_parse.msgpack"
_NOTED = "project.sha256"
_READ_FOLDERS = ("macros", "models", "tests")
_READ_FILES = ("dbt_project.yml", "profiles.yml")

_QUIET = (
    "--quiet",
    "--log-level",
    "none",
    "--log-level-file",
    "none",
    "--no-print",
    "--no-use-colors",
    "--no-send-anonymous-usage-stats",
    "--no-version-check",
)
"""dbt logs every statement and error, and DuckDB's errors may quote a cell: it writes no log."""

_SPEAKS_OF_NAMES = re.compile(
    r"(Binder|Catalog|Parser|Compilation|Database|Dependency|IO|Out of Memory|Permission|Syntax) "
    r"Error|NOT NULL constraint failed|Got \d+ results?"
)
"""Errors whose text holds names, paths and counts. Any other may quote what is in a row."""


@dataclass(frozen=True)
class ModelResult:
    """One node of a build: a model, or a data test with the rows it found (`n_failures`)."""

    name: str
    unique_id: str
    kind: Literal["model", "test"]
    status: str
    seconds: float
    n_failures: int | None = None


class DbtBuildFailed(Exception):
    """A parse or build that failed: its nodes, and what dbt says of them unless it quotes rows."""

    def __init__(self, what: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"dbt {what} failed: " + "; ".join(problems))


@cache
def models_digest() -> str:
    """sha256 over every file of the dbt project that dbt reads, and over dbt's version."""
    digest = hashlib.sha256(version("dbt-core").encode() + version("dbt-duckdb").encode())
    folders = (path for name in _READ_FOLDERS for path in (PROJECT / name).rglob("*.*"))
    for path in sorted([*folders, *(PROJECT / name for name in _READ_FILES)]):
        if path.suffix in (".sql", ".yml"):
            digest.update(path.relative_to(PROJECT).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def variables() -> dict[str, Any]:
    """The project's variables: what Python does by the models' own settings, it does by these."""
    return dict(read_yaml(PROJECT / "dbt_project.yml").content["vars"])


def ensure_manifest(target_dir: Path) -> Path:
    """The project's manifest in `target_dir`, parsed again only when the project changed.

    Raises DbtBuildFailed when the project cannot be parsed.
    """
    noted = target_dir / _NOTED
    if noted.exists() and noted.read_text(encoding="utf-8") == models_digest():
        return target_dir / _MANIFEST
    target_dir.mkdir(parents=True, exist_ok=True)
    # Parsed aside and moved: the orchestrator's processes look here at any moment.
    with tempfile.TemporaryDirectory(dir=target_dir, prefix="parse-") as aside:
        run(("parse", "--no-partial-parse"), Path(aside), Path(aside) / f"{CATALOG}.duckdb")
        for name in (_MANIFEST, _PARSED):
            (Path(aside) / name).replace(target_dir / name)
    noted.write_text(models_digest(), encoding="utf-8")
    return target_dir / _MANIFEST


def build(
    warehouse_path: Path,
    target_dir: Path,
    full_refresh: bool,
    select: Sequence[str] | None = None,
    memory_limit: str = "600MB",
    *,
    is_tested: bool = True,
    with_measures: bool = True,
    standing: Collection[str] = (),
    with_ratings: bool = True,
    is_compacting: bool = True,
) -> list[ModelResult]:
    """Build the models and run their data tests; unit tests belong to `make test`.

    `warehouse_path` must be called warehouse.duckdb and be open nowhere else. `memory_limit` bounds
    DuckDB; what needs more goes to a folder in `target_dir`. A build that was killed is repeated
    by the next: every model is one transaction, and the watermark moves when the caller says so.

    With `with_measures` false the models of measures, and tests of them, are left out, with
    `with_ratings` false those of process ratings. With `is_tested` false data tests are left out,
    as where `select` leaves out models they read.

    `standing` names views (schema.name) that an earlier build of the same project made. Where they
    are those this build would make they stay: a view's text changes with the project and with what
    is left out alone, and dbt needs longer for a view than DuckDB for an ordinary night's table.

    `is_compacting`: rows deleted by this build and by earlier ones leave the file.

    Raises DbtBuildFailed when a model fails, or a data test of severity error finds rows.
    """
    if warehouse_path.stem != CATALOG:
        raise ValueError(f"dbt's statements name the catalog {CATALOG}, so must the file")
    arguments = ["build", "--exclude-resource-type", "unit_test", "--no-write-json"]
    if not is_tested:
        arguments += ["--exclude-resource-type", "test"]
    if full_refresh:
        arguments.append("--full-refresh")
    if select:
        arguments += ["--select", *select]
    manifest = load_manifest(target_dir)
    selectors = left_out_models(with_measures=with_measures, with_ratings=with_ratings)
    if _mark_left_out(manifest, selectors, standing):
        # Else dbt would leave out, with a view, the tests that read it.
        arguments += ["--indirect-selection", "empty", "--exclude", f"tag:{_LEFT_OUT}"]
    vacuum_tasks = None if is_compacting else 0
    done = run(arguments, target_dir, warehouse_path, manifest, memory_limit, vacuum_tasks)
    shutil.rmtree(target_dir / "spill", ignore_errors=True)
    built = ("model", "test")  # dbt also reports exposures, as having done nothing
    return [_model_result(result) for result in done.results if result.node.resource_type in built]


def left_out_models(*, with_measures: bool, with_ratings: bool) -> list[str]:
    """What a build leaves out, as dbt selects it."""
    wanted = {MEASURES: with_measures, RATINGS: with_ratings}
    return [selector for selector, is_built in wanted.items() if not is_built]


def _mark_left_out(
    manifest: "Manifest", selectors: Collection[str], standing: Collection[str]
) -> bool:
    """Tag the models and data tests that a build does without: those that `selectors` (tags) name,
    and the views if they stand, see `build`. False where there are none.

    One tag, because dbt goes through all nodes for each name it is told.
    """
    nodes: Mapping[str, Any] = manifest.nodes
    tags = {selector.removeprefix("tag:") for selector in selectors}
    unwanted = {name for name, node in nodes.items() if tags & set(node.tags)}
    unwanted |= {
        name
        for name, node in nodes.items()
        if node.resource_type == "test" and unwanted & set(node.depends_on.nodes)
    }
    views = {
        name: f"{node.schema}.{node.name}"
        for name, node in nodes.items()
        if node.resource_type == "model" and node.config.materialized == "view"
    }
    # A union of families is made of those that are built: it must not outlive one.
    if set(standing) & set(views.values()) == {views[name] for name in views.keys() - unwanted}:
        unwanted |= views.keys()
    for name in unwanted:
        nodes[name].tags.append(_LEFT_OUT)
    return bool(unwanted)


def load_manifest(target_dir: Path) -> "Manifest":
    """The parsed project as dbt's own object.

    Handed to dbt it saves the comparison of every file and variable, which takes it longer than an
    ordinary night's models.
    """
    ensure_manifest(target_dir)
    from dbt.contracts.graph.manifest import Manifest

    return Manifest.from_msgpack((target_dir / _PARSED).read_bytes())


def run(
    arguments: Sequence[str],
    target_dir: Path,
    warehouse_path: Path,
    manifest: "Manifest | None" = None,
    memory_limit: str = "600MB",
    vacuum_tasks: int | None = None,
) -> Any:
    """One dbt command; what it gives back, by command. Raises DbtBuildFailed."""
    from dbt.cli.main import dbtRunner

    target_dir.mkdir(parents=True, exist_ok=True)
    folders = {
        "--project-dir": PROJECT,
        "--profiles-dir": PROJECT,
        "--target-path": target_dir,
        "--log-path": target_dir,
    }
    command = [*_QUIET, *arguments]
    for option, folder in folders.items():
        command += [option, str(folder)]
    wanted = {
        "ALLIANCE_WAREHOUSE": str(warehouse_path),
        "ALLIANCE_DUCKDB_MEMORY": memory_limit,
        "ALLIANCE_DUCKDB_SPILL": str(target_dir / "spill"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    if vacuum_tasks is not None:
        wanted["ALLIANCE_DUCKDB_VACUUM_TASKS"] = str(vacuum_tasks)
    with _environment(wanted), _closed_afterwards():
        done = dbtRunner(manifest=manifest).invoke(command)
    if not done.success:
        raise DbtBuildFailed(arguments[0], _problems(arguments[0], done)) from None
    return done.result


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    """What dbt_project/profiles.yml reads, for the length of one command."""
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


@contextmanager
def _closed_afterwards() -> Iterator[None]:
    """Let go of the warehouse file: DuckDB lets nobody in with other settings while it is open."""
    try:
        yield
    finally:
        factory: Any = import_module("dbt.adapters.factory")
        manager: Any = import_module("dbt.adapters.duckdb.connections").DuckDBConnectionManager
        factory.reset_adapters()
        if manager._ENV is not None:
            manager._ENV.close()
        manager.close_all_connections()


def _model_result(result: Any) -> ModelResult:
    return ModelResult(
        name=result.node.name,
        unique_id=result.node.unique_id,
        kind=result.node.resource_type.value,
        status=str(result.status),
        seconds=round(float(result.execution_time), 3),
        n_failures=result.failures,
    )


def _problems(command: str, done: Any) -> list[str]:
    if done.exception is not None:
        said = f"{type(done.exception).__name__}: {done.exception}"
        return [said if command == "parse" else _without_rows(said)]
    bad = [r for r in done.result.results if str(r.status) in ("error", "fail", "runtime error")]
    return [f"{r.node.name}: {_without_rows(r.message or str(r.status))}" for r in bad]


def _without_rows(message: str) -> str:
    """dbt's message on one line, or only its kind when it may quote a row."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    said = " ".join(line for line in lines if not line.startswith(("compiled code at", ">")))
    if _SPEAKS_OF_NAMES.search(said):
        return said
    kinds = re.findall(r"\b(?:[A-Z]\w+ )+Error\b", said)
    return f"{kinds[-1] if kinds else 'error'} (its text is withheld: it may quote a row)"
