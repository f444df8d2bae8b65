"""Units of the warehouse (measured_crowd.py) as arrays, what is written and shown: plain Python."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np
import pytest

from expectations.registry import Registry
from orchestration.assets.benchmarks import write_benchmarks
from orchestration.assets.case_mix import write_case_mix
from orchestration.assets.measures import TABLES, write_measures
from orchestration.assets.psychometrics import write_psychometrics
from orchestration.assets.release import publish
from orchestration.measures.alliance_outcome import pooled_correlation, site_correlation
from orchestration.measures.arrays import Floats
from orchestration.measures.congruence import congruence
from orchestration.measures.within_between import within_between
from orchestration.night import Night
from orchestration.settings import Settings
from tests.integration.dbt.measured_crowd import CROWD, N_SESSIONS, SITES, deliver
from tests.integration.dbt.plain_courses import plain_courses
from tests.integration.dbt.raw_rows import RawWarehouse, every_session, practice, registry


@pytest.fixture(scope="module")
def declared() -> Registry:
    due = [every_session("srs", "3")]
    found = registry(practice("north", [*SITES, "north_hand"], due))
    group = found.group.model_copy(update={"with_measures": True})
    return replace(found, group=group)


@pytest.fixture(scope="module")
def warehouse(
    declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]
) -> RawWarehouse:
    warehouse = open_warehouse(declared)
    deliver(warehouse)
    warehouse.build_with_measures()
    return warehouse


@pytest.fixture(scope="module")
def night(warehouse: RawWarehouse, declared: Registry) -> Night:
    """What a night writes of the measures."""
    night = Night(Settings(warehouse.path.parent), declared, datetime(2026, 7, 3, tzinfo=UTC))
    with night.warehouse.connect() as con:
        assert write_measures(con, night)
    return night


def _benchmark(
    night: Night, warehouse: RawWarehouse, table: str, columns: str, where: str = "true"
) -> list[tuple[Any, ...]]:
    return warehouse.rows(f"select {columns} from benchmark.{table} where {where} order by all")


def test_the_outcome_at_the_form_and_the_last_one_after_it(warehouse: RawWarehouse) -> None:
    found = warehouse.rows(
        "select client_key, outcome_informant, early_total, outcome_at_form, outcome_last "
        "from intermediate.int_outcomes_followed where site_id = 'north_hand' "
        "and instrument_code = 'srs' order by all"
    )
    # cleo has one early form, evan's treatment is not over. On the day of the last one counts.
    assert found == [
        ("ada", "client", 32.0, 10.0, 6.0),
        ("ben", "client", 32.0, 12.0, None),
        ("dora", "caregiver", 32.0, 5.0, 6.0),
        ("dora", "client", 32.0, 10.0, 6.0),
    ]


def test_what_follows_a_form_is_the_next_sessions_outcome(warehouse: RawWarehouse) -> None:
    found = warehouse.rows(
        "select client_key, total, next_outcome_upwards "
        "from intermediate.int_next_outcomes_matched where site_id = 'north_hand' "
        "and outcome_informant = 'client' and client_key in (key('ada'), key('cleo')) order by all"
    )
    # Lower is better, so the sign is turned; of session 5 itself the outcome does not count.
    assert found == [
        ("ada", 30.0, -12.0),
        ("ada", 32.0, -10.0),
        ("ada", 34.0, -6.0),
        ("cleo", 30.0, -12.0),
    ]


def _array(values: Iterable[float]) -> Floats:
    return np.array(list(values), dtype=np.float64)


def test_alliance_and_outcome_of_sites_and_pooled(night: Night, warehouse: RawWarehouse) -> None:
    # Those with four sessions have an early alliance of 3 and 4, and no outcome after it.
    plain = []
    for site in SITES:
        whole = [one for one in CROWD if one.site == site and one.n_sessions == N_SESSIONS]
        plain.append(
            site_correlation(
                _array(float(np.mean(one.srs[2:5])) for one in whole),
                _array(one.phq[4] for one in whole),
                _array(one.phq[5] for one in whole),
                better="lower",
            )
        )
    pooled = pooled_correlation(plain)
    assert pooled.fixed is not None
    assert pooled.random is not None
    found = _benchmark(
        night,
        warehouse,
        "alliance_outcomes",
        "pooling, site_id, value, q, n_episodes, n_clients, null_reason",
        "instrument_code = 'srs'",
    )
    q = pytest.approx(pooled.q)
    assert found == [
        ("fixed", None, pytest.approx(pooled.fixed.correlation), q, 64, 64, None),
        *(
            ("none", site, pytest.approx(one.correlation), None, 32, 32, None)
            for site, one in zip(SITES, plain, strict=True)
        ),
        ("random", None, pytest.approx(pooled.random.correlation), q, 64, 64, None),
    ]


def test_slopes_of_the_network(night: Night, warehouse: RawWarehouse) -> None:
    x, y, client = [], [], []
    for number, one in enumerate(CROWD):
        for place in range(one.n_sessions - 1):
            x.append(one.srs[place])
            y.append(-one.phq[place + 1])
            client.append(number)
    plain = within_between(_array(x), _array(y), np.array(client))
    assert plain.within is not None
    assert plain.between is not None
    found = _benchmark(
        night,
        warehouse,
        "alliance_slopes",
        "figure, value, lower95, n_clients, n_sites",
        "instrument_code = 'srs' and outcome_informant = 'client'",
    )
    # The third site has one therapist: it is not shown, and has no part in it.
    assert found == [
        (
            figure,
            pytest.approx(one.value),
            pytest.approx(one.lower95),
            len(CROWD),
            2,
        )
        for figure, one in (("between", plain.between), ("within", plain.within))
    ]


def test_tracking_and_bias_of_sites_and_the_network(night: Night, warehouse: RawWarehouse) -> None:
    for sites, where in (
        *(((site,), f"site_id = '{site}'") for site in SITES),
        (SITES, "site_id is null"),
    ):
        some = [one for one in CROWD if one.site in sites]
        therapists = sorted({one.therapist for one in some})
        # Percent of the ARM-5's range, 1 to 7.
        plain = congruence(
            _array((total - 1) / 0.06 for one in some for total in one.arm),
            _array((total - 1) / 0.06 for one in some for total in one.arm_of_therapist),
            np.array([n for n, one in enumerate(some) for _ in one.arm]),
            np.array([therapists.index(one.therapist) for one in some for _ in one.arm]),
        )
        found = _benchmark(
            night, warehouse, "congruences", "figure, value, lower95, n_clusters, n_dyads", where
        )
        assert plain.bias is not None
        assert plain.tracking is not None
        assert found == [
            (
                figure,
                pytest.approx(one.value),
                pytest.approx(one.lower95),
                len(therapists),
                len(some),
            )
            for figure, one in (("bias", plain.bias), ("tracking", plain.tracking))
        ]


def test_courses_of_sites_and_the_network(night: Night, warehouse: RawWarehouse) -> None:
    columns = "site_id, figure, value, lower95, n_clients, n_clients_short, n_forms, n_sites"
    for instrument, totals in (("srs", "srs"), ("arm_5", "arm")):
        where = f"instrument_code = '{instrument}' and site_id is distinct from 'north_hand'"
        found = _benchmark(night, warehouse, "trajectories", columns, where)
        assert found == plain_courses(totals)
    # The third site's clients have three forms at most.
    columns, where = "figure, value, null_reason", "site_id = 'north_hand'"
    assert _benchmark(night, warehouse, "trajectories", columns, where) == [
        (figure, None, "too_few_clients") for figure in ("curvature", "level", "slope")
    ]


def test_shares_of_variance_wait_for_enough_clients(night: Night, warehouse: RawWarehouse) -> None:
    found = _benchmark(
        night,
        warehouse,
        "variance_components",
        "instrument_code, informant, n_clients, n_therapists, n_sites, min(n_forms), count(*), "
        "count(value), min(null_reason)",
        "true group by all",
    )
    n_forms = sum(one.n_sessions for one in CROWD)
    assert found == [
        (instrument, "client", len(CROWD), 24, 2, n_forms, 4, 0, "too_few_clients")
        for instrument in ("arm_5", "srs")
    ]


def test_hazards_by_state_are_counts_of_sessions(night: Night, warehouse: RawWarehouse) -> None:
    found = warehouse.rows(
        "select session_no, sum(n_at_risk), sum(n_ended) from benchmark.dropout_hazards "
        "where figure = 'hazard' group by session_no order by all"
    )
    # Of two instruments used as often the first by name follows the episode: one network.
    n_short = sum(one.n_sessions == 4 for one in CROWD)
    n_whole = len(CROWD) - n_short
    by_session = [(number, len(CROWD), n_short if number == 4 else 0) for number in (1, 2, 3, 4)]
    later = [(number, n_whole, 0) for number in (5, 6)]
    assert found == [
        *by_session,
        *later,
        (None, 4 * len(CROWD) + 2 * n_whole, n_short),
    ]


def test_observed_drops_are_the_marts(night: Night, warehouse: RawWarehouse) -> None:
    differing = warehouse.rows(
        "select count(*) from benchmark.marked_drops as drops "
        "left join marts.rpt_site_metrics as cells on drops.site_id = cells.site_id "
        "and drops.instrument_code = cells.instrument_code and drops.version = cells.version "
        "and drops.language = cells.language and drops.informant = cells.informant "
        "and cells.period = 'all' and cells.stratum_kind = 'all' "
        "and cells.metric = 'marked_drop_' || drops.rule "
        "where drops.observed_share is distinct from cells.value "
        "or drops.n_series is distinct from cells.n_units"
    )
    assert differing == [(0,)]
    found = _benchmark(
        night,
        warehouse,
        "marked_drops",
        "rule, n_series, n_eligible, expected_share is not null, null_reason",
        f"site_id = '{SITES[0]}' and instrument_code = 'srs'",
    )
    # Six forms of 32 clients, four of 16: eight of nobody.
    assert found == [
        ("chart", 48, 0, False, "too_few_forms"),
        ("fixed", 48, 48, True, None),
        ("sd1", 48, 32, True, None),
        ("sd2", 48, 32, True, None),
    ]


def test_it_is_done_once_for_a_build(night: Night, warehouse: RawWarehouse) -> None:
    with night.warehouse.connect() as con:
        assert not write_measures(con, night)
        con.execute("delete from benchmark.measures_made")
        before = {name: con.execute(f"from benchmark.{name}").fetchall() for name in TABLES}
        assert write_measures(con, night)
        after = {name: con.execute(f"from benchmark.{name}").fetchall() for name in TABLES}
    assert before == after
    assert all(before.values())


def test_the_release_holds_what_may_be_shown(night: Night, declared: Registry) -> None:
    with night.warehouse.connect() as con:
        write_benchmarks(con, declared.group.thresholds)
        write_psychometrics(con, night)
        write_case_mix(con, night)
    published = publish(night)
    path = night.settings.releases / f"{published.release_id}.duckdb"
    with duckdb.connect(str(path), read_only=True) as release:

        def asked(sql: str) -> list[tuple[Any, ...]]:
            return release.execute(sql).fetchall()

        # 96 clients and 48 are at least 11; the third site has one therapist.
        bias = asked(
            "select site_id, n_clients_at_least, value, is_suppressed from informant_gaps "
            "where metric = 'congruence_bias' order by site_id nulls last"
        )
        assert [row[:2] for row in bias] == [(SITES[0], 11), (SITES[1], 11), (None, 11)]
        assert all(value == round(value) for _, _, value, _ in bias)
        flow = asked(
            "select site_id, n_clients_at_least, value from cohort_flow "
            "where metric = 'flow_planned_ending' and period = 'all' order by all"
        )
        # 32 of 48 as planned.
        assert flow == [
            ("north_east", 11, 0.65),
            ("north_hand", None, None),
            ("north_west", 11, 0.65),
        ]
        ended = asked(
            "select n_clients_at_least, value from dropout_hazard where metric = 'dropout_hazard' "
            "and session_no = 4 and n_clients_at_least is not null"
        )
        assert all(value * 20 == round(value * 20) for _, value in ended)
        slopes = asked(
            "select metric, n_clients_at_least, n_sites from alliance_outcome "
            "where instrument_code = 'srs' "
            "and metric <> 'alliance_outcome' and outcome_informant = 'client' order by all"
        )
        assert slopes == [("alliance_between_clients", 11, 2), ("alliance_within_clients", 11, 2)]
        assert asked(
            "select stratum, n_clients_at_least, n_sites, value is not null from alliance_outcome "
            "where metric = 'alliance_outcome' and instrument_code = 'srs' order by all"
        ) == [("fixed", 11, 2, True), ("random", 11, 2, True)]
        # Six sessions have 32 of a site's 48 clients; a third are short of that.
        assert asked(
            "select site_id, metric, n_clients_at_least, n_sites, short_share, value is not null "
            "from trajectories where instrument_code = 'srs' and metric <> 'trajectory_level' "
            "order by metric, site_id nulls last"
        ) == [
            (site, f"trajectory_{figure}", *shown)
            for figure, of_site, of_all in (
                ("curvature", (11, None, 0.35, True), (11, 2, 0.35, True)),
                ("slope", (11, None, 0.0, True), (11, 2, 0.0, True)),
            )
            for site, shown in zip(
                (SITES[0], "north_hand", SITES[1], None),
                (of_site, (None, None, None, False), of_site, of_all),
                strict=True,
            )
        ]
        shares = asked(
            "select distinct n_clients_at_least, value, null_reason from variance_components"
        )
        assert shares == [(11, None, "too_few_clients")]
        # An unverified key stands with every instrument there are numbers of.
        assert asked(
            "select count(*) from (select instrument_code, version from site_metrics union "
            "select instrument_code, version from informant_gaps) as shown "
            "left join instruments using (instrument_code, version) "
            "where shown.instrument_code is not null and instruments.key_status is null"
        ) == [(0,)]


def test_every_row_shown_is_the_marts_rounded_and_no_small_one_is(
    night: Night, warehouse: RawWarehouse
) -> None:
    """Over all tables of cells at once: nothing of the queries is used but their result."""
    release_id = night.settings.releases.joinpath("current.json").read_text().split('"')[3]
    tables = ("cohort_flow", "stage_profiles", "alliance_events", "informant_gaps")
    shown = " union all ".join(
        "select site_id, instrument_code, language, informant, metric, stratum_kind, stratum, "
        f"period, n_clients_at_least, value, null_reason, is_suppressed from released.{name}"
        for name in (*tables, "frame_adherence", "site_metrics")
    )
    small = (
        "(cells.n_clients < 11 or n_therapists < 3 or top_therapist_share > 0.8 "
        "or metrics.aggregation = 'share' "
        "and (n_clients_counted < 11 or n_clients_not_counted < 11) "
        "or cells.stratum_kind <> 'all' and cells.period <> 'all')"
    )
    with night.warehouse.connect() as con:
        con.execute(
            f"attach '{night.settings.releases / release_id}.duckdb' as released (read_only)"
        )
        con.execute(
            f"create temp table compared as with shown as ({shown}) "
            f"select cells.*, metrics.aggregation, coalesce({small}, false) as is_small, "
            "shown.n_clients_at_least as n_shown, shown.value as value_shown, shown.is_suppressed, "
            "shown.null_reason as reason_shown from marts.rpt_site_metrics as cells "
            "inner join reference.metrics as metrics using (metric) "
            "left join shown on cells.site_id = shown.site_id and cells.metric = shown.metric "
            "and cells.instrument_code is not distinct from shown.instrument_code "
            "and cells.language is not distinct from shown.language "
            "and cells.informant is not distinct from shown.informant "
            "and cells.stratum_kind = shown.stratum_kind and cells.stratum = shown.stratum "
            "and cells.period = shown.period where metrics.aggregation <> 'share_of_therapists'"
        )

        def n(condition: str) -> int:
            sql = f"select count(*) from compared where {condition}"
            return int(con.execute(sql).fetchall()[0][0])

        assert n("not is_small") > 50
        assert n("is_small and stratum_kind = 'all' and is_suppressed") > 50
        # Of the small ones nothing is there but, where nobody has a value, why.
        assert n("is_small and (n_shown is not null or value_shown is not null)") == 0
        assert n("is_small and n_valued > 0 and reason_shown is not null") == 0
        # Of the others some are hidden for another's sake.
        assert n("not is_small and not coalesce(is_suppressed, true)") > 50
        assert n("n_shown is distinct from 11 and value_shown is not null") == 0
        assert n("value is null and value_shown is not null") == 0
        assert n("aggregation = 'share' and abs(value_shown - value) > 0.0251") == 0
        assert n("aggregation <> 'share' and abs(value_shown - value) > 0.501") == 0
        con.execute("detach released")
