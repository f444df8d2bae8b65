-- Which cells of measures_judged.sql go out. Each step closes more cells and opens none:
--
-- 1. primary: too few clients or therapists, a dominant therapist, a share of few or of all but few;
--    and what site_benchmarks hides of the same people.
-- 2. families: the metrics of one share out the same units, so one that is hidden is 1 less the
--    others. Of all strata together the smallest of the others is hidden with it; of a stratum all.
-- 3. kinds of strata: what is hidden of a kind is its total less what is shown. It must hold enough
--    people, else the smallest stratum shown is hidden with it; and what is shown, taken at the ends
--    of its classes, must leave a hidden count all of 1 to {minimum_clients} - 1 and each client all
--    of the scale. Else nothing of the kind is shown.
-- 4. periods: of metrics of episodes, which have one month each, all periods of a kind are shown or
--    none, and what is left over of all of them together must be nobody or enough. Clients of other
--    metrics stand in many months, so that periods do not bound each other.
--
-- The steps see no names and only the cells of kinds of which some may be shown; of a large network's
-- nine in ten may not.
create or replace temp table closed_cells as
with open_kinds as (
    select distinct
        block_no,
        family,
        stratum_kind,
        period
    from measured_cells
    where n_valued > 0 and not is_primary and not is_hidden_elsewhere
),

-- Of all strata together every cell: whether periods of a kind are complete is asked of all.
narrow as (
    select
        cell_no,
        block_no,
        family,
        metric,
        stratum_kind,
        stratum,
        period,
        period_kind,
        is_in_family,
        aggregation,
        adds_up,
        n_clients,
        n_valued,
        n_people_counted,
        n_people_not_counted,
        low,
        high,
        shown_value,
        half_step,
        n_clients_at_least,
        is_of_few,
        is_primary,
        is_hidden_elsewhere
    from measured_cells
    left join open_kinds using (block_no, family, stratum_kind, period)
    where n_valued > 0 and (stratum_kind = 'all' or open_kinds.block_no is not null)
),

-- Step 2.
shared_out as (
    select
        *,
        is_primary or is_hidden_elsewhere as is_closed,
        bool_or(is_primary or is_hidden_elsewhere) over family_cell as has_closed,
        coalesce(
            max(n_people_counted) filter (where is_primary or is_hidden_elsewhere) over family_cell,
            0
        ) as n_counted_closed,
        row_number() over (
            partition by block_no, family, stratum_kind, stratum, period
            order by is_primary or is_hidden_elsewhere, n_people_counted, metric
        ) as place
    from narrow
    window family_cell as (
        partition by block_no, family, stratum_kind, stratum, period
    )
),

beside as (
    select
        *,
        is_closed
        or (
            {families}
            and is_in_family
            and has_closed
            and (stratum_kind <> 'all' or (n_counted_closed < {minimum_clients} and place = 1))
        ) as is_closed_beside
    from shared_out
),

-- What is hidden of a family may not be so small that one part of it is bounded by the others.
families as (
    select
        * exclude (is_closed_beside),
        is_closed_beside
        or (
            {families}
            and is_in_family
            and has_closed
            and greatest_of_class(n_clients_at_least)
            * (1 - sum(case when is_closed_beside then 0 else shown_value - half_step end)
                over family_cell)
            < ({minimum_clients} - 1)
            + {minimum_clients}
            * count(*) filter (where is_closed_beside and n_people_counted >= {minimum_clients})
                over family_cell
        ) as is_closed_in_family
    from beside
    window family_cell as (
        partition by block_no, family, stratum_kind, stratum, period
    )
),

totals as (
    select
        *,
        bool_and(not is_closed_in_family) over (partition by block_no, family, period) as is_open
    from families
    where stratum_kind = 'all'
),

-- Step 3.
with_totals as (
    select
        families.*,
        totals.n_clients as n_total,
        totals.n_valued as n_total_valued,
        totals.n_people_counted as n_total_counted,
        totals.n_people_not_counted as n_total_not_counted,
        totals.n_clients_at_least as total_at_least,
        totals.shown_value as total_value,
        totals.half_step as total_half_step,
        families.is_closed_in_family
        or (families.stratum_kind <> 'all' and not coalesce(totals.is_open, false))
            as is_closed_below
    from families
    left join totals
        on
            families.stratum_kind <> 'all'
            and families.block_no = totals.block_no
            and families.metric = totals.metric
            and families.period = totals.period
),

left_over as (
    select
        *,
        n_total_valued - sum(case when is_closed_below then 0 else n_valued end) over kind
            as n_valued_hidden,
        greatest(
            n_total - sum(case when is_closed_below then 0 else n_clients end) over kind,
            max(case when is_closed_below then n_clients else 0 end) over kind
        ) as n_hidden,
        greatest(
            n_total_counted
            - sum(case when is_closed_below then 0 else n_people_counted end) over kind,
            max(case when is_closed_below then n_people_counted else 0 end) over kind
        ) as n_counted_hidden,
        greatest(
            n_total_not_counted
            - sum(case when is_closed_below then 0 else n_people_not_counted end) over kind,
            max(case when is_closed_below then n_people_not_counted else 0 end) over kind
        ) as n_not_counted_hidden,
        row_number() over (
            partition by block_no, metric, stratum_kind, period
            order by is_closed_below, n_clients, stratum
        ) as place_in_kind
    from with_totals
    window kind as (partition by block_no, metric, stratum_kind, period)
),

joined as (
    select
        *,
        is_closed_below
        or (
            {kinds}
            and stratum_kind <> 'all'
            and place_in_kind = 1
            and bool_or(
                n_valued_hidden > 0
                and (
                    n_hidden < {minimum_clients}
                    or (
                        aggregation = 'share'
                        and (
                            is_too_few(n_counted_hidden) or is_too_few(n_not_counted_hidden)
                        )
                    )
                )
            ) over (partition by block_no, family, stratum_kind, period)
        ) as is_closed_joined
    from left_over
),

-- Of what is shown, how much room is left: for a small count, and from either end of the scale.
room as (
    select
        *,
        n_total_valued - sum(case when is_closed_joined then 0 else n_valued end) over kind > 0
            as has_hidden,
        greatest_of_class(total_at_least) + 1
        - sum(
            case
                when not is_closed_joined then n_clients_at_least
                when n_clients >= {minimum_clients} then {minimum_clients}
                else 1
            end
        ) over kind >= {minimum_clients} - 1 as has_room_for_clients,
        coalesce(
            (high - total_value + total_half_step) * greatest_of_class(total_at_least)
            - sum(
                case
                    when is_closed_joined or shown_value is null then 0
                    else greatest(high - shown_value - half_step, 0) * n_clients_at_least
                end
            ) over kind >= asked
            and (total_value + total_half_step - low) * greatest_of_class(total_at_least)
            - sum(
                case
                    when is_closed_joined or shown_value is null then 0
                    else greatest(shown_value - half_step - low, 0) * n_clients_at_least
                end
            ) over kind >= asked,
            true
        ) as has_room_for_scores
    from (
        select
            *,
            -- A score of one, or a count of so many.
            case when aggregation = 'share' then {minimum_clients} - 1 else high - low end as asked
        from joined
    )
    window kind as (partition by block_no, metric, stratum_kind, period)
),

kinds as (
    select
        *,
        is_closed_joined
        or (
            {kinds}
            and stratum_kind <> 'all'
            and bool_or(has_hidden and not (has_room_for_clients and has_room_for_scores))
                over (partition by block_no, family, stratum_kind, period)
        ) as is_closed_in_kind
    from room
),

-- Step 4. Of people, so that all of a family have the same answer; and of all periods together less
-- those shown, in every metric of the family.
left_over_of_periods as (
    select
        block_no,
        family,
        metric,
        period_kind,
        bool_and(not is_of_few and not is_hidden_elsewhere) as is_of_enough,
        max(n_all_valued) - coalesce(sum(n_valued) filter (where not is_closed_in_kind), 0)
            as n_valued_left,
        max(n_all) - coalesce(sum(n_clients) filter (where not is_closed_in_kind), 0) as n_left,
        max(n_all_counted)
        - coalesce(sum(n_people_counted) filter (where not is_closed_in_kind), 0) as n_counted_left
    from (
        select
            *,
            max(case when period_kind = 'all' and not is_closed_in_kind then n_valued end)
                over of_metric as n_all_valued,
            max(case when period_kind = 'all' then n_clients end) over of_metric as n_all,
            max(case when period_kind = 'all' then n_people_counted end) over of_metric
                as n_all_counted
        from kinds
        where stratum_kind = 'all' and adds_up
        window of_metric as (partition by block_no, metric)
    )
    group by block_no, family, metric, period_kind
),

period_kinds as (
    select
        block_no,
        family,
        period_kind,
        bool_and(
            is_of_enough
            and (
                period_kind = 'all'
                or coalesce(n_valued_left = 0, true)
                or (
                    n_left >= {minimum_clients}
                    and coalesce(n_counted_left >= {minimum_clients}, true)
                    and coalesce(n_valued_left - n_counted_left >= {minimum_clients}, true)
                )
            )
        ) as is_complete
    from left_over_of_periods
    group by block_no, family, period_kind
)

select
    kinds.cell_no,
    kinds.is_closed_in_kind
    or (
        {periods}
        and kinds.adds_up
        and not coalesce(period_kinds.is_complete, false)
    ) as is_closed
from kinds
left join period_kinds
    on
        kinds.block_no = period_kinds.block_no
        and kinds.family = period_kinds.family
        and kinds.period_kind = period_kinds.period_kind;

-- What the attacker found something of in an earlier try of this release; measures_gate.py fills it.
create temp table if not exists withheld_families (block_no bigint, family varchar);

create or replace temp view judged_metrics as
select
    measured_cells.*,
    coalesce(
        closed_cells.is_closed,
        measured_cells.is_primary or measured_cells.is_hidden_elsewhere
    )
    or withheld_families.family is not null as is_suppressed
from measured_cells
left join closed_cells using (cell_no)
left join withheld_families using (block_no, family);

-- How many rows of a table stand as an earlier release showed them; counted once that is decided.
create or replace temp table kept_measures (table_name varchar, n_kept bigint);

-- Those rows; standing_rows.py fills it.
create or replace temp table standing_rows (table_name varchar, row_digest ubigint, said varchar);

-- A row a table of measures, for the suppression report.
create or replace temp view suppressed_measures as
select
    release_table as table_name,
    count(*) as n_cells,
    count(*) filter (where is_suppressed) as n_hidden,
    coalesce(max(kept_measures.n_kept), 0) as n_kept,
    coalesce(
        sum(ln(1 + coalesce(n_clients, 0))) filter (where is_suppressed and not is_primary)
        / nullif(sum(ln(1 + coalesce(n_clients, 0))), 0),
        0
    ) as information_lost_share
from judged_metrics
left join kept_measures on judged_metrics.release_table = kept_measures.table_name
group by release_table;

-- Small cells of a stratum are absent, of all strata together suppressed. A metric that nobody's
-- units have a value of says why, where the clients without one are enough.
create or replace temp view shown_metrics as
select
    release_table,
    practice_id,
    site_id,
    instrument_code,
    version,
    language,
    informant,
    metric,
    stratum_kind,
    stratum,
    period,
    case when not is_suppressed then n_clients_at_least end as n_clients_at_least,
    case when not is_suppressed then shown_value end as value,
    case
        when
            not is_suppressed
            and n_valued > 0
            and aggregation <> 'share_of_therapists'
            and not is_few(n_clients_without_value)
            then shown_share(n_valued / n_units, n_clients)
    end as valued_share,
    case when not is_suppressed then is_data_complete end as is_data_complete,
    case when not is_suppressed then null_reason end as null_reason,
    is_suppressed,
    case when is_suppressed then shown_reason() end as suppression_reason,
    width
from judged_metrics
where not is_suppressed or stratum_kind = 'all';
