"""Whose answers stand in which cell: what tells that a cell changed, and how many of its clients.

The months of clients that the marts are made of are held against those of the last release, group
by group (site, questionnaire, stage, month) by sums over all of it, row by row only where a sum
differs: on most nights that is little. A cell's content is a sum too, in which no pseudonym enters:
a new key changes no cell.
"""

from collections.abc import Sequence

import duckdb
import pandas as pd

from orchestration.benchmarking.protected_sites import CELL

_SITE = (
    "practice_id",
    "site_id",
    "instrument_code",
    "version",
    "language",
    "informant",
    "collection_mode",
)
_NAMES = ", ".join(_SITE)
_VALUES = ("n_forms", "n_at_best", "summed_billionths")

# The stage as dbt's macro treatment_stage has it.
_NOW = """
    select
        months.practice_id,
        months.site_id,
        months.instrument_code,
        months.version,
        coalesce(months.language, '') as language,
        months.informant,
        coalesce(months.collection_mode, '') as collection_mode,
        months.client_key,
        months.month_on,
        coalesce(
            case
                when months.closed_from_on <= practices.data_through_on
                    then months.stage_once_closed
                else months.stage_while_open
            end,
            ''
        ) as stage,
        months.n_forms,
        months.n_at_best,
        months.summed_billionths
    from intermediate.int_client_months_summed as months
    inner join intermediate.int_practices_dated as practices
        on months.practice_id = practices.practice_id
    """
_OPEN = "select * from benchmark.disclosure_members where until_release is null"


def _sums(rows: str) -> str:
    """Sums by group that are equal when the rows are, however one client's are split up.

    Linear in the values, with a number for each client that nothing tells beforehand; so they do
    not change when a client's forms are those of two therapists.
    """
    number = "(hash(client_key) >> 24)::hugeint"
    return f"""
        select
            {_NAMES},
            stage,
            month_on,
            sum({number} * summed_billionths) as weighed_scores,
            sum({number} * (1000 * n_forms + n_at_best)) as weighed_forms,
            sum(hash(n_forms, n_at_best, summed_billionths)::hugeint) as drawn
        from ({rows})
        group by all
        """


def note_months(con: duckdb.DuckDBPyConnection) -> None:
    """Tonight's closed months as sums, for `candidates` and `follow_members`; temporary."""
    con.execute(
        f"""
        create or replace temp table disclosure_months as
        select sums.*
        from ({_sums(_NOW)}) as sums
        semi join intermediate.int_periods_closed as periods
            on sums.month_on is not distinct from periods.month_on
        """
    )


_CONTENTS = f"""
    with placed as (
        select * from disclosure_months where stage <> ''
        union all
        select * replace ('all' as stage) from disclosure_months
    )

    select
        {", ".join(f"placed.{name}" for name in _SITE)},
        placed.stage,
        periods.period,
        sum(placed.drawn)::varchar as drawn
    from placed
    inner join intermediate.int_periods_closed as periods
        on placed.month_on is not distinct from periods.month_on
    group by all
    """
# By cell, a text that is another one when values in it change.

_CANDIDATES = f"""
    with contents as ({_CONTENTS}),

    cells as (
        select * replace (
            coalesce(language, '') as language,
            coalesce(collection_mode, '') as collection_mode
        )
        from marts.rpt_site_statistics
    )

    select
        {", ".join(f"cells.{name}" for name in CELL)},
        md5(concat_ws(
            ' ',
            coalesce(contents.drawn, '-'),
            cells.n_clients,
            coalesce(cells.n_therapists, 0),
            cells.n_forms,
            format('{{:.9f}}', cells.mean_of_client_means),
            coalesce(format('{{:.9f}}', cells.ceiling_share), '-'),
            coalesce(format('{{:.9f}}', cells.top_therapist_form_share), '-')
        )) as content,
        cells.n_clients::double as n_clients,
        cells.n_forms::double as n_forms,
        cells.n_therapists::double as n_therapists,
        cells.mean_of_client_means - scales.minimum as mean,
        cells.ceiling_share as share,
        scales.maximum - scales.minimum as width,
        cells.top_therapist_form_share
    from cells
    inner join marts.dim_scales as scales
        on
            cells.instrument_code = scales.instrument_code
            and cells.version = scales.version
            and scales.scale = 'total'
    left join contents
        on
            cells.practice_id = contents.practice_id
            and cells.site_id = contents.site_id
            and cells.instrument_code = contents.instrument_code
            and cells.version = contents.version
            and cells.language = contents.language
            and cells.informant = contents.informant
            and cells.collection_mode = contents.collection_mode
            and cells.stage = contents.stage
            and cells.period = contents.period
    order by {", ".join(f"cells.{name}" for name in CELL)}
    """


def candidates(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Tonight's cells with their exact numbers and contents, as disclosure.protect takes them.
    After `note_months`."""
    return con.execute(_CANDIDATES).df().astype(dict.fromkeys((*CELL, "content"), "str"))


def follow_members(con: duckdb.DuckDBPyConnection, release_no: int) -> None:
    """Bring benchmark.disclosure_members to tonight's state, as of a release. After `note_months`;
    within the caller's transaction."""
    group = (*_SITE, "stage", "month_on")
    same = " and ".join(f"now.{name} is not distinct from stored.{name}" for name in group)
    con.execute(
        f"""
        create or replace temp table disclosure_groups as
        select
            row_number() over () as group_no,
            {", ".join(f"coalesce(now.{name}, stored.{name}) as {name}" for name in group)}
        from disclosure_months as now
        full join ({_sums(_OPEN)}) as stored on {same}
        where
            now.weighed_scores is distinct from stored.weighed_scores
            or now.weighed_forms is distinct from stored.weighed_forms
        """
    )
    in_group = " and ".join(f"rows.{name} is not distinct from groups.{name}" for name in group)
    con.execute(
        f"""
        create or replace temp table disclosure_now as
        select
            groups.group_no,
            rows.client_key,
            {", ".join(f"sum(rows.{name}) as {name}" for name in _VALUES)}
        from ({_NOW}) as rows
        inner join disclosure_groups as groups on {in_group}
        where groups.month_on is null or groups.month_on in (
            select month_on from intermediate.int_periods_closed
        )
        group by all
        """
    )
    con.execute(
        f"""
        create or replace temp table disclosure_stored as
        select
            rows.rowid as row_no,
            groups.group_no,
            rows.client_key,
            {", ".join(f"rows.{name}" for name in _VALUES)}
        from benchmark.disclosure_members as rows
        inner join disclosure_groups as groups on {in_group}
        where rows.until_release is null
        """
    )
    alike = " and ".join(
        f"now.{name} = stored.{name}" for name in ("group_no", "client_key", *_VALUES)
    )
    con.execute(
        "update benchmark.disclosure_members set until_release = ? where rowid in "
        "(select stored.row_no from disclosure_stored as stored "
        f"anti join disclosure_now as now on {alike})",
        [release_no],
    )
    con.execute(
        f"""
        insert into benchmark.disclosure_members by name
        select groups.* exclude (group_no), new.* exclude (group_no), ?::integer as from_release
        from (
            select now.* from disclosure_now as now anti join disclosure_stored as stored on {alike}
        ) as new
        inner join disclosure_groups as groups on new.group_no = groups.group_no
        """,
        [release_no],
    )
    for name in ("groups", "now", "stored"):
        con.execute(f"drop table disclosure_{name}")


def changes(
    con: duckdb.DuckDBPyConnection, asked: pd.DataFrame, release_no: int, columns: Sequence[str]
) -> pd.DataFrame:
    """How many clients of each cell asked changed since `against`: `columns` after the cell's own.

    A client's values in a cell are his forms, those at the best score, and their sum. One who was
    withdrawn since, or whose rows are past their term, is not among those who left: that takes from
    the number of changed ones and never adds to it. After `follow_members`.
    """
    con.register("disclosure_asked", asked)
    values = ", ".join(
        f"coalesce(sum(members.{name}) filter (where {when}), 0) as {name}_{which}"
        for name in _VALUES
        for which, when in (
            (
                "before",
                "members.from_release <= asked.against and "
                "coalesce(members.until_release > asked.against, true)",
            ),
            ("after", "members.until_release is null"),
        )
    )
    differs = " or ".join(f"{name}_before <> {name}_after" for name in _VALUES)
    try:
        return con.execute(
            f"""
            with moved as (
                select distinct {_NAMES}, client_key
                from benchmark.disclosure_members
                where
                    until_release is not null
                    or from_release > (select min(against) from disclosure_asked)
            ),

            asked as (
                select row_number() over () as asked_no, * from disclosure_asked
            ),

            members as (
                select members.*
                from benchmark.disclosure_members as members
                semi join moved using ({_NAMES}, client_key)
            ),

            clients as (
                select
                    asked.asked_no,
                    members.client_key,
                    {values}
                from asked
                inner join intermediate.int_periods_closed as periods
                    on asked.period = periods.period
                inner join members
                    on {" and ".join(f"asked.{name} = members.{name}" for name in _SITE)}
                    and periods.month_on is not distinct from members.month_on
                    and (asked.stage = 'all' or asked.stage = members.stage)
                group by all
            ),

            counted as (
                select
                    asked_no,
                    count(*) filter (where {differs}) as n_changed,
                    count(*) filter (where n_forms_after > 0 and ({differs})) as n_entered,
                    count(*) filter (where n_forms_before > 0 and ({differs})) as n_left
                from clients
                group by asked_no
            )

            select
                {", ".join(f"asked.{name}" for name in CELL)},
                asked.against,
                ?::integer as release_no,
                coalesce(counted.n_changed, 0)::double as n_changed,
                coalesce(counted.n_entered, 0)::double as n_entered,
                coalesce(counted.n_left, 0)::double as n_left
            from asked left join counted using (asked_no)
            order by asked.asked_no
            """,
            [release_no],
        ).df()[[*CELL, *columns]]
    finally:
        con.unregister("disclosure_asked")
