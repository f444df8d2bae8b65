{{ config(tags=['measures']) }}

-- What a mean hides: where the middle lies, how low the low end is, and how far it leans.
with units as (
    select
        units.practice_id,
        units.site_id,
        units.instrument_code,
        units.version,
        units.language,
        units.informant,
        units.metric,
        periods.period,
        units.client_key,
        units.value
    from {{ ref('int_units_measured') }} as units
    inner join {{ ref('int_metrics_listed') }} as metrics on units.metric = metrics.metric
    inner join {{ ref('int_periods_closed') }} as periods
        on units.month_on is not distinct from periods.month_on
    where
        metrics.has_distribution
        and units.value is not null
),

described as (
    select
        practice_id,
        site_id,
        instrument_code,
        version,
        language,
        informant,
        metric,
        period,
        cast(count(distinct client_key) as integer) as n_clients,
        cast(count(*) as integer) as n_valued,
        {{ quantile('value', 0.1) }} as p10,
        {{ quantile('value', 0.25) }} as p25,
        {{ quantile('value', 0.5) }} as median,
        {{ quantile('value', 0.75) }} as p75,
        {{ skewness('value') }} as skew
    from units
    group by
        practice_id, site_id, instrument_code, version, language, informant, metric, period
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
