"""The gate over the simulation's exports, as they are: nothing blocks, hardly anything warns."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import duckdb

from expectations.registry import load_registry
from orchestration.ingest import privacy
from orchestration.ingest.cell_scan import cell_rules, row_number_ids, scan
from orchestration.ingest.conform import mapped_parts
from orchestration.ingest.pseudonyms import PracticeKey, install
from orchestration.ingest.readers.formats import open_file
from orchestration.ingest.small_groups import row_number_verdicts, small_groups
from orchestration.landing import arrivals
from orchestration.settings import Limits
from orchestration.simulation import SimulationSettings, simulate

SAMPLE_CLIENTS, SAMPLE_CELLS = 600, 100_000
CAMPAIGN_CLIENTS, CAMPAIGN_CELLS = 12_000, 1_000_000
MOST_WARNINGS = 10
"""For a million cells; small groups warn once a practice, whatever its size."""


def test_clean_cells_pass(tmp_path: Path, is_full_campaign: bool) -> None:
    n_clients = CAMPAIGN_CLIENTS if is_full_campaign else SAMPLE_CLIENTS
    registry = load_registry()
    world = replace(SimulationSettings(), n_clients=n_clients, dirt=0)
    simulate(registry, tmp_path, world)
    n_cells, seconds, warned = 0, 0.0, []
    for arrival in arrivals(tmp_path, registry, world.through_on):
        assert arrival.spec is not None
        assert arrival.contract is not None
        spec, feed = arrival.spec, arrival.feed
        rules = cell_rules(spec, registry.feeds, arrival.contract.privacy_class)
        with duckdb.connect() as con:
            privacy.check_file_name(arrival.path.name)
            opened = open_file(con, arrival.path, spec, Limits())
            source = opened.relation
            privacy.check_columns(source.columns, spec, opened.identifying)
            privacy.check_other_texts(opened.other_texts)
            con.execute(f"create temp table read_before as select * from {source.sql}")
            start = time.perf_counter()
            n_rows = scan(con, replace(source, sql="(select * from read_before)"), rules).n_rows
            seconds += time.perf_counter() - start
            assert n_rows == opened.n_rows
            n_cells += n_rows * len(source.columns)
            mapping = next(m for m in spec.mappings if m.feed == feed)
            found = row_number_ids(con, source, rules.ids, n_rows)
            verdicts = row_number_verdicts(mapping, found)
            assert all(verdict.n_evaluated for verdict in verdicts)
            if feed == "episodes":
                install(con, PracticeKey(arrival.practice_id, b"k" * 32))
                conformed = mapped_parts(registry, arrival.practice_id, feed, spec, source.sql)
                (part,) = conformed.parts
                for statement in (*conformed.before, part.sql):
                    con.execute(statement)
                verdicts.append(small_groups(con, part.table, set(part.mapped)))
            warned += [verdict.check_id for verdict in verdicts if verdict.status == "failed"]
    sys.stdout.write(
        f"{n_cells} cells in {seconds:.2f} s, {n_cells / seconds / 1e6:.1f} million a second, "
        f"{os.getloadavg()[0]:.1f} other processes running; warnings: {warned}\n"
    )
    assert n_cells >= (CAMPAIGN_CELLS if is_full_campaign else SAMPLE_CELLS)
    assert len(warned) <= max(len(registry.practices), MOST_WARNINGS * n_cells / 1_000_000)
    assert set(warned) <= {"episodes.client_id.small_groups"}
