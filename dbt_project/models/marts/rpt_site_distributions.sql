{{ config(tags=['measures']) }}

{%- set cell = cell_columns() ~ ', metric' %}

-- What a mean hides: where the middle lies, how low the low end is, and how far it leans. Totals and
-- days take few values, so equal ones are counted first, in months and then in periods.
with months as (
    select
        {{ columns_of('units', cell) }},
        units.month_on,
        units.value,
        count(*) as n
    from {{ ref('int_units_measured') }} as units
    inner join {{ ref('int_metrics_listed') }} as metrics on units.metric = metrics.metric
    where
        metrics.has_distribution
        and units.value is not null
    group by {{ columns_of('units', cell) }}, units.month_on, units.value
),

counted as (
    select
        {{ columns_of('months', cell) }},
        periods.period,
        months.value,
        sum(months.n) as n
    from months
    inner join {{ ref('int_periods_closed') }} as periods
        on months.month_on is not distinct from periods.month_on
    group by {{ columns_of('months', cell) }}, periods.period, months.value
),

added as (
    select
        *,
        sum(n) over (partition by {{ cell }}, period order by value) as n_up_to,
        sum(n) over (partition by {{ cell }}, period) as n_all
    from counted
),

spread as (
    select
        {{ cell }},
        period,
        cast(max(n_all) as integer) as n_valued,
        {{ quantile('value', 0.1) }} as p10,
        {{ quantile('value', 0.25) }} as p25,
        {{ quantile('value', 0.5) }} as median,
        {{ quantile('value', 0.75) }} as p75,
        {{ skewness('value') }} as skew
    from added
    group by {{ cell }}, period
),

described as (
    select
        spread.*,
        coalesce(counts.n_clients_valued, 0) as n_clients
    from spread
    left join {{ ref('int_sites_counted') }} as counts
        on
            {{ are_same('spread', 'counts', cell ~ ', period') }}
            and counts.stratum_kind = 'all'
)

select
    practice_id,
    site_id,
    instrument_code,
    version,
    language,
    informant,
    metric,
    period,
    n_clients,
    n_valued,
    case when n_valued >= {{ var('distribution_minimum_units') }} then p10 end as p10,
    case when n_valued >= {{ var('distribution_minimum_units') }} then p25 end as p25,
    case when n_valued >= {{ var('distribution_minimum_units') }} then median end as median,
    case when n_valued >= {{ var('distribution_minimum_units') }} then p75 end as p75,
    case when n_valued >= {{ var('distribution_minimum_units') }} then skew end as skew,
    case when n_valued < {{ var('distribution_minimum_units') }} then 'too_few_units' end
        as null_reason
from described
