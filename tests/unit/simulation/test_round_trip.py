"""The writer is the contract read backwards: read forwards, the same answers come out."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray

from expectations.registry import Registry, load_registry
from orchestration.ingest.conform import conform
from orchestration.ingest.conformed import Part, Terms
from orchestration.ingest.readers.formats import open_file
from orchestration.settings import Limits
from orchestration.simulation import SimulationSettings, simulate
from orchestration.simulation.block import draw_block
from orchestration.simulation.filled import Filled, fill
from orchestration.simulation.native_files import file_name
from orchestration.simulation.network import (
    BLOCKS,
    build_network,
    day_number,
    practice_number,
    stream,
)
from orchestration.simulation.run import _plan
from orchestration.simulation.schedules import FormIdentity
from tests.unit.simulation.conftest import SMALL, only

CLEAN = replace(SMALL, n_clients=120, dirt=0, preview_share=0)
Forms = dict[tuple[str, str], NDArray[np.float64]]


def _conformed(
    registry: Registry, practice_id: str, folder: Path, settings: SimulationSettings
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Part]]:
    practice = registry.practices[practice_id]
    for spec in practice.contracts[-1].files:
        path = folder / practice_id / file_name(spec, settings.exported[1])
        for mapping in spec.mappings:
            con = duckdb.connect()
            con.execute("create macro pseudonym(x) as md5(x)::uuid")
            terms = Terms(
                practice_id=practice_id,
                sites=tuple(site.site_id for site in practice.sites),
                feed=registry.feeds[mapping.feed],
                instruments=registry.instruments,
                source=open_file(con, path, spec, Limits()).relation.sql,
            )
            conformed = conform(spec, mapping, terms)
            for statement in (*conformed.before, *(part.sql for part in conformed.parts)):
                con.execute(statement)
            for part in conformed.parts:
                yield con, part


def _read_back(
    registry: Registry, practice_id: str, folder: Path, settings: SimulationSettings
) -> Forms:
    found: Forms = {}
    for con, part in _conformed(registry, practice_id, folder, settings):
        if part.instrument is None or part.informant is None:
            continue
        items = ", ".join(f"coalesce({item}, -99)" for item in part.items)
        rows = con.execute(
            f"select {items} from {part.table} where excluded is null and item_01 is not null "
            f"or {part.items[1]} is not null"
        ).fetchall()
        found[part.instrument.instrument_code, part.informant] = np.array(rows, dtype=np.float64)
    return found


def _filled(registry: Registry, settings: SimulationSettings) -> dict[FormIdentity, Filled]:
    (model,) = build_network(registry, settings)
    plan = _plan(registry, model, settings)
    rng = stream(settings, BLOCKS, practice_number(model.practice.practice_id), 0)
    days = (day_number(settings.from_on), day_number(settings.through_on))
    schedules = plan.contract.schedules
    block = draw_block(
        model, model.therapists, settings.n_clients, days, schedules, plan.scores, settings, rng
    )
    filled, _, _ = fill(block.forms, plan.scores, 0, settings, rng)
    return filled


def _is_due(day: NDArray[np.int64]) -> NDArray[np.bool_]:
    return day <= day_number(CLEAN.through_on)


def _simulated(registry: Registry, settings: SimulationSettings) -> Forms:
    expected: Forms = {}
    for (code, _, informant), forms in _filled(registry, settings).items():
        score = forms.score
        points = forms.points[forms.is_answered & _is_due(forms.day)]
        answers = (score.instrument.item_minimum or 0) + points * score.step
        expected[code, informant] = np.where(points < 0, -99.0, answers)
    return expected


def _sorted(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    rounded = np.round(rows, 6)
    return rounded[np.lexsort(rounded.T)]


SHIPPED = sorted(load_registry().practices)
TOTALS_ONLY = "old_mill_practice"


@pytest.mark.parametrize("practice_id", [name for name in SHIPPED if name != TOTALS_ONLY])
def test_answers_survive_the_practices_own_shape(
    samples: Registry, tmp_path: Path, practice_id: str
) -> None:
    alone = only(samples, practice_id)
    simulate(alone, tmp_path, CLEAN)
    expected = _simulated(alone, CLEAN)
    found = _read_back(alone, practice_id, tmp_path, CLEAN)
    assert set(found) == set(expected)
    for identity, answers in expected.items():
        assert len(answers) > 20
        np.testing.assert_allclose(_sorted(found[identity]), _sorted(answers), atol=1e-6)


def test_totals_survive_where_nothing_else_is_sent(samples: Registry, tmp_path: Path) -> None:
    alone = only(samples, TOTALS_ONLY)
    simulate(alone, tmp_path, CLEAN)
    totals = {
        identity[0]: np.sort(forms.total[~np.isnan(forms.total) & _is_due(forms.day)])
        for identity, forms in _filled(alone, CLEAN).items()
    }
    n_parts = 0
    for con, part in _conformed(alone, TOTALS_ONLY, tmp_path, CLEAN):
        if part.instrument is None:
            continue
        rows = con.execute(
            f"select stated_total from {part.table} where stated_total is not null order by 1"
        ).fetchall()
        assert len(rows) > 20
        expected = totals[part.instrument.instrument_code]
        np.testing.assert_allclose([total for (total,) in rows], expected, atol=1e-6)
        n_parts += 1
    assert n_parts == 4


@pytest.mark.parametrize("practice_id", SHIPPED)
def test_no_cell_is_unreadable(samples: Registry, tmp_path: Path, practice_id: str) -> None:
    alone = only(samples, practice_id)
    simulate(alone, tmp_path, CLEAN)
    unreadable = {"VARCHAR": "{} = chr(1) || 'invalid'", "DOUBLE": "isinf({})", "DATE": "isinf({})"}
    n_parts = 0
    for con, part in _conformed(alone, practice_id, tmp_path, CLEAN):
        described = con.execute(f"describe {part.table}").fetchall()
        for name, column_type, *_ in described:
            if column_type in unreadable:
                test = unreadable[column_type].format(f'"{name}"')
                ((n,),) = con.execute(f"select count(*) from {part.table} where {test}").fetchall()
                assert n == 0, (part.table, name)
        n_parts += 1
    assert n_parts >= 3


def test_spoilt_forms_and_previews_reach_the_file(samples: Registry, tmp_path: Path) -> None:
    alone = only(samples, "summit_behavioral")
    dirty = replace(SMALL, dirt=0.2, preview_share=0.2)
    simulate(alone, tmp_path, dirty)
    excluded = beyond = repeated = 0
    for con, part in _conformed(alone, "summit_behavioral", tmp_path, dirty):
        if part.holds_only_exclusions:
            ((a,),) = con.execute(
                f"select count_if(excluded = 'unfinished') from {part.table}"
            ).fetchall()
            excluded += a
        if part.instrument is None:
            continue
        highest = part.instrument.item_maximum
        over = " or ".join(f"{item} > {highest}" for item in part.items)
        ((b, c),) = con.execute(
            f"select count_if(excluded is null and ({over})), "
            "count_if(excluded is null) - count(distinct unit_key) filter (excluded is null) "
            f"from {part.table}"
        ).fetchall()
        beyond, repeated = beyond + (b or 0), repeated + (c or 0)
    assert excluded > 50
    assert beyond > 50
    assert repeated > 50
