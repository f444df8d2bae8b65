"""Which rows of the tables of measures go out: tonight's, or those that an earlier release showed.

A row that was shown stands with its numbers until enough of its clients changed since the release
that wrote it; else the difference of two releases would be the answers of a few. So it is with
every release that wrote it, as readers keep them all: a delivery that is corrected, or taken back,
brings a row near to what it said before. Then it says that again, and nothing new.

Two shares of episodes differ by the share of those who came between them: a month, say, that is
hidden itself because few were counted. So there must be enough of those counted who changed, and of
the others, as of any share that is shown (measures_judged.sql). What is hidden
tonight stays hidden, whatever an earlier release showed of it: a row, and a number within one. A
row that can be shown again after it was hidden has the numbers that readers have of it already, as
long as too few changed since: they say nothing new. A row whose key is not there tonight falls
away.

Every table goes the same way. It ends in temporary tables `released_<table>`, which the release is
filled from, and in the ledger's provisional rows (disclosure_rows).
"""

from datetime import date

import duckdb

from expectations.model import Thresholds
from orchestration import disclosure_ledger as ledger
from orchestration.changed_clients import GAINED_OR_LOST, NAMES, ON_BOTH_SIDES, count_by_forms
from orchestration.disclosure_rows import (
    CELL,
    columns_said,
    digest,
    has_cells,
    is_shown,
    last_said,
    read_back,
    said,
    said_ever,
    shapes,
    sketched,
)
from orchestration.release.contents import ALL_PROTECTIONS, MeasureProtections, query
from orchestration.release.tables import ReleaseColumn, ReleaseTable, tables_of_measures
from orchestration.sql import identifier, literal
from orchestration.warehouse import transaction

_NAMED = (*NAMES, "metric")
_NUMBERS = ("double", "integer", "bigint", "boolean")


def let_stand(
    source: duckdb.DuckDBPyConnection,
    thresholds: Thresholds,
    on: date,
    protections: MeasureProtections = ALL_PROTECTIONS,
) -> None:
    """Decide on every row of measures. After `prepare_measures`; `on` is the group's day.

    Writes the ledger's provisional rows, in a transaction of its own: until the release is out, the
    next night takes them back. A release that no benchmarks were made for has a number of its own.
    """
    tables = tables_of_measures()
    with transaction(source):
        number = ledger.provisional(source)
        if number is None:
            number = ledger.begin(source, thresholds, on).release_no
        since = ledger.epoch(source, number).first
        _find_rows(source, tables)
        source.execute(f"create or replace temp table said_before as {last_said(since, number)}")
        earlier = said_ever(since, number) if protections.history else "from said_before"
        source.execute(f"create or replace temp table said_earlier as {earlier}")
        _judge(source, thresholds, protections)
        for table in tables:
            source.execute(_released(table))
        _count_kept(source, tables)
        _write(source, number)


def _find_rows(source: duckdb.DuckDBPyConnection, tables: tuple[ReleaseTable, ...]) -> None:
    """Tonight's rows as the queries give them, and what the shown ones of them say."""
    sketched(source)
    source.execute(
        "create or replace temp table said_tonight (table_name varchar, row_digest ubigint, "
        f"said varchar, sketch integer[], {', '.join(f'{name} varchar' for name in _NAMED)})"
    )
    for table in tables:
        sql = query(table.table)
        assert sql is not None
        source.execute(f"create or replace temp table {_tonight(table)} as {table.select(sql)}")
        cell = digest(CELL) if has_cells(table) else "null::ubigint"
        source.execute(
            f"""
            insert into said_tonight by name
            select rows.* exclude (cell_digest), sketches.sketch
            from (
                select
                    {literal(table.table)} as table_name,
                    {digest(table.key)} as row_digest,
                    {said(table)} as said,
                    {cell} as cell_digest,
                    {columns_said(table, _NAMED)}
                from {_tonight(table)}
                where {is_shown(table)}
            ) as rows
            left join sketches using (cell_digest)
            """
        )


def _judge(
    source: duckdb.DuckDBPyConnection, thresholds: Thresholds, protections: MeasureProtections
) -> None:
    """`standing_rows`: those that say something else tonight than they said last, of too few other
    clients than when they were written; of several such writings the newest stands."""
    source.execute(
        f"""
        create or replace temp table moved_rows as
        select
            row_number() over () as asked_no,
            now.*,
            tables.changes_counted,
            earlier.said as said_before,
            earlier.sketch as sketch_before,
            earlier.release_no as against
        from said_tonight as now
        inner join said_before as before using (table_name, row_digest)
        inner join said_earlier as earlier using (table_name, row_digest)
        inner join {shapes()} using (table_name)
        where now.said <> before.said and now.said <> earlier.said
        """
    )
    source.execute(_ASKED)
    count_by_forms(source, "asked_of_forms")
    cell = ", ".join(_BENCHMARKED)
    source.execute(
        f"create or replace temp table benchmarks_written as select {cell}, "
        "max(written_release) as written_release from benchmark.disclosure_ledger group by all"
    )
    # Names that are null are empty texts there.
    same = " and ".join(f"coalesce(moved.{name}, '') = written.{name}" for name in _BENCHMARKED)
    source.execute(
        f"""
        create or replace temp table standing_rows as
        select
            moved.table_name,
            moved.row_digest,
            moved.said_before as said,
            moved.sketch_before as sketch,
            moved.against
        from moved_rows as moved
        left join forms_asked as asked on moved.asked_no = asked.row_no
        left join clients_counted as counted on asked.asked_no = counted.asked_no
        left join benchmarks_written as written on {same}
        left join metric_rules as rules on moved.metric = rules.metric
        where {protections.refresh} and not coalesce(
            case
                when moved.changes_counted = 'by_site_benchmarks'
                    then written.written_release > moved.against
                when asked.row_no is not null then counted.n_changed >= $minimum
                when {protections.sides} and rules.adds_up and rules.aggregation = 'share'
                    then {ON_BOTH_SIDES} >= $minimum
                else {GAINED_OR_LOST} >= $minimum
            end,
            false
        )
        qualify row_number() over (
            partition by moved.table_name, moved.row_digest order by moved.against desc
        ) = 1
        """,
        {"minimum": thresholds.minimum_clients},
    )


# The models of case mix are of one period, which their other tables do not name. Rows of the same
# forms that were written in the same release are one question.
_ASKED = f"""
    create or replace temp table forms_asked as
    select
        moved.asked_no as row_no,
        moved.against,
        moved.practice_id,
        moved.site_id,
        moved.instrument_code,
        moved.version,
        coalesce(moved.language, '') as language,
        moved.informant,
        case when moved.changes_counted = 'by_network' then coalesce(moved.collection_mode, '') end
            as collection_mode,
        nullif(moved.stage, 'all') as stage,
        nullif(coalesce(moved.period, models.period), 'all') as period
    from moved_rows as moved
    left join benchmark.case_mix_models as models
        on
            moved.changes_counted = 'by_network'
            and moved.instrument_code = models.instrument_code
            and moved.version = models.version
            and moved.language is not distinct from models.language
            and moved.informant = models.informant
            and moved.collection_mode is not distinct from models.collection_mode
            and moved.stage = models.stage
    where
        moved.changes_counted in ('by_questionnaire', 'by_network')
        or (moved.changes_counted = 'by_cell_or_questionnaire' and moved.sketch is null);

    create or replace temp table forms_asked as
    select *, dense_rank() over (order by against, {", ".join(NAMES)}) as asked_no
    from forms_asked;

    create or replace temp table asked_of_forms as
    select distinct * exclude (row_no) from forms_asked
    """

_BENCHMARKED = (
    "practice_id",
    "site_id",
    "instrument_code",
    "version",
    "language",
    "informant",
    "collection_mode",
    "metric",
    "stage",
    "period",
)


def _released(table: ReleaseTable) -> str:
    """The rows that go out. Those that stand have their old numbers, where tonight has one too."""
    columns = ", ".join(
        f"case when standing.said is null then now.{identifier(column.name)} "
        f"else {_standing(column)} end as {identifier(column.name)}"
        for column in table.columns
    )
    return f"""
        create or replace temp table {identifier(f"released_{table.table}")} as
        with now as (select *, {digest(table.key)} as row_digest from {_tonight(table)}),

        standing as (
            select row_digest, said, {read_back(table, "said")} as before
            from standing_rows where table_name = {literal(table.table)}
        )

        select {columns}
        from now left join standing using (row_digest)
        where {_is_whole(table)}
        """


def _standing(column: ReleaseColumn) -> str:
    name = identifier(column.name)
    # The last twelve months are others each month.
    if column.follows_data or column.name == "period":
        return f"now.{name}"
    # Why a number is null: because it was, or because it is tonight.
    if column.name.endswith("_reason"):
        return f"coalesce(standing.before.{name}, now.{name})"
    if column.type in _NUMBERS:
        return f"case when now.{name} is not null then standing.before.{name} end"
    return f"standing.before.{name}"


def _is_whole(table: ReleaseTable) -> str:
    """Numbers beside site_benchmarks belong together, parts of a gap add up: where one of them is
    hidden tonight the row falls away."""
    if table.changes_counted != "by_site_benchmarks":
        return "true"
    hidden = " or ".join(
        f"(now.{name} is null and standing.before.{name} is not null)"
        for name in (identifier(each.name) for each in table.columns if each.type in _NUMBERS)
    )
    return f"standing.said is null or not ({hidden})"


def _count_kept(source: duckdb.DuckDBPyConnection, tables: tuple[ReleaseTable, ...]) -> None:
    """Rows that stand, for the suppression report."""
    released = " union all ".join(
        f"select {literal(table.table)} as table_name, {digest(table.key)} as row_digest "
        f"from {identifier(f'released_{table.table}')}"
        for table in tables
    )
    source.execute(
        "insert into kept_measures select table_name, count(*) from standing_rows "
        f"semi join ({released}) using (table_name, row_digest) group by table_name"
    )


def _write(source: duckdb.DuckDBPyConnection, number: int) -> None:
    """The ledger's rows of tonight: what was never shown before, is written anew, or says again
    what it said before the last time."""
    source.execute("delete from benchmark.disclosure_measures where release_no = ?", [number])
    source.execute(
        f"""
        insert into benchmark.disclosure_measures by name
        select
            now.table_name,
            now.row_digest,
            tables.shape,
            coalesce(standing.said, now.said) as said,
            case when standing.said is null then now.sketch else standing.sketch end as sketch,
            ? as release_no
        from said_tonight as now
        inner join {shapes()} using (table_name)
        left join said_before as before using (table_name, row_digest)
        left join standing_rows as standing using (table_name, row_digest)
        where before.said is distinct from coalesce(standing.said, now.said)
        """,
        [number],
    )


def _tonight(table: ReleaseTable) -> str:
    return identifier(f"tonight_{table.table}")
