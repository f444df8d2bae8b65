"""Scores of single forms by the warehouse's own SQL.

`alliance score` and the worked examples of every instrument run the dbt models that score the
nightly forms, compiled by dbt and run in a database in memory. There is no second scoring.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from expectations.instrument import Instrument
from orchestration.dbt_runner import CATALOG, load_manifest, models_digest, run
from orchestration.reference_instruments import write_instruments
from orchestration.warehouse import read_sql, schema_sql

if TYPE_CHECKING:
    import pandas as pd

SCORES = "int_scores_computed"
_PRACTICE = "scored_here"
_COMPILED = "scoring.json"


@dataclass(frozen=True)
class Form:
    """Answers by item number (None and absent: unanswered), and the total stated with them."""

    answers: Mapping[int, float | None]
    stated_total: float | None = None


_DELIVERY = f"""
    insert into raw.deliveries by name select
        0 as load_seq, '' as delivery_id, '{_PRACTICE}' as practice_id,
        'administrations' as feed, '' as file_sha256, 'loaded' as state, 0 as n_rows_read,
        0 as n_accepted, 0 as n_quarantined, 0 as n_excluded, '{{}}' as exclusions,
        false as is_over_tolerance, now()::timestamp as received_at, '' as registry_digest,
        '' as code_version, 1 as n_attempts
    """
"""Rows stand by their delivery's place among the others; here there is this one."""


@dataclass(frozen=True)
class CompiledModel:
    """One dbt model as the statement that selects its rows."""

    schema: str
    name: str
    sql: str


class ScoringEngine:
    """The scoring models in a database of their own, kept open over calls.

    `target_dir` holds the parsed project and, after the first time, the compiled models.
    """

    def __init__(self, target_dir: Path) -> None:
        self._con = duckdb.connect(":memory:")
        # Compiled statements name the warehouse's catalog; here it is this one, without a file.
        self._con.execute(f"attach ':memory:' as {CATALOG}; use {CATALOG}")
        self._con.execute(schema_sql())
        self._con.execute(read_sql("reference.sql"))
        self._con.execute(f"insert into reference.practices values ('{_PRACTICE}', 'scored here')")
        self._con.execute(_DELIVERY)
        for model in compiled_models(target_dir):
            self._con.execute(f"create schema if not exists {model.schema}")
            self._con.execute(f"create view {model.schema}.{model.name} as {model.sql}")

    def __enter__(self) -> "ScoringEngine":
        return self

    def __exit__(self, *_: object) -> None:
        self._con.close()

    def score(self, forms: Sequence[tuple[Instrument, Form]]) -> "pd.DataFrame":
        """One row per form x scale, in the order of the forms and of their scales.

        Columns: form_no (position in `forms`, from 0), instrument_code, version, scale, score and
        stated_score (scale points), pomp (0-100), score_source (computed, stated), n_answered,
        n_missing, null_reason (no_answers, too_many_missing). Two instruments of one code and
        version must be equal.
        """
        instruments = {(one.instrument_code, one.version): one for one, _ in forms}
        self._con.execute("truncate raw.administrations; truncate raw.answers")
        write_instruments(self._con, instruments.values())
        self._insert_forms(forms)
        self._insert_answers([form for _, form in forms])
        found = self._con.execute(
            "select administration_row as form_no, scores.* exclude (administration_row) "
            f"from intermediate.{SCORES} as scores"
        ).df()
        place = {
            (*key, scale.scale): position
            for key, instrument in instruments.items()
            for position, scale in enumerate(instrument.scales)
        }
        names = zip(found["instrument_code"], found["version"], found["scale"], strict=True)
        found["place"] = [place[name] for name in names]
        ordered = found.sort_values(["form_no", "place"], ignore_index=True)
        return ordered.drop(columns="place")

    def _insert_forms(self, forms: Sequence[tuple[Instrument, Form]]) -> None:
        import pandas as pd

        frame = pd.DataFrame(
            [
                (number, one.instrument_code, one.version, form.stated_total)
                for number, (one, form) in enumerate(forms)
            ],
            columns=["number", "instrument_code", "version", "stated_total"],
        ).astype({"number": "int64", "stated_total": "float64"})
        self._con.register("forms", frame)
        self._con.execute(
            "insert into raw.administrations by name select number as administration_row, "
            f"'{_PRACTICE}' as practice_id, '' as delivery_id, 0 as load_seq, number as row_no, "
            "uuid() as form_key, uuid() as client_key, instrument_code, version, "
            "'not_recorded' as language, 'client' as informant, 'none' as date_precision, "
            "case when not isnan(stated_total) then stated_total end as stated_total from forms"
        )
        self._con.unregister("forms")

    def _insert_answers(self, forms: Sequence[Form]) -> None:
        import pandas as pd

        frame = pd.DataFrame(
            [
                (number, item, answer)
                for number, form in enumerate(forms)
                for item, answer in form.answers.items()
                if answer is not None
            ],
            columns=["number", "item", "answer"],
        ).astype({"number": "int64", "item": "int64", "answer": "float64"})
        self._con.register("answers", frame)
        self._con.execute("insert into raw.answers select number, 0, item, answer from answers")
        self._con.unregister("answers")


def compiled_models(target_dir: Path) -> list[CompiledModel]:
    """The scoring model and everything it is made from, each after what it needs.

    Compiled by dbt for an empty warehouse, so that every form counts, and kept in `target_dir`
    until the project changes. Raises DbtBuildFailed.
    """
    kept = target_dir / _COMPILED
    if kept.exists():
        content = json.loads(kept.read_text(encoding="utf-8"))
        if content["digest"] == models_digest():
            return [CompiledModel(**model) for model in content["models"]]
    manifest = load_manifest(target_dir)
    compiled = run(
        ("compile", "--select", f"+{SCORES}", "--target", "scoring", "--no-write-json"),
        target_dir,
        Path(":memory:"),
        manifest,
    )
    nodes = {result.node.unique_id: result.node for result in compiled.results}
    nodes = {name: node for name, node in nodes.items() if node.resource_type == "model"}
    models = [
        CompiledModel(nodes[name].schema, nodes[name].name, nodes[name].compiled_code)
        for name in _in_order({name: node.depends_on.nodes for name, node in nodes.items()})
    ]
    content = {"digest": models_digest(), "models": [model.__dict__ for model in models]}
    fresh = kept.with_suffix(".new")
    fresh.write_text(json.dumps(content), encoding="utf-8")
    fresh.replace(kept)
    return models


def _in_order(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Names so that each comes after what it needs; needs outside the mapping are ignored."""
    from graphlib import TopologicalSorter

    sorter = TopologicalSorter(
        {name: [n for n in found if n in needs] for name, found in needs.items()}
    )
    return list(sorter.static_order())
