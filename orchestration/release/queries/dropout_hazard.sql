-- A session number with few clients at risk, few who ended or few who did not, has no row.
with judged as (
    select
        *,
        is_small(n_clients, n_therapists, top_therapist_share)
        or is_few(n_clients_ended)
        or is_few(n_clients_not_ended) as is_suppressed
    from benchmark.dropout_hazards
)

select
    cast(null as varchar) as practice_id,
    cast(null as varchar) as site_id,
    instrument_code,
    version,
    language,
    informant,
    'dropout_' || figure as metric,
    'alliance_state' as stratum_kind,
    alliance_state as stratum,
    session_no,
    period,
    case when not is_suppressed then n_sites end as n_sites,
    case when not is_suppressed then shown_count(n_clients) end as n_clients,
    case
        when is_suppressed then null
        when figure = 'hazard' then shown_share(value, n_clients)
        else round(value, 2)
    end as value,
    case when not is_suppressed then round(lower95, 2) end as lower95,
    case when not is_suppressed then round(upper95, 2) end as upper95,
    case when not is_suppressed then null_reason end as null_reason,
    is_suppressed,
    case when is_suppressed then shown_reason() end as suppression_reason
from judged
where session_no is null or not is_suppressed
