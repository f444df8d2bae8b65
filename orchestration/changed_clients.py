"""How many clients stand otherwise behind rows of measures than when they were written: numbers
that are never too high, so that a row stands rather too long than too short.

Of a cell of the marts two sketches tell: how many of its people make which contribution, by bucket
(int_cells_sketched). Someone whose contribution changed leaves one bucket and enters another, or
stays in his; someone who came enters one, someone who left leaves one. So each who changed adds at
most 1 to what all buckets gained, and at most 1 to what all lost: neither sum is more than the
number of those who changed, and the larger one is at least half of all differences. Equal
contributions in other people's hands, and two contributions in one bucket, are not seen; both make
the number lower. Of a share of one unit a client there are two contributions, with a bucket each:
of all buckets, the one that changed second most is that of those counted or of those who are not,
whichever changed less.

Of other rows the forms of their questionnaire tell, by client (benchmark.disclosure_members). Forms
that a client had in equal number and with equal sums are no change.
"""

import duckdb

GAINED_OR_LOST = """
    greatest(
        list_sum([greatest(pair[1] - pair[2], 0) for pair in list_zip(sketch, sketch_before)]),
        list_sum([greatest(pair[2] - pair[1], 0) for pair in list_zip(sketch, sketch_before)])
    )
    """
"""SQL: people who changed between `sketch_before` and `sketch`, at least; null where one is."""

ON_BOTH_SIDES = """
    list_sort([abs(pair[1] - pair[2]) for pair in list_zip(sketch, sketch_before)], 'DESC')[2]
    """
"""SQL: of a share of one unit a client, those who changed on the side of it that changed less."""

NAMES = (
    "practice_id",
    "site_id",
    "instrument_code",
    "version",
    "language",
    "informant",
    "collection_mode",
    "stage",
    "period",
)
"""What names the forms behind a row. Null is any practice, site, way of collecting, stage and
closed period; an empty text is what nobody recorded."""


def count_by_forms(con: duckdb.DuckDBPyConnection, asked: str) -> None:
    """Make `clients_counted`: asked_no and `n_changed` of every row of `asked`; temporary.

    `asked` is a table: asked_no, NAMES and `against`, the release that a row was written in.
    After disclosure_members.follow_members.
    """
    values = ("n_forms", "n_at_best", "summed_billionths")
    sums = ", ".join(
        f"coalesce(sum(members.{name}) filter (where {when}), 0) as {name}_{which}"
        for name in values
        for which, when in (
            (
                "before",
                "members.from_release <= asked.against "
                "and coalesce(members.until_release > asked.against, true)",
            ),
            ("after", "members.until_release is null"),
        )
    )
    differs = " or ".join(f"{name}_before <> {name}_after" for name in values)
    con.execute(
        f"""
        create or replace temp table clients_counted as
        with moved as (
            select distinct practice_id, instrument_code, version, language, informant, client_key
            from benchmark.disclosure_members
            where
                until_release is not null
                or from_release > (select min(against) from {asked})
        ),

        months as (
            select distinct period, month_on from intermediate.int_periods_closed
            union all
            select distinct null as period, month_on from benchmark.disclosure_members
        ),

        clients as (
            select asked.asked_no, members.practice_id, members.client_key, {sums}
            from {asked} as asked
            inner join months on asked.period is not distinct from months.period
            inner join benchmark.disclosure_members as members
                on
                    asked.instrument_code = members.instrument_code
                    and asked.version = members.version
                    and asked.language = members.language
                    and asked.informant = members.informant
                    and months.month_on is not distinct from members.month_on
                    and coalesce(asked.practice_id = members.practice_id, true)
                    and coalesce(asked.site_id = members.site_id, true)
                    and coalesce(asked.collection_mode = members.collection_mode, true)
                    and coalesce(asked.stage = members.stage, true)
            semi join moved
                on
                    members.practice_id = moved.practice_id
                    and members.instrument_code = moved.instrument_code
                    and members.version = moved.version
                    and members.language = moved.language
                    and members.informant = moved.informant
                    and members.client_key = moved.client_key
            group by all
        )

        select asked_no, count(*) filter (where {differs}) as n_changed
        from clients
        group by asked_no
        """
    )
