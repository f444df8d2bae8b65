{{ config(tags=['measures']) }}
{%- set cell = cell_columns() ~ ', metric, stratum_kind, stratum, period' %}

with periods as (
    select distinct
        period,
        period_end_on,
        complete_from_on
    from {{ ref('int_periods_closed') }}
),

valued as (
    select
        {{ columns_of('sums', cell) }},
        coalesce(counts.n_clients_valued, 0) as n_clients,
        therapists.n_therapists,
        therapists.top_therapist_share,
        case when metrics.aggregation = 'share' then coalesce(counts.n_clients_counted, 0) end
            as n_clients_counted,
        case when metrics.aggregation = 'share' then coalesce(counts.n_clients_not_counted, 0) end
            as n_clients_not_counted,
        coalesce(counts.n_clients_without_value, 0) as n_clients_without_value,
        sums.n_units,
        sums.n_valued,
        sums.numerator,
        sums.denominator,
        case
            when sums.n_valued = 0 and sums.first_reason = sums.last_reason then sums.first_reason
            when sums.n_valued = 0 then 'several_reasons'
            when sums.n_valued < metrics.minimum_units then 'too_few_units'
        end as null_reason,
        case metrics.aggregation
            when 'share' then sums.numerator / nullif(sums.denominator, 0)
            when 'mean_of_clients' then means.mean_of_clients
            -- Whoever did it once in the period did it.
            when 'share_of_therapists'
                then cast(means.n_therapists_counted as double) / therapists.n_therapists
        end as unchecked_value,
        periods.period_end_on,
        practices.data_through_on >= periods.complete_from_on as is_data_complete
    from {{ ref('int_sites_summed') }} as sums
    inner join {{ ref('int_metrics_listed') }} as metrics on sums.metric = metrics.metric
    inner join periods on sums.period = periods.period
    inner join {{ ref('int_practices_dated') }} as practices
        on sums.practice_id = practices.practice_id
    left join {{ ref('int_sites_counted') }} as counts on {{ are_same('sums', 'counts', cell) }}
    left join {{ ref('int_therapists_weighed') }} as therapists
        on {{ are_same('sums', 'therapists', cell) }}
    left join {{ ref('int_sites_averaged') }} as means on {{ are_same('sums', 'means', cell) }}
)

select
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
    n_clients,
    n_therapists,
    top_therapist_share,
    n_clients_counted,
    n_clients_not_counted,
    n_clients_without_value,
    n_units,
    n_valued,
    numerator,
    denominator,
    case when null_reason is null then unchecked_value end as value,
    null_reason,
    period_end_on,
    is_data_complete
from valued
