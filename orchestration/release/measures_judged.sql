-- Cells of marts.rpt_site_metrics as they would read, and whether one is small by itself or stands for
-- people that site_benchmarks hides. Run after measures.sql, which says when a cell is small and how
-- numbers are rounded; `metric_rules` is what expectations/metrics declares.
--
-- Strata are of the longest period alone. By month and by quarter, too, they would be a table of two
-- dimensions with all its margins, of which hardly a cell is of enough people and which gives those
-- away that are not.
--
-- Tables, not views: seven queries read them.
create or replace temp table site_blocks as
select
    *,
    row_number() over (
        order by practice_id, site_id, instrument_code, version, language, informant
    ) as block_no
from (
    select distinct
        practice_id,
        site_id,
        instrument_code,
        version,
        language,
        informant
    from marts.rpt_site_metrics
);

create or replace temp table measured_cells as
with counted as (
    select
        cells.*,
        row_number() over () as cell_no,
        site_blocks.block_no,
        table_of(cells.metric, cells.stratum_kind) as release_table,
        metric_rules.aggregation,
        metric_rules.adds_up,
        coalesce(metric_rules.partition, cells.metric) as family,
        metric_rules.partition is not null as is_in_family,
        scales.maximum - scales.minimum as width,
        case
            when metric_rules.aggregation = 'share' then 0
            when metric_rules.reach = 'scale' then scales.minimum
            when metric_rules.reach = 'distance' then 0
            when metric_rules.reach = 'difference' then scales.minimum - scales.maximum
            when metric_rules.reach = 'percent' then -100
        end as low,
        case
            when metric_rules.aggregation = 'share' then 1
            when metric_rules.reach = 'scale' then scales.maximum
            when metric_rules.reach in ('distance', 'difference')
                then scales.maximum - scales.minimum
            when metric_rules.reach = 'percent' then 100
        end as high,
        case
            when cells.period = 'all' then 'all'
            when starts_with(cells.period, '12m-') then '12m'
            when contains(cells.period, 'Q') then 'quarter'
            when length(cells.period) = 4 then 'year'
            else 'month'
        end as period_kind,
        -- Of therapists' metrics the people are therapists, and as many of them are needed.
        case
            when metric_rules.aggregation = 'share_of_therapists' then cells.n_therapists
            else cells.n_clients
        end as n_people,
        case metric_rules.aggregation
            when 'share' then cells.n_clients_counted
            when 'share_of_therapists'
                then cast(round(cells.value * cells.n_therapists) as integer)
        end as n_people_counted,
        case metric_rules.aggregation
            when 'share' then cells.n_clients_not_counted
            when 'share_of_therapists'
                then cells.n_therapists
                    - cast(round(cells.value * cells.n_therapists) as integer)
        end as n_people_not_counted
    from marts.rpt_site_metrics as cells
    inner join metric_rules on cells.metric = metric_rules.metric
    inner join site_blocks
        on
            cells.practice_id = site_blocks.practice_id
            and cells.site_id = site_blocks.site_id
            and cells.instrument_code is not distinct from site_blocks.instrument_code
            and cells.version is not distinct from site_blocks.version
            and cells.language is not distinct from site_blocks.language
            and cells.informant is not distinct from site_blocks.informant
    left join marts.dim_scales as scales
        on
            cells.instrument_code = scales.instrument_code
            and cells.version = scales.version
            and scales.scale = 'total'
    where
        cells.stratum_kind = 'all'
        or cells.period in (select period from intermediate.int_periods_closed where has_strata)
),

rounded as (
    select
        *,
        n_valued > 0 and is_small(n_people, n_therapists, top_therapist_share) as is_of_few,
        case
            when aggregation = 'share' then shown_share(value, n_clients)
            -- Therapists are not counted in the open, nor in a class of clients.
            when aggregation = 'share_of_therapists' then round(value * 20) / 20
            when release_table = 'informant_gaps'
                then coded_mean(value, n_clients, pomp_decimals(n_clients), {low}, high)
            else coded_mean(value, n_clients, mean_decimals(n_clients, width), {low}, high)
        end as shown_value,
        case
            when aggregation like 'share%' then share_step(n_clients)
            when release_table = 'informant_gaps' then pow(10, -pomp_decimals(n_clients))
            else pow(10, -mean_decimals(n_clients, width))
        end / 2 as half_step,
        case when n_valued > 0 and aggregation <> 'share_of_therapists' then {class_of}(n_clients) end
            as n_clients_at_least
    from counted
)

select
    rounded.*,
    {primary}
    and case
        when rounded.n_valued = 0 then rounded.n_clients_without_value < {minimum_clients}
        else
            rounded.is_of_few
            or is_too_few(rounded.n_people_counted)
            or is_too_few(rounded.n_people_not_counted)
    end as is_primary,
    hidden_forms.site_id is not null as is_hidden_elsewhere
from rounded
left join hidden_forms
    on
        is_of_forms(rounded.metric)
        and rounded.practice_id = hidden_forms.practice_id
        and rounded.site_id = hidden_forms.site_id
        and rounded.instrument_code = hidden_forms.instrument_code
        and rounded.version = hidden_forms.version
        and rounded.language is not distinct from hidden_forms.language
        and rounded.informant = hidden_forms.informant
        and rounded.period = hidden_forms.period
        and case when rounded.stratum_kind = 'stage' then rounded.stratum else 'all' end
        = hidden_forms.stage;
