"""The last look at the tables of measures: can anything hidden be worked out of them together?

The candidate's file says what readers will see, the publisher's own tables what is true. A row that
stands says what was true once: the attacker does not hold it against tonight's truth, and that it
stands until enough clients changed is for refresh_gate. What is said of a leak names cells, never a
number of them.
"""

from collections.abc import Iterator

import duckdb
import pandas as pd

from expectations.model import Thresholds
from orchestration.disclosure_rows import digest
from orchestration.release.measure_checks import OF_STRATA
from orchestration.release.tables import tables_of_measures
from orchestration.sql import identifier, literal

_NAMED = 5
_BLOCKS = 3_000
"""Sites and families of metrics attacked, about a minute: all there are of a hundred sites, of more
some that every release draws anew."""
_WHOLE_BLOCKS = 10
"""Of these, attacked with the kinds of strata of which nothing is shown."""
_KEY = (
    *("practice_id", "site_id", "instrument_code", "version", "language", "informant"),
    *("metric", "stratum_kind", "stratum", "period"),
)


def measure_leaks(
    candidate: duckdb.DuckDBPyConnection,
    source: duckdb.DuckDBPyConnection,
    thresholds: Thresholds,
) -> Iterator[str]:
    """What can be worked out of a finished candidate's measures, a sentence each.

    `source` is the connection that the candidate was written from (contents.prepare_measures).
    """
    cells = attacked_cells(candidate, source, thresholds)
    if cells.empty:
        return
    from orchestration.benchmarking.measures_attacked import leaking_cells
    from orchestration.benchmarking.measures_known import Believed

    ((seed,),) = candidate.execute(
        "select coalesce(max(epoch(created_at)), 0)::bigint % 1000000 from release"
    ).fetchall()
    believed = Believed(thresholds.minimum_clients)
    found = leaking_cells(cells, believed, n_blocks=_BLOCKS, n_whole=_WHOLE_BLOCKS, seed=int(seed))
    numbers = ", ".join(str(cells["cell_no"].iloc[place]) for place in found[:_NAMED])
    if not found:
        return
    named = source.execute(
        f"select release_table, practice_id || '/' || site_id, coalesce(instrument_code, ''), "
        f"metric, stratum_kind, stratum, period from measured_cells where cell_no in ({numbers}) "
        "order by all"
    ).fetchall()
    for table, *cell in named:
        words = ", ".join(str(part) for part in cell if part)
        yield f"{table}: a hidden count, or a client's score, can be worked out: {words}"
    if len(found) > _NAMED:
        yield "tables of measures: and others"


def withhold_leaks(
    candidate: duckdb.DuckDBPyConnection,
    source: duckdb.DuckDBPyConnection,
    thresholds: Thresholds,
) -> tuple[str, ...]:
    """Let the next candidate of `source` show nothing of sites and families of metrics of which
    something hidden can be worked out. What is withheld is said, a sentence a site and
    questionnaire.

    All are attacked, kinds of which nothing is shown with them, so that the next look, whichever
    sites it draws, has nothing to find; it may take minutes. Where nothing of a family is shown
    nothing is known of it: a part of it, shown now and the rest another night, could still tell.
    """
    from orchestration.benchmarking.measures_attacked import leaking_cells
    from orchestration.benchmarking.measures_known import Believed

    cells = attacked_cells(candidate, source, thresholds)
    found = leaking_cells(cells, Believed(thresholds.minimum_clients), n_whole=None)
    source.execute(
        "insert into withheld_families select distinct block_no, family from measured_cells "
        "where list_contains(?, cell_no)",
        [cells["cell_no"].iloc[found].tolist()],
    )
    withheld = source.execute(
        """
        select
            practice_id || '/' || site_id || coalesce(', ' || instrument_code, ''),
            string_agg(distinct metric, ', ' order by metric)
        from measured_cells
        semi join withheld_families using (block_no, family)
        group by all
        order by all
        """
    ).fetchall()
    return tuple(
        f"measures of {of} withheld, as something hidden could be worked out of them: {metrics}"
        for of, metrics in withheld
    )


def attacked_cells(
    candidate: duckdb.DuckDBPyConnection,
    source: duckdb.DuckDBPyConnection,
    thresholds: Thresholds,
) -> pd.DataFrame:
    """measures_known.CELLS with `cell_no`, of blocks of which the candidate shows something."""
    columns = ", ".join((*_KEY, "n_clients_at_least", "value"))
    shown = candidate.sql(
        " union all ".join(
            f"select {literal(table.table)} as table_name, {digest(table.key)} as row_digest, "
            f"{columns} from {identifier(table.table)} where value is not null"
            for table in tables_of_measures()
            if table.table in OF_STRATA
        )
    ).to_arrow_table()
    if shown.num_rows == 0:
        return pd.DataFrame()
    same = " and ".join(f"shown.{name} is not distinct from cells.{name}" for name in _KEY)
    source.register("shown_measures", shown)
    try:
        return source.execute(_CELLS.format(same=same, minimum=thresholds.minimum_clients)).df()
    finally:
        source.unregister("shown_measures")


_CELLS = """
with joined as (
    select
        cells.*,
        shown.metric is not null as is_shown,
        case when standing.said is null then shown.n_clients_at_least end as shown_at_least,
        case when standing.said is null then shown.value end as written,
        dense_rank() over (order by cells.block_no, cells.family) as family_no
    from measured_cells as cells
    left join shown_measures as shown on {same}
    left join standing_rows as standing
        on shown.table_name = standing.table_name and shown.row_digest = standing.row_digest
    where cells.n_valued > 0 and cells.aggregation <> 'share_of_therapists'
),

chosen as (
    select * from joined
    qualify bool_or(is_shown) over (partition by family_no)
),

-- One way of collecting: then the clients are those of a cell of site_benchmarks, to 5.
beside as (
    select
        practice_id, site_id, instrument_code, version, language, informant, stage, period,
        max(n_clients) as n_clients
    from benchmark.site_benchmarks
    where metric = 'mean_score'
    group by all
    having count(*) = 1 and max(n_clients) is not null
)

select
    chosen.cell_no,
    chosen.family_no as block_no,
    dense_rank() over (order by chosen.metric) as metric_no,
    case when chosen.stratum_kind = 'all' then 0
        else dense_rank() over (order by chosen.stratum_kind) end as kind_no,
    dense_rank() over (order by chosen.stratum_kind, chosen.stratum) as stratum_no,
    dense_rank() over (order by chosen.period_kind) as period_kind_no,
    case chosen.period_kind
        when 'all' then '-inf'::double
        when '12m' then 12 * year + month - 11
        when 'quarter' then 12 * year + 3 * quarter - 2
        when 'year' then 12 * year + 1
        else 12 * year + month
    end as first_month,
    case chosen.period_kind
        when 'all' then 'inf'::double
        when 'quarter' then 12 * year + 3 * quarter
        when 'year' then 12 * year + 12
        else 12 * year + month
    end as last_month,
    chosen.n_clients::double as n_clients,
    chosen.n_valued::double as n_units,
    case when chosen.aggregation = 'share' then chosen.numerator end as n_counted,
    case when chosen.high is not null then chosen.value - chosen.low end as mean,
    (chosen.high - chosen.low)::double as width,
    chosen.aggregation = 'share' as is_share,
    chosen.adds_up as is_once,
    chosen.is_shown,
    chosen.shown_at_least::double as shown_at_least,
    case when chosen.high is not null then chosen.written - chosen.low end as shown_value,
    chosen.half_step * 2 as step,
    case when beside.n_clients <= 5 * ceil({minimum} / 5.0) then {minimum}
        else beside.n_clients - 2 end::double as known_least,
    (beside.n_clients + 2)::double as known_most
from (
    select
        *,
        try_cast(regexp_extract(period, '([0-9]{{4}})', 1) as integer) as year,
        try_cast(regexp_extract(period, '[0-9]{{4}}-([0-9]{{2}})', 1) as integer) as month,
        try_cast(regexp_extract(period, 'Q([1-4])', 1) as integer) as quarter
    from chosen
) as chosen
left join beside
    on
        chosen.metric = 'mean_score'
        and chosen.stratum_kind in ('all', 'stage')
        and chosen.practice_id = beside.practice_id
        and chosen.site_id = beside.site_id
        and chosen.instrument_code = beside.instrument_code
        and chosen.version = beside.version
        and chosen.language is not distinct from beside.language
        and chosen.informant = beside.informant
        and chosen.period = beside.period
        and beside.stage
        = case when chosen.stratum_kind = 'stage' then chosen.stratum else 'all' end
order by chosen.cell_no
"""
