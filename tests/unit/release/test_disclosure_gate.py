"""A release in which something can be worked out does not go out, and says where, not what."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from orchestration import disclosure_ledger as ledger
from orchestration.benchmarking.disclosure_cells import SHOWN, Protections, Rules, written
from orchestration.benchmarking.protected_sites import ProtectedSites, Tonight, protected_sites
from orchestration.release.publish import ReleaseRefused, write_release
from orchestration.release.reader import Releases
from tests.studies.networks import NetworkModel, draw_network
from tests.unit.release.small_warehouse import (
    NIGHT,
    protect_network,
    small_meta,
    small_registry,
    small_warehouse,
)

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbooks" / "a_release_is_refused.md"


def _publish(con: duckdb.DuckDBPyConnection, folder: Path, days: int = 0) -> str:
    registry = small_registry()
    meta = small_meta(registry, NIGHT + timedelta(days=days))
    return write_release(con, folder, meta, registry).release_id


def _show_everything(
    found: Tonight, changes: pd.DataFrame, rules: Rules, release_no: int
) -> ProtectedSites:
    """Protection broken on purpose: what is hidden is shown as well."""
    open_rules = replace(rules, protections=Protections(primary=False, dominance=False))
    made = protected_sites(found, changes, rules, release_no)
    shown = written(made.cells, open_rules)
    cells = made.cells.assign(is_suppressed=False, **{name: shown[name] for name in SHOWN})
    return ProtectedSites(cells, cells)


def test_broken_protection_stops_the_release(tmp_path: Path) -> None:
    con = small_warehouse()
    first = _publish(con, tmp_path)
    ledger.put_out(con)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    network = draw_network(np.random.default_rng(7), NetworkModel(n_sites=4, n_clients=600))
    network.sites["period"] = network.response_rates["period"] = "2026-Q3"
    network.therapists["period"] = "2026-Q3"
    # Two therapists are shown as five: neither the file nor its counts tell.
    network.sites.loc[3, "n_therapists"] = 2
    protect_network(con, network, _show_everything)
    with pytest.raises(ReleaseRefused) as refused:
        _publish(con, tmp_path, days=1)
    (leak, runbook) = refused.value.problems
    assert leak.startswith("site_benchmarks: a cell is shown that is too small: practice/site_03")
    assert leak.endswith("mean_score, stage all, period 2026-Q3")
    assert not re.search(r"\d", leak.replace("site_03", "").replace("2026-Q3", ""))
    assert RUNBOOK.name in runbook
    assert RUNBOOK.exists()
    # The old release stays, and the ledger has nothing of the one that did not go out.
    assert Releases(tmp_path).current_id() == first
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert ledger.provisional(con) == 2
    ledger.take_back(con)
    assert ledger.last_number(con) == 1
    rows = "select max(release_no), count(*) from benchmark.disclosure_ledger"
    assert con.execute(rows).fetchall() == [(1, 4)]


def test_the_file_is_believed_and_not_the_ledger(tmp_path: Path) -> None:
    """Whatever came between protection and the file: readers see the file. Its nine clients are
    said to be 15, so that the file alone looks well."""
    con = small_warehouse()
    con.execute(
        "update benchmark.site_benchmarks set is_suppressed = false, suppression_reason = null, "
        "n_clients = 15, n_therapists = 5, n_forms = 40, raw = 30.0, ceiling_share = 0.2, "
        "response_rate = 0.7 "
        "where site_id = 'site_03'"
    )
    with pytest.raises(ReleaseRefused, match="shown that is too small: practice/site_03"):
        _publish(con, tmp_path)
    assert Releases(tmp_path).current_id() is None


def test_a_cell_without_protection_is_no_part_of_a_release(tmp_path: Path) -> None:
    con = small_warehouse()
    con.execute(
        "insert into benchmark.site_benchmarks "
        "select * replace ('developing' as stage, null::double as response_rate) "
        "from benchmark.site_benchmarks "
        "where site_id = 'site_01'"
    )
    with pytest.raises(
        ReleaseRefused, match=r"has not seen a cell: practice/site_01.*stage developing"
    ):
        _publish(con, tmp_path)


def test_what_stands_must_stand_as_it_was(tmp_path: Path) -> None:
    con = small_warehouse()
    _publish(con, tmp_path)
    ledger.put_out(con)
    con.execute("update benchmark.site_benchmarks set raw = raw + 1 where site_id = 'site_02'")
    with pytest.raises(
        ReleaseRefused, match=r"reads otherwise than disclosure control decided: .*site_02"
    ):
        _publish(con, tmp_path, days=1)


def test_the_ledger_learns_of_a_release_that_a_killed_night_put_in_force(tmp_path: Path) -> None:
    con = small_warehouse()
    release_id = _publish(con, tmp_path)
    assert ledger.provisional(con) == 1
    ledger.settle(con, "another one")
    assert ledger.provisional(con) == 1
    ledger.settle(con, release_id)
    assert ledger.provisional(con) is None
    assert con.execute(
        "select release_no, release_id, is_out from benchmark.disclosure_releases"
    ).fetchall() == [(1, release_id, True)]


def test_the_report_says_what_hiding_cost_in_fives(tmp_path: Path) -> None:
    con = small_warehouse()
    con.execute(
        "update benchmark.suppression set n_cells = 103, n_hidden = 8, n_kept = 12, "
        "information_lost_share = 0.0449 where table_name = 'site_benchmarks'"
    )
    _publish(con, tmp_path)
    pointer = Releases(tmp_path).current()
    assert pointer is not None
    with duckdb.connect(str(pointer.release), read_only=True) as release:
        found = release.execute("select * from suppression_report").fetchall()
    assert sorted(found) == [
        ("response_rates", 5, 0, 0, 0.0),
        ("site_benchmarks", 105, 10, 10, 0.04),
    ]


def test_a_rate_of_too_few_stops_the_release(tmp_path: Path) -> None:
    con = small_warehouse()
    con.execute(
        "update benchmark.disclosure_rates set n_clients_missing = 10 where site_id = 'site_01'"
    )
    with pytest.raises(
        ReleaseRefused,
        match="response_rates: a rate is shown of too few: practice/site_01, srs, client, stage",
    ):
        _publish(con, tmp_path)
