"""The last look at a candidate's tables of measures: does a row say something new of too few
clients?

The file is held against what the ledger has of all releases that went out, and shares nothing
with the code that lets rows stand but the tables both read. What is said of a row names its table
and site, never a value.
"""

from collections.abc import Iterator

import duckdb
import numpy as np

from expectations.model import Thresholds
from orchestration import disclosure_ledger as ledger
from orchestration.disclosure_rows import CELL, digest, is_shown, read_back, said, shape
from orchestration.measures.arrays import Floats
from orchestration.release.tables import ReleaseTable, tables_of_measures
from orchestration.sql import identifier, literal

_NAMED = 5
_BATCH_ROWS = 50_000
_NETWORK = ("instrument_code", "version", "language", "informant", "collection_mode", "stage")


def refresh_problems(
    candidate: duckdb.DuckDBPyConnection, source: duckdb.DuckDBPyConnection, thresholds: Thresholds
) -> list[str]:
    """Sentences about rows written anew too early, and rows the ledger does not have as the file
    has them; none when there are none. `source` is the warehouse."""
    number = ledger.last_number(source)
    since = ledger.epoch(source, number).first
    _note_shown(candidate, source)
    found = [
        f"{table.table}: a row is not what the ledger of what was shown has of it: {place}"
        for table in _that_differ(source, f"release_no between {since} and {number}", "left")
        for place in _places(source, table)
    ]
    # Of a row never shown before there is nothing to hold it against.
    for table in _that_differ(source, f"release_no >= {since} and release_no < {number}", "inner"):
        early = _changed(source, table) < thresholds.minimum_clients
        found += [
            f"{table.table}: a row was written anew though too few of its clients changed since "
            f"a release that wrote it: {place}"
            for place in _places(source, table, np.flatnonzero(early))
        ]
    return [*found[:_NAMED], "measures: and others"] if len(found) > _NAMED else found


def _note_shown(candidate: duckdb.DuckDBPyConnection, source: duckdb.DuckDBPyConnection) -> None:
    """What the file's rows say, as `rows_shown` beside the ledger; temporary."""
    shown = candidate.sql(
        " union all ".join(
            f"select {literal(table.table)} as table_name, {literal(shape(table))} as shape, "
            f"{digest(table.key)} as row_digest, {said(table)} as said "
            f"from {identifier(table.table)} where {is_shown(table)}"
            for table in tables_of_measures()
        )
    ).to_arrow_reader(_BATCH_ROWS)
    source.register("incoming", shown)
    source.execute("create or replace temp table rows_shown as from incoming")
    source.unregister("incoming")


def _that_differ(source: duckdb.DuckDBPyConnection, of: str, join: str) -> Iterator[ReleaseTable]:
    """Tables with rows that say something which the ledger's newest rows of their keys do not,
    each with those rows as `new_rows`; joined `inner`, once for every row of the ledger that says
    something else."""
    source.execute(
        f"""
        create or replace temp table other_rows as
        with written as (
            select
                *,
                release_no = max(release_no) over (partition by table_name, row_digest) as is_last
            from benchmark.disclosure_measures
            where {of}
        ),

        moved as (
            select table_name, shape, row_digest, rows_shown.said
            from rows_shown
            {join} join (from written where is_last) as newest using (table_name, shape, row_digest)
            where newest.said is distinct from rows_shown.said
        )

        select
            table_name,
            row_digest,
            moved.said,
            written.said as said_then,
            written.sketch as sketch_then,
            written.release_no as against,
            coalesce(written.is_last, true) as is_last
        from moved
        left join written using (table_name, shape, row_digest)
        where {"coalesce(written.is_last, true)" if join == "left" else "true"}
        """
    )
    named = source.execute("select distinct table_name from other_rows").fetchall()
    for table in tables_of_measures():
        if (table.table,) in named:
            _find_new(source, table)
            yield table


def _find_new(source: duckdb.DuckDBPyConnection, table: ReleaseTable) -> None:
    """A number that is null says nothing, and neither does the reason of it. A row that says again
    what it said once is held against the last row alone."""
    words = [
        identifier(name)
        for column in table.columns
        if not column.follows_data and not (name := column.name).endswith("_reason")
    ]
    differs = " or ".join(
        f"(now.{name} is not null and now.{name} is distinct from before.{name})" for name in words
    )
    source.execute(
        f"""
        create or replace temp table new_rows as
        with told as (
            select
                {read_back(table, "said")} as now,
                {read_back(table, "said_then")} as before,
                row_digest,
                sketch_then,
                against,
                is_last
            from other_rows
            where table_name = {literal(table.table)}
        ),

        compared as (
            select *, {differs} as is_other from told
        ),

        judged as (
            select *, bool_or(not is_other) over (partition by row_digest) as is_said_again
            from compared
        )

        select row_number() over () - 1 as position, sketch_then, against, unnest(now)
        from judged
        where is_other and (is_last or not is_said_again)
        """
    )
    if "period" in table.names:
        # The ledger has no month with the last twelve months (disclosure_rows).
        source.execute(
            "update new_rows set period = (select max(period) from intermediate.int_periods_closed "
            "where starts_with(period, '12m-')) where period = '12m'"
        )


def _changed(source: duckdb.DuckDBPyConnection, table: ReleaseTable) -> Floats:
    """Clients that changed behind each of `new_rows` since it was written, at least."""
    if table.changes_counted == "by_site_benchmarks":
        return _written_anew(source, table)
    if table.changes_counted in ("by_questionnaire", "by_network"):
        return _with_other_forms(source, table)
    by_sketch, has_sketch = _by_sketch(source)
    if table.changes_counted == "by_cell_or_questionnaire":
        return np.where(has_sketch, by_sketch, _with_other_forms(source, table))
    return by_sketch


def _by_sketch(source: duckdb.DuckDBPyConnection) -> tuple[Floats, np.ndarray]:
    """Clients by the sketches of then and now, 0 without them; and whether there is one of now. Of
    shares that add up over periods those of the side that changed less."""
    same = " and ".join(f"new.{name} is not distinct from cells.{name}" for name in CELL)
    found = source.execute(
        "select cells.sketch as now, new.sketch_then as then, "
        "coalesce(rules.adds_up and rules.aggregation = 'share', false) as has_sides "
        "from new_rows as new "
        f"left join intermediate.int_cells_sketched as cells on {same} "
        "left join metric_rules as rules on new.metric = rules.metric order by new.position"
    ).df()
    has_now = found["now"].notna().to_numpy()
    both = has_now & found["then"].notna().to_numpy()
    counted = np.zeros(len(found))
    if both.any():
        now, then = (np.stack(found.loc[both, name].to_list()) for name in ("now", "then"))
        moved = now.astype(np.float64) - then.astype(np.float64)
        gained, lost = moved.clip(min=0).sum(axis=1), -moved.clip(max=0).sum(axis=1)
        less = np.sort(np.abs(moved), axis=1)[:, -2]
        has_sides = found.loc[both, "has_sides"].to_numpy(dtype=np.bool_)
        counted[both] = np.where(has_sides, less, np.maximum(gained, lost))
    return counted, has_now


def _written_anew(source: duckdb.DuckDBPyConnection, table: ReleaseTable) -> Floats:
    """Enough clients for any rule where a row's cell of site_benchmarks was written anew since."""
    same = " and ".join(f"coalesce(new.{name}, '') = cells.{name}" for name in table.key)
    return _numbers(
        source,
        "select case when bool_or(cells.written_release > new.against) then 'inf' else '0' end "
        f"from new_rows as new left join benchmark.disclosure_ledger as cells on {same} "
        "group by new.position order by new.position",
    )


def _with_other_forms(source: duckdb.DuckDBPyConnection, table: ReleaseTable) -> Floats:
    """Clients of whom not the same forms are there as in the release that wrote a row: what either
    state has and the other has not."""
    period = "new.period" if "period" in table.names else "'all'"
    at = [
        f"coalesce(new.{name}, '') = members.{name}"
        for name in ("instrument_code", "version", "language", "informant")
    ]
    if table.changes_counted == "by_network":
        at.append("coalesce(new.collection_mode, '') = members.collection_mode")
        at.append("(new.stage = 'all' or new.stage = members.stage)")
        same = " and ".join(f"models.{name} is not distinct from new.{name}" for name in _NETWORK)
        period = f"(select any_value(period) from benchmark.case_mix_models as models where {same})"
    else:
        at += [
            f"(new.{name} is null or new.{name} = members.{name})"
            for name in ("practice_id", "site_id")
        ]
    then = (
        "members.from_release <= new.against "
        "and (members.until_release is null or members.until_release > new.against)"
    )
    states = " union all ".join(
        f"""
        select new.position, members.practice_id, members.client_key, sum(members.n_forms) as forms,
            sum(members.n_at_best) as at_best, sum(members.summed_billionths) as summed
        from new_rows as new
        inner join benchmark.disclosure_members as members on {" and ".join(at)}
        left join intermediate.int_periods_closed as periods
            on periods.period = {period} and periods.month_on is not distinct from members.month_on
        where ({period} = 'all' or periods.period is not null) and {when}
        group by all
        """
        for when in (then, "members.until_release is null")
    )
    return _numbers(
        source,
        f"""
        with states as ({states}),

        in_one as (
            select position, practice_id, client_key
            from states
            group by position, practice_id, client_key, forms, at_best, summed
            having count(*) = 1
        )

        select count(distinct (in_one.practice_id, in_one.client_key))
            filter (where in_one.client_key is not null)
        from new_rows as new
        left join in_one using (position)
        group by position
        order by position
        """,
    )


def _numbers(source: duckdb.DuckDBPyConnection, sql: str) -> Floats:
    found = source.execute(sql).fetchall()
    return np.asarray([float(number) for (number,) in found], dtype=np.float64)


def _places(
    source: duckdb.DuckDBPyConnection, table: ReleaseTable, positions: np.ndarray | None = None
) -> list[str]:
    """Sites and questionnaires of some of `new_rows`, of all where none are named; each once."""
    where = "'all sites'"
    if "site_id" in table.names:
        where = f"coalesce(practice_id || '/' || site_id, {where})"
    of = "true" if positions is None else "list_contains($positions, position)"
    found = source.execute(
        f"select distinct {where} || coalesce(', ' || instrument_code, '') from new_rows "
        f"where {of} order by all",
        {} if positions is None else {"positions": positions.tolist()},
    ).fetchall()
    return [str(place) for (place,) in found]
