-- Of networks alone. Below the minimum of clients there is no share, and a reason instead.
with judged as (
    select
        *,
        is_small(n_clients, n_therapists, top_therapist_share) as is_few_people,
        value is not null
        and is_small(n_clients, n_therapists, top_therapist_share) as is_suppressed
    from benchmark.variance_components
)

select
    cast(null as varchar) as practice_id,
    cast(null as varchar) as site_id,
    instrument_code,
    version,
    language,
    informant,
    'variance_share_' || level as metric,
    'all' as stratum_kind,
    'all' as stratum,
    period,
    case when not is_few_people then n_sites end as n_sites,
    case when not is_few_people then shown_least(n_clients) end as n_clients_at_least,
    case when not is_suppressed then round(value, 3) end as value,
    case when not is_suppressed then round(lower95, 3) end as lower95,
    case when not is_suppressed then round(upper95, 3) end as upper95,
    case when not is_suppressed then interval_null_reason end as interval_null_reason,
    case when not is_suppressed then sentence end as sentence,
    case when not is_suppressed then null_reason end as null_reason,
    is_suppressed,
    case when is_suppressed then shown_reason() end as suppression_reason
from judged
