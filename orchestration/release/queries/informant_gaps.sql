-- Gaps are the sites' metrics; tracking and bias come with the network's own.
with figures as (
    select
        *,
        is_small(n_clients, n_therapists, top_therapist_share) as is_suppressed,
        case when figure = 'bias' and is_many(n_clients) then 1
            when figure = 'bias' then 0
            else 2
        end as n_decimals,
        case when figure = 'bias' then -100 end as low,
        case when figure = 'bias' then 100 end as high
    from benchmark.congruences
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
    cast(null as varchar) as second_instrument_code,
    cast(null as varchar) as second_version,
    n_clients_at_least,
    value,
    cast(null as double) as lower95,
    cast(null as double) as upper95,
    cast(null as varchar) as interval_null_reason,
    null_reason,
    is_suppressed,
    suppression_reason
from shown_metrics
where release_table = 'informant_gaps'
union all
select
    practice_id,
    site_id,
    instrument_code,
    version,
    language,
    informant,
    'congruence_' || figure as metric,
    'dyad' as stratum_kind,
    dyad as stratum,
    period,
    second_instrument_code,
    second_version,
    case when not is_suppressed then shown_least(n_clients) end as n_clients_at_least,
    case when not is_suppressed then coded_mean(value, n_clients, n_decimals, low, high) end
        as value,
    case when not is_suppressed then coded_mean(lower95, n_clients, n_decimals, low, high) end
        as lower95,
    case when not is_suppressed then coded_mean(upper95, n_clients, n_decimals, low, high) end
        as upper95,
    case when not is_suppressed then interval_null_reason end as interval_null_reason,
    case when not is_suppressed then null_reason end as null_reason,
    is_suppressed,
    case when is_suppressed then shown_reason() end as suppression_reason
from figures
