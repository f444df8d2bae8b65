"""The sample practices' nights through the real job: homes, what is sent, what is stored."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb

from expectations.registry import SHIPPED, load_registry
from orchestration.cli.home import FOLDERS
from orchestration.ingest import verdict_chain
from orchestration.ingest.pseudonyms import create_key, key_path
from orchestration.nightly import NightReport, run_nightly
from orchestration.settings import Settings, from_environment
from orchestration.simulation import SimulationSettings, simulate
from tests.integration.small_group import HereWorker
from tests.recorded_builds import BUILDS

# Without spoilt forms: in a small file two of them are more than a practice tolerates.
FIRST = SimulationSettings(n_clients=600, dirt=0, window=(date(2024, 10, 1), date(2026, 6, 30)))
SECOND = replace(FIRST, window=(date(2026, 7, 1), date(2026, 9, 30)))
FEW = ("cabinet_erable", "harbor_counseling", "riverside_collective", "two_oaks")
"""Wide in two ways, one row an answer, and a whole history each night: enough where it is not the
shapes that are tested, in a third of the time of all twelve."""
# A week over the half year: whichever practice is spoilt, the others' data close the same months.
FEW_FIRST = replace(FIRST, n_clients=160, window=(date(2024, 10, 1), date(2026, 7, 7)))
FEW_SECOND = replace(FEW_FIRST, window=(date(2026, 7, 8), date(2026, 9, 30)))
ABOUT_LOADING = (
    *("deliveries", "deliveries_ordered", "stg_deliveries", "touched_clients", "key_versions"),
    *("snapshot_changes", "snapshot_rows_standing", "stg_snapshot_rows"),
)
"""Tables of when and under which key, not of what."""
VOLATILE = {"load_seq", "delivery_id", "administration_row", "received_at", "row_no", "n_attempts"}
PIPELINE = ("raw", "staging", "intermediate", "marts")

Rows = dict[str, list[tuple[Any, ...]]]


def home(path: Path, parsed: Path, *, with_measures: bool = False) -> Settings:
    """A home with the sample practices and keys that are the same in every test."""
    settings = Settings(path)
    for folder in FOLDERS:
        (path / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    for number, practice_id in enumerate(load_registry().practices):
        (settings.landing / practice_id).mkdir(exist_ok=True)
        create_key(settings.keys, practice_id)
        key_path(settings.keys, practice_id).write_text(f"{number:02x}" * 32)
    if with_measures:
        shipped = (SHIPPED / "group.yml").read_text(encoding="utf-8")
        settings.group_file.write_text(f"{shipped}with_measures: true\n", encoding="utf-8")
    shutil.copytree(parsed, settings.dbt_target)
    return settings


@contextmanager
def environment(settings: Settings) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ("ALLIANCE_HOME", "DAGSTER_HOME")}
    from_environment(settings.home)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def send(settings: Settings, world: SimulationSettings) -> None:
    """Exports of every sample practice into landing."""
    simulate(load_registry([settings.home]), settings.landing, world)


def send_few(settings: Settings, world: SimulationSettings, practices: Sequence[str] = FEW) -> None:
    """Exports of a few practices alone; the clients of the world are theirs."""
    registry = load_registry([settings.home])
    kept = {name: registry.practices[name] for name in practices}
    simulate(replace(registry, practices=kept), settings.landing, world)


def night(settings: Settings, *, by_worker: bool = False) -> NightReport:
    """The nightly load, the real job to the release. Files are read in this process, which has
    Great Expectations imported already, and dbt says once what it sends in each kind of build; or
    `by_worker`, files are read in a process of their own and dbt builds, as in a real night."""
    registry = load_registry([settings.home])
    if by_worker:
        with environment(settings):
            return run_nightly(settings, registry)
    worker = partial(HereWorker, registry=registry)
    with (
        environment(settings),
        patch("orchestration.night.ReadingWorker", worker),
        BUILDS.in_place(),
    ):
        return run_nightly(settings, registry)


def rows(settings: Settings, without: Sequence[str] = (), apart_from: Sequence[str] = ()) -> Rows:
    """Rows by table, of every practice but some, without columns that depend on the order of
    loading and those one is `apart_from`."""
    found: Rows = {}
    left_out = {*VOLATILE, *apart_from}
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        tables = con.execute(
            "select table_schema, table_name, list(column_name order by ordinal_position) "
            "from information_schema.columns where table_schema in ? group by all",
            [list(PIPELINE)],
        ).fetchall()
        for schema, table, columns in tables:
            if "practice_id" not in columns or table in ABOUT_LOADING:
                continue
            chosen = ", ".join(f'"{name}"' for name in columns if name not in left_out)
            found[f"{schema}.{table}"] = con.execute(
                f'select {chosen} from {schema}."{table}" '
                "where practice_id is null or practice_id not in ? order by all",
                [list(without)],
            ).fetchall()
    return found


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(sql).fetchall()


def copy(settings: Settings, target: Path) -> Settings:
    shutil.copytree(settings.home, target)
    return Settings(target)


def assert_same_rows(one: Settings, other: Settings, apart_from: Sequence[str] = ()) -> None:
    left, right = (rows(settings, apart_from=apart_from) for settings in (one, other))
    assert left.keys() == right.keys()
    for table in left:
        assert left[table] == right[table], table


REFUSED, SPOILT = "harbor_counseling", "riverside_collective"


def spoil(landing: Path) -> None:
    """Every file of one practice in another way, so that it is refused, and forms of a second one,
    so that they are set aside."""
    folder = landing / REFUSED
    sessions, episodes, *forms = sorted(folder.iterdir(), key=lambda path: "form" in path.name)
    sessions.write_bytes(sessions.read_bytes()[:-40])
    episodes.write_bytes(b"\x00" + episodes.read_bytes())
    for path in forms:
        path.write_bytes(path.read_bytes().replace(b"client", b"klient", 1))
    (answers,) = (landing / SPOILT).glob("rc_answers_*.csv")
    _spoil_forms(answers)


def _spoil_forms(answers: Path) -> None:
    """Three forms: an answer out of range, an unknown questionnaire, and one sent a second time
    under another number."""
    header, *lines = answers.read_text().splitlines()
    columns = header.split(",")
    cells = [line.split(",") for line in lines]
    form, tool, answer = (columns.index(name) for name in ("form", "tool", "answer"))
    filled = (row[form] for row in cells if row[tool] == "SRS-3" and row[answer] != "NA")
    out_of_range, unknown, twice = list(dict.fromkeys(filled))[:3]
    again = [row.copy() for row in cells if row[form] == twice]
    for row in again:
        row[form] = "rc_0000000001"
    for row in cells:
        if row[form] == out_of_range:
            row[answer] = "96"
        elif row[form] == unknown:
            row[tool] = "SRS-9"
    text = "\n".join([header, *(",".join(row) for row in [*cells, *again])])
    answers.write_text(text + "\n")


def broken_links(warehouse: Path) -> list[int]:
    """Verdicts, by number, that no longer give their hash or do not carry the one before."""
    verdicts = query(warehouse, "select * from quality.check_results order by check_seq")
    before = [verdict_chain.FIRST_HASH, *(row[-1] for row in verdicts)]
    return [
        row[0]
        for row, previous in zip(verdicts, before, strict=False)
        if row[-2] != previous or row[-1] != verdict_chain.chained_hash(row[:-1])
    ]
