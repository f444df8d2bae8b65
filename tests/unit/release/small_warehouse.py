"""A warehouse with just what a release reads: benchmarks, rates, declarations, ledger, verdicts."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from expectations.instrument import Instrument
from expectations.model import Group, Thresholds
from expectations.practice import Practice
from expectations.registry import Registry
from orchestration import disclosure_ledger as ledger
from orchestration.benchmark_tables import replace_tables
from orchestration.benchmarking.disclosure import CHANGES
from orchestration.benchmarking.disclosure_cells import Rules
from orchestration.benchmarking.protected_sites import (
    CELL,
    ProtectedSites,
    Tonight,
    protected_sites,
    shown_cells,
    suppression_report,
    tonight,
)
from orchestration.benchmarking.site_benchmarks import benchmark_sites
from orchestration.disclosure_night import protect_rates
from orchestration.reference import write_reference
from orchestration.release.contents import ReleaseMeta
from orchestration.warehouse import schema_sql
from tests.studies.networks import DrawnNetwork, NetworkModel, draw_network

NIGHT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""04:00 in New York."""

FEEDS = ("episodes", "sessions", "administrations")

_INSTRUMENT = Instrument.model_validate(
    {
        "instrument_code": "srs",
        "version": "3.0",
        "name": "Session Rating Scale",
        "kind": "alliance",
        "informants": ["client"],
        "languages": ["en"],
        "n_items": 0,
        "item_coding": "printed_value",
        "direction": "higher_is_better",
        "scales": [
            {
                "scale": "total",
                "minimum": 0,
                "maximum": 40,
                "missing": {"rule": "complete_only", "source": "test"},
                "source": "test",
            }
        ],
        "totals_only": True,
        "key_status": "unverified",
        "key_note": "made up for a test",
        "licence": "none",
        "citations": ["One 2000", "Two 2001"],
        "examples": [],
    }
)


def small_registry(**contract: Any) -> Registry:
    """One practice with four sites that sends three feeds daily."""
    mappings: list[dict[str, Any]] = [
        {"feed": feed, "layout": "table", "columns": {}} for feed in ("episodes", "sessions")
    ]
    forms = {
        "instrument_code": "srs",
        "version": "3.0",
        "language": "en",
        "informant": "client",
        "total": "total",
    }
    mappings.append({"feed": "administrations", "layout": "wide", "columns": {}, "forms": [forms]})
    practice = Practice.model_validate(
        {
            "practice_id": "practice",
            "name": "The practice",
            "sites": [
                {
                    "site_id": f"site_{number:02d}",
                    "name": f"Site {number}",
                    "service_setting": "outpatient",
                    "open_from": date(2020, 1, 1),
                }
                for number in range(4)
            ],
            "contracts": [
                {
                    "valid_from": date(2025, 1, 1),
                    "privacy_class": "limited_data_set",
                    "agreements": [],
                    "owners": ["owner"],
                    "files": [{"file": "export", "pattern": "*.csv", "mappings": mappings}],
                    **contract,
                }
            ],
        }
    )
    group = Group(group_id="group", name="The group", time_zone="America/New_York")
    return Registry(group, {"practice": practice}, {}, {("srs", "3.0"): _INSTRUMENT}, {})


def small_meta(registry: Registry, created_at: datetime = NIGHT) -> ReleaseMeta:
    """A release of that night; 2026 counts as closed."""
    return ReleaseMeta.of(
        registry, created_at=created_at, data_through_on=date(2026, 12, 31), code_version="1.2.3"
    )


def small_warehouse(seed: int = 1) -> duckdb.DuckDBPyConnection:
    """Four sites, the last one too small to show; one loaded and one refused delivery."""
    con = duckdb.connect()
    con.execute(schema_sql())
    write_reference(con, small_registry())
    network = draw_network(np.random.default_rng(seed), NetworkModel(n_sites=4, n_clients=600))
    network.sites.loc[3, "n_clients"] = 9
    con.execute("create schema marts")
    protect_network(con, network, protected_sites)
    con.execute(
        "create table marts.dim_practices as "
        "select practice_id, false as is_dated_by_year from reference.practices"
    )
    add_delivery(con, 1, "loaded", datetime(2026, 11, 22, 9, 0))
    add_delivery(con, 2, "refused", datetime(2026, 11, 23, 9, 0))
    return con


Protection = Callable[[Tonight, pd.DataFrame, Rules, int], ProtectedSites]


def protect_network(
    con: duckdb.DuckDBPyConnection, network: DrawnNetwork, protection: Protection
) -> None:
    """Benchmarks of the network's sites and the ledger's provisional rows, as a first night writes
    them; `protection` is protected_sites, or what stands in for it."""
    sites = network.sites
    candidates = sites[list(CELL)].assign(
        content=[f"content {number}" for number in range(len(sites))],
        n_clients=sites["n_clients"].astype("float64"),
        n_forms=sites["n_forms"].astype("float64"),
        n_therapists=sites["n_therapists"].astype("float64"),
        mean=sites["mean_of_client_means"],
        share=sites["ceiling_share"],
        width=40.0,
        top_therapist_form_share=sites["top_therapist_form_share"],
    )
    names = {name: candidates[name].fillna("").astype("str") for name in CELL}
    candidates = candidates.assign(**names)
    rules = ledger.rules_of(Thresholds())
    begun = ledger.begin(con, Thresholds(), NIGHT.date())
    none = pd.DataFrame(columns=[*CELL, *CHANGES])
    found = tonight(candidates, ledger.read_ledger(con, begun.first, begun.release_no))
    made = protection(found, none, rules, begun.release_no)
    scales = pd.DataFrame({"instrument_code": ["srs"], "version": ["3.0"], "minimum": [0.0]})
    shown = shown_cells(
        made.cells,
        scales,
        ledger.read_errors(con, begun.first),
        ledger.read_networks(con, begun.first),
        rules,
        begun.release_no,
    )
    due = network.response_rates.assign(
        n_due=240,
        n_completed=168,
        n_clients_due=60,
        n_clients_answered=45,
        n_clients_missing=30,
        n_due_of_top_client=8,
        n_due_of_top_therapist=40,
    )
    con.register("frame", due)
    con.execute("create or replace table marts.rpt_response_rates as select * from frame")
    con.unregister("frame")
    rates = protect_rates(con, due, Thresholds(), begun.release_no)
    cells = benchmark_sites(network.therapists, sites, rates.shown, Thresholds(), shown).cells
    ledger.add(con, begun.release_no, {"ledger": made.ledger})
    report = suppression_report(made.cells, begun.release_no)
    of_cells = pd.DataFrame([{"table_name": "site_benchmarks", **report.__dict__}])
    replace_tables(
        con,
        {
            "site_benchmarks": cells,
            "shown_response_rates": rates.shown,
            "suppression": pd.concat([of_cells, rates.report]),
        },
    )


def add_delivery(
    con: duckdb.DuckDBPyConnection, load_seq: int, state: str, received_at: datetime
) -> None:
    """One ledger row of feed `sessions` with a passed and a failed critical rule."""
    delivery_id = f"practice.sessions.{load_seq:016x}"
    con.execute(
        "insert into raw.deliveries by name select ? as load_seq, ? as state, ? as received_at, "
        "cast(received_at as date) as received_on, "
        "? as delivery_id, 'practice' as practice_id, "
        "'sessions' as feed, 'export' as file, 'sha' || load_seq as file_sha256, "
        "5 as n_file_rows, "
        "10 as n_rows_read, "
        "8 as n_accepted, 1 as n_quarantined, 1 as n_excluded, '{}' as exclusions, "
        "false as is_over_tolerance, 'digest' as registry_digest, '1.2.3' as code_version, "
        "1 as n_attempts, date '2026-11-21' as data_through_on",
        [load_seq, state, received_at, delivery_id],
    )
    for number, (status, severity) in enumerate((("passed", "warning"), ("failed", "critical"))):
        con.execute(
            "insert into quality.check_results by name select ? as check_seq, ? as load_seq, "
            "? as status, ? as severity, ? as checked_at, 'sessions.site_id.required' as check_id, "
            "'practice' as practice_id, ? as delivery_id, "
            "'sha' as file_sha256, 'sessions' as feed, 'required' as rule, 1 as rule_version, "
            "'not null' as rule_text, 'completeness' as category, 0.0 as threshold, "
            "10 as n_evaluated, 1 as n_failed, 'digest' as registry_digest, "
            "'1.2.3' as code_version, 'a' as prev_hash, 'b' as row_hash",
            [2 * load_seq + number, load_seq, status, severity, received_at, delivery_id],
        )
    con.execute(
        "insert into quality.quarantine by name select 'practice' as practice_id, "
        "? as delivery_id, ? as load_seq, 'sessions' as feed, "
        "4 as row_no, 'sessions.site_id.required' as check_id, 'site_id' as column_name",
        [delivery_id, load_seq],
    )
