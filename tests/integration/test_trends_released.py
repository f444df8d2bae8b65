"""From the night's cells to a release: each rule once, gaps, stretches, deciles, bad files."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pytest

from expectations.model import Group, Intervention, Thresholds
from expectations.registry import Registry, load_registry
from orchestration.assets.benchmarks import KEY as BENCHMARKS
from orchestration.assets.trends import KEYS, trends_assets, write_trends
from orchestration.benchmark_tables import replace_tables
from orchestration.cli.home import _group_text
from orchestration.definitions import build
from orchestration.night import Night
from orchestration.release import publish
from orchestration.release.checks import candidate_problems
from orchestration.release.reader import Releases
from orchestration.schedules import JOB
from orchestration.settings import Settings
from tests.unit.release.small_warehouse import small_meta, small_registry, small_warehouse

MONTHS = [f"{year}-{month:02d}" for year in (2025, 2026) for month in range(1, 13)]
FLAT = [10.0, 11.0] * 12
"""Mean 10.5, moving ranges of 1: limits 7.84 and 13.16, outer thirds beyond 8.7267 and 12.2733."""


def _line(**places: float | None) -> list[float | None]:
    values: list[float | None] = [*FLAT]
    for month, value in places.items():
        values[MONTHS.index(f"{month[1:5]}-{month[5:]}")] = value
    return values


LINES: dict[str, list[float | None]] = {
    # Mean (252 - 11 + 20) / 24 = 10.875; the ranges of 10 and 10 are left out.
    "outside": _line(m202506=20.0),
    # 10 gives way to 11.1 four times: seven above the mean of 256.7 / 24 = 10.696.
    "shift": [*FLAT[:16], *([11.1, 11.0] * 3), 11.1, 10.0],
    # Mean 252.5 / 24; from May 2026 on six steps up.
    "trend": [*FLAT[:16], 9.0, 9.3, 9.6, 10.4, 10.7, 11.0, 11.3, 11.2],
    "two_in_three": _line(m202505=12.8, m202506=11.0, m202507=12.8),
    "gap": _line(m202504=None, m202508=None),
    "thin": [value if place % 2 else None for place, value in enumerate(FLAT)],
    "young": [*[None] * 13, *FLAT[13:]],
    "changed": [*FLAT[:12], *(value + 5 for value in FLAT[12:])],
}
MARKED = {
    "outside": ["2025-06"],
    "shift": MONTHS[15:23],
    "trend": MONTHS[16:23],
    "two_in_three": ["2025-05", "2025-07"],
}
CHANGES = (
    Intervention(
        starts_on=date(2026, 1, 5), name="New room", practice_id="practice", site_id="changed"
    ),
    Intervention(starts_on=date(2027, 1, 1), name="=A new form", practice_id="other"),
)


def _warehouse(lines: dict[str, list[float | None]] = LINES) -> duckdb.DuckDBPyConnection:
    """The lines as cells beside the small warehouse's own; None is a hidden cell."""
    con = small_warehouse()
    rows = pd.DataFrame(
        [
            (site, period, value)
            for site, values in lines.items()
            for period, value in zip(MONTHS, values, strict=True)
        ],
        columns=["site_id", "period", "raw"],
    )
    con.register("rows", rows)
    con.execute(
        "create temp table of_a_site as select * from benchmark.site_benchmarks "
        "where site_id in ('site_00', 'site_03')"
    )
    con.execute(
        "insert into benchmark.site_benchmarks by name select cells.* replace ("
        "rows.site_id as site_id, rows.period as period, rows.raw as raw, null as flag) "
        "from rows inner join of_a_site as cells on cells.is_suppressed = isnan(rows.raw)"
    )
    con.execute("update benchmark.site_benchmarks set raw = null where is_suppressed")
    con.execute(
        "insert into benchmark.shown_response_rates by name select rates.* replace ("
        "rows.site_id as site_id, rows.period as period) from rows "
        "inner join benchmark.shown_response_rates as rates on rates.site_id = 'site_00'"
    )
    con.unregister("rows")
    return con


def _group(periods: Sequence[str] = ("month", "quarter", "all")) -> Group:
    return Group.model_validate(
        {
            "group_id": "group",
            "name": "The group",
            "time_zone": "America/New_York",
            "periods": periods,
            "interventions": [each.model_dump() for each in CHANGES],
        }
    )


def _registry(group: Group) -> Registry:
    own = small_registry()
    return Registry(group, own.practices, own.feeds, own.instruments, own.broken)


def _released(con: duckdb.DuckDBPyConnection, folder: Path, group: Group) -> Path:
    registry = _registry(group)
    write_trends(con, group)
    with pytest.MonkeyPatch.context() as patch:
        # The lines are written past disclosure control, which has tests of its own.
        patch.setattr(publish, "disclosure_problems", lambda *_, **__: [])
        publish.write_release(con, folder, small_meta(registry), registry)
    pointer = Releases(folder).current()
    assert pointer is not None
    return pointer.release


def _asked(release: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(release), read_only=True) as con:
        return con.execute(sql).fetchall()


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _released(_warehouse(), tmp_path_factory.mktemp("lines"), _group())


@pytest.mark.parametrize("rule", MARKED)
def test_each_rule_marks_its_points_and_no_other_does(release: Path, rule: str) -> None:
    assert _asked(
        release,
        "select distinct signals, list(period order by period) from site_trends "
        f"where site_id = '{rule}' and signals is not null group by all",
    ) == [(rule, MARKED[rule])]


def test_limits_are_those_worked_out_by_hand(release: Path) -> None:
    found = _asked(
        release,
        "select site_id, any_value(mean), any_value(lower_limit), any_value(upper_limit) "
        "from site_trends where site_id in ('outside', 'gap') group by all order by all",
    )
    # Without April 2025 (11) and August (11): 22 values, and 2 + 2 + 15 ranges of 1.
    expected = [("gap", 230 / 22), ("outside", 261 / 24)]
    for (site, mean, lower, upper), (name, by_hand) in zip(found, expected, strict=True):
        assert site == name
        assert (mean, lower, upper) == pytest.approx((by_hand, by_hand - 2.66, by_hand + 2.66))


def test_a_hidden_period_is_absent_and_a_line_of_gaps_says_so(release: Path) -> None:
    assert _asked(
        release,
        "select site_id, count(*), count(mean), count(signals), any_value(null_reason) "
        "from site_trends where site_id in ('gap', 'thin', 'young') group by all order by all",
    ) == [
        ("gap", 22, 22, 0, None),
        ("thin", 12, 0, 0, "gaps"),
        ("young", 11, 0, 0, "too_few_points"),
    ]


def test_what_was_changed_begins_a_stretch_and_is_listed(release: Path) -> None:
    assert _asked(
        release,
        "select phase, min(period_on), count(*), any_value(mean), count(signals) "
        "from site_trends where site_id = 'changed' group by all order by all",
    ) == [(1, date(2025, 1, 1), 12, 10.5, 0), (2, date(2026, 1, 1), 12, 15.5, 0)]
    assert _asked(release, "select max(phase) from site_trends where site_id <> 'changed'") == [
        (1,)
    ]
    assert _asked(release, "from interventions order by starts_on") == [
        (date(2026, 1, 5), "practice", "changed", "New room"),
        (date(2027, 1, 1), "other", None, "=A new form"),
    ]


def test_deciles_stand_where_ten_sites_do(tmp_path: Path) -> None:
    lines: dict[str, list[float | None]] = {
        f"s{number:02d}": [20.0 + number, None if number == 9 else 1.0, *[None] * 22]
        for number in range(10)
    }
    path = _released(_warehouse(lines), tmp_path, _group())
    ((period, period_on, n_sites, p10, p50, p90),) = _asked(
        path, "select period, period_on, n_sites, p10, p50, p90 from network_deciles"
    )
    assert (period, period_on, n_sites) == ("2025-01", date(2025, 1, 1), 10)
    assert (p10, p50, p90) == pytest.approx((20.9, 24.5, 28.1))


def test_a_group_without_months_or_quarters_has_no_lines(tmp_path: Path) -> None:
    con = _warehouse()
    assert write_trends(con, _group())["site_trends"] > 0
    path = _released(con, tmp_path, _group(("year", "all")))
    for table in ("site_trends", "network_deciles"):
        assert _asked(path, f"select count(*) from {table}") == [(0,)]


def test_the_nights_job_draws_lines_between_benchmarks_and_release(tmp_path: Path) -> None:
    settings, registry = Settings(tmp_path), _registry(_group())
    # Dagster keeps the storage of the instance opened last, which another test's may be: dead.
    with dg.DagsterInstance.ephemeral() as instance:
        graph = build(settings, registry).resolve_job_def(JOB).asset_layer.asset_graph
        assert set(KEYS) <= graph.get(dg.AssetKey(["release", "current"])).parent_keys
        assert {BENCHMARKS} == graph.get(KEYS[0]).parent_keys
        night = Night(settings, registry)
        night.warehouse.prepare()
        cells = _warehouse().execute("from benchmark.site_benchmarks").df()
        with night.warehouse.connect() as con:
            replace_tables(con, {"site_benchmarks": cells})
        done = dg.materialize(
            trends_assets(),
            instance=instance,
            resources={"night": dg.ResourceDefinition.hardcoded_resource(night)},
        )
        counted = {
            each.asset_key.path[-1]: each.metadata["dagster/row_count"].value
            for each in done.asset_materializations_for_node("trends")
        }
    n_shown = sum(value is not None for values in LINES.values() for value in values)
    assert counted == {"site_trends": n_shown, "network_deciles": 0}


def test_a_sample_home_has_months_and_a_groups_own_what_it_says(tmp_path: Path) -> None:
    for sample in (True, False):
        (tmp_path / "group.yml").write_text(_group_text(sample), encoding="utf-8")
        group = load_registry([tmp_path]).group
        assert group.sample_practices is sample
        assert ("month" in group.periods) is sample


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update site_trends set value = value + 0.1", "not those of a shown cell"),
        (
            "insert into site_trends select * replace ('2025-03' as period) from site_trends "
            "where site_id = 'thin' and period = '2025-02'",
            "1 values are not those of a shown cell",
        ),
        ("update site_trends set null_reason = 'gaps'", "neither limits nor a reason, or both"),
        ("update site_trends set null_reason = 'no_idea' where mean is null", "nor a reason"),
        ("update site_trends set upper_limit = null", "neither limits nor a reason, or both"),
        ("update site_trends set signals = 'shift' where site_id = 'thin'", "nor a reason"),
        ("update site_trends set signals = 'shift,best' where mean is not null", "unknown"),
        (
            "insert into network_deciles by name select * exclude (practice_id, site_id, value, "
            "phase, mean, lower_limit, upper_limit, signals, null_reason), 9 as n_sites "
            "from site_trends where site_id = 'gap' limit 1",
            "of too few sites",
        ),
        (
            "insert into network_deciles by name select * exclude (practice_id, site_id, value, "
            "phase, mean, lower_limit, upper_limit, signals, null_reason), 10 as n_sites, "
            "2 as p10, 1 as p20 from site_trends where site_id = 'gap' limit 1",
            "deciles do not rise",
        ),
    ],
)
def test_a_file_that_tells_more_or_otherwise_is_refused(
    release: Path, tmp_path: Path, change: str, said: str
) -> None:
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(release.read_bytes())
    with duckdb.connect(str(copy)) as con:
        assert candidate_problems(con, "release", Thresholds()) == []
        con.execute(change)
        assert said in "; ".join(candidate_problems(con, "release", Thresholds()))
