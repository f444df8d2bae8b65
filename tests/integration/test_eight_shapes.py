"""One practice in eight shapes gives the same marts, but for what shapes_differ.yml names.

The same simulated practice is written in each shape by the contract of that shape, and all are
taken in as practices of one group: real gate, checks and loading, one build of the models. Sender
ids are the same in all, so that pseudonyms can be put back to them and rows compared one by one.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import yaml

from expectations.registry import Registry, load_registry
from orchestration.assets.dbt import build_models
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.pseudonyms import load_key
from orchestration.night import Night, selection
from orchestration.simulation import SimulationSettings, simulate
from orchestration.simulation.id_shapes import id_shape
from orchestration.sql import identifier, literal
from tests.integration import shape_contracts as contracts
from tests.integration import small_group as group
from tests.parsed_project import give
from tests.recorded_builds import BUILDS

CLEAN = SimulationSettings(
    n_clients=40, n_therapists=6, partial_share=0.05, preview_share=0.05, dirt=0
)
SPOILT = replace(CLEAN, dirt=0.02)
"""Some answers are out of range and some forms come twice and differ: they are set aside."""
REFERENCE, COMPLETE, TOTALS = "csv_long", "complete_forms", "totals"
DECLARED = yaml.safe_load(
    (Path(__file__).with_name("shapes_differ.yml")).read_text(encoding="utf-8")
)
SHAPES = [shape for shape in contracts.FILES if shape != REFERENCE]
SENDER = "eight_shapes"
"""The practice as it is simulated: its name draws the world, so it is the same for all shapes."""
N_IDS = 8_000
"""More than the practice has."""
LEFT_OUT = {"practice_id", "administration_row"}


@dataclass(frozen=True)
class Taken:
    """The group's warehouse, and what became of each shape's files."""

    warehouse: Path
    outcomes: dict[str, list[Outcome]]


def _write(registry: Registry, landing: Path, name: str) -> None:
    shape = REFERENCE if name == COMPLETE else name
    practice = contracts.practice(SENDER, shape)
    world = CLEAN if name in (TOTALS, COMPLETE) else SPOILT
    out = landing.parent / "written" / name
    simulate(replace(registry, practices={SENDER: practice}), out, world)
    shutil.rmtree(landing / name)
    shutil.move(out / SENDER, landing / name)
    if name == COMPLETE:
        (answers,) = (landing / name).glob("answers_*.csv")
        header, *rows = answers.read_text().splitlines(keepends=True)
        at = header.strip().split(",").index("status")
        kept = [row for row in rows if row.split(",")[at] != "partial"]
        assert len(kept) < len(rows)
        answers.write_text("".join([header, *kept]))


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> Taken:
    shipped = load_registry()
    names = [*contracts.FILES, COMPLETE]
    practices = {
        name: contracts.practice(name, REFERENCE if name == COMPLETE else name) for name in names
    }
    declared = Registry(shipped.group, practices, shipped.feeds, shipped.instruments, {})
    night: Night = group.night_in(tmp_path_factory.mktemp("eight") / "home", declared)
    for name in names:
        _write(declared, night.settings.landing, name)
    give(parsed, night.settings.dbt_target)
    night.prepare()
    chosen = selection(night.landing())
    night.read_ahead(chosen)
    outcomes: dict[str, list[Outcome]] = {name: [] for name in names}
    for practice_id, feed in chosen:
        outcomes[practice_id] += [outcome for _, outcome in night.take_in(practice_id, feed)]
    with BUILDS.in_place():
        build_models(night)
    with duckdb.connect(str(night.settings.warehouse)) as con:
        _put_ids_back(con, night, names)
    return Taken(night.settings.warehouse, outcomes)


def _put_ids_back(con: duckdb.DuckDBPyConnection, night: Night, names: Sequence[str]) -> None:
    """Views `compared.<table>` of the marts with sender ids in place of pseudonyms."""
    texts = id_shape(contracts.ID_PATTERN).texts(np.arange(N_IDS, dtype=np.int64)).to_pylist()
    con.execute("create table main.ids (practice_id varchar, key uuid, id varchar)")
    for name in names:
        key = load_key(night.settings.keys, name)
        keys = [str(key.pseudonym(text)) for text in texts]
        con.execute(
            "insert into main.ids select ?, unnest(?)::uuid, unnest(?)", [name, keys, texts]
        )
    con.execute("create schema compared")
    form = "concat_ws('|', client_key, session_key, instrument_code, informant, respondent)"
    # Forms first: scores name theirs by a number of the load.
    for table in sorted(_marts(con)):
        columns = _columns(con, table)
        keys = [column for column in columns if column.endswith("_key")]
        chosen = ", ".join(
            f"coalesce(k_{c}.id, t.{c}::varchar) as {c}" if c in keys else f"t.{identifier(c)}"
            for c in columns
        )
        joins = "".join(
            f" left join main.ids as k_{c}"
            f" on k_{c}.practice_id = t.practice_id and k_{c}.key = t.{c}"
            for c in keys
        )
        own = ", forms.form as form, forms.status as form_status" if table == "fct_scores" else ""
        if table == "fct_scores":
            joins += " left join main.forms as forms using (administration_row)"
        con.execute(
            f"create table compared.{table} as select {chosen}{own} from marts.{table} as t{joins}"
        )
        if table == "fct_administrations":
            con.execute(
                f"create table main.forms as select administration_row, status, {form} as form "
                "from compared.fct_administrations"
            )


def _marts(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Marts about practices; the others are the registry's."""
    return [
        name
        for (name,) in con.execute(
            "select table_name from information_schema.columns where table_schema = 'marts' "
            "and column_name = 'practice_id' order by 1"
        ).fetchall()
    ]


def _columns(con: duckdb.DuckDBPyConnection, table: str, schema: str = "marts") -> list[str]:
    found = con.execute(
        "select column_name from information_schema.columns where table_schema = ? "
        "and table_name = ? order by ordinal_position",
        [schema, table],
    ).fetchall()
    return [name for (name,) in found]


def _difference(
    con: duckdb.DuckDBPyConnection, table: str, shape: str, rules: Sequence[dict[str, Any]]
) -> int:
    """Rows that only one of a shape and what it is compared with has, the rules applied to both."""
    against = DECLARED["against"].get(shape, REFERENCE)
    mine = [rule for rule in rules if shape in rule["shapes"] and rule["table"] == table]
    blank: dict[str, str] = {}
    for rule in mine:
        for column in rule.get("columns", ()):
            where = rule.get("where", "true")
            blank[column] = f"case when not coalesce({where}, false) then {identifier(column)} end"
    kept = " and ".join(f"not coalesce({rule['rows']}, false)" for rule in mine if "rows" in rule)
    chosen = ", ".join(
        f"{blank.get(column, identifier(column))} as {identifier(column)}"
        for column in _columns(con, table, "compared")
        if column not in LEFT_OUT
    )
    sides = [
        f"(select {chosen} from compared.{table} where practice_id = {literal(name)} "
        f"and {kept or 'true'})"
        for name in (shape, against)
    ]
    ((n,),) = con.execute(
        f"select count(*) from (({sides[0]} except all {sides[1]}) union all "
        f"({sides[1]} except all {sides[0]}))"
    ).fetchall()
    return int(n)


@pytest.fixture
def con(taken: Taken) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(taken.warehouse), read_only=True) as opened:
        yield opened


def test_every_shape_is_taken_in_whole(taken: Taken) -> None:
    for shape, outcomes in taken.outcomes.items():
        assert outcomes, shape
        for outcome in outcomes:
            assert outcome.state == "loaded", (shape, outcome.reason, outcome.message)
        is_spoilt = shape not in (TOTALS, COMPLETE)
        assert (sum(outcome.n_quarantined for outcome in outcomes) > 0) == is_spoilt, shape


def test_what_is_compared_is_there(con: duckdb.DuckDBPyConnection) -> None:
    assert _marts(con) == [
        "dim_practices",
        "dim_sites",
        "fct_administrations",
        "fct_episodes",
        "fct_scores",
        "fct_sessions",
        "rpt_forms_counted",
        "rpt_response_rates",
        "rpt_scale_completeness",
        "rpt_site_statistics",
        "rpt_therapist_statistics",
    ]
    for table in _marts(con):
        counted = con.execute(
            f"select count(*) from compared.{table} where practice_id = ?", [REFERENCE]
        ).fetchall()
        ((n,),) = counted
        assert n > (200 if table.startswith("fct") and table != "fct_episodes" else 0), table
    ((untranslated,),) = con.execute(
        "select count(*) from compared.fct_sessions where length(client_key) > 9 "
        "or length(session_key) > 9 or length(therapist_key) > 9"
    ).fetchall()
    assert untranslated == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_marts_are_the_same_but_for_the_list(con: duckdb.DuckDBPyConnection, shape: str) -> None:
    differ = {
        table: _difference(con, table, shape, DECLARED["cannot_carry"]) for table in _marts(con)
    }
    assert {table: n for table, n in differ.items() if n} == {}


def _named() -> Iterator[Any]:
    for number, rule in enumerate(DECLARED["cannot_carry"]):
        what = "_".join(rule.get("columns", ["rows"]))
        for shape in rule["shapes"]:
            yield pytest.param(number, shape, id=f"{shape}-{rule['table']}-{what}")


@pytest.mark.parametrize(("number", "shape"), list(_named()))
def test_what_the_list_names_does_differ(
    con: duckdb.DuckDBPyConnection, number: int, shape: str
) -> None:
    rules = DECLARED["cannot_carry"]
    others = [rule for at, rule in enumerate(rules) if at != number]
    assert _difference(con, rules[number]["table"], shape, others) > 0


def test_the_list_names_shapes_tables_and_columns_that_exist(
    con: duckdb.DuckDBPyConnection,
) -> None:
    for rule in DECLARED["cannot_carry"]:
        assert set(rule["shapes"]) <= set(contracts.FILES)
        assert ("rows" in rule) != ("columns" in rule)
        assert rule["because"].strip()
        assert set(rule.get("columns", ())) <= set(_columns(con, rule["table"]))


def test_a_change_off_the_list_is_found(taken: Taken, tmp_path: Path) -> None:
    """The comparison is no formality: one score, one session or one word is enough."""
    copied = tmp_path / "changed.duckdb"
    shutil.copy(taken.warehouse, copied)
    one = "where rowid in (select min(rowid) from {} where practice_id = 'redcap' and {})"
    scores, sessions, episodes = (f"compared.fct_{t}" for t in ("scores", "sessions", "episodes"))
    changes: dict[str, str] = {
        "fct_scores": f"update {scores} set score = score + 1 "
        + one.format(scores, "score is not null"),
        "fct_sessions": f"delete from {sessions} " + one.format(sessions, "true"),
        "fct_episodes": f"update {episodes} set gender = null "
        + one.format(episodes, "gender is not null"),
    }
    with duckdb.connect(str(copied)) as con:
        for table, change in changes.items():
            assert _difference(con, table, "redcap", DECLARED["cannot_carry"]) == 0
            con.execute(change)
            assert _difference(con, table, "redcap", DECLARED["cannot_carry"]) > 0
