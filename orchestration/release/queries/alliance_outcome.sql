-- Pooled only: a site's own correlation of a few dozen episodes may be anything.
with figures as (
    select
        instrument_code,
        version,
        language,
        informant,
        outcome_instrument_code,
        outcome_version,
        outcome_language,
        outcome_informant,
        'alliance_outcome' as metric,
        'pooling' as stratum_kind,
        pooling as stratum,
        period,
        n_sites,
        n_clients,
        n_therapists,
        top_therapist_share,
        value,
        lower95,
        upper95,
        q,
        q_p,
        i2,
        tau2,
        null_reason
    from benchmark.alliance_outcomes
    where pooling <> 'none'
    union all
    select
        instrument_code,
        version,
        language,
        informant,
        outcome_instrument_code,
        outcome_version,
        outcome_language,
        outcome_informant,
        'alliance_' || figure || '_clients' as metric,
        'all' as stratum_kind,
        'all' as stratum,
        period,
        n_sites,
        n_clients,
        n_therapists,
        top_therapist_share,
        value,
        lower95,
        upper95,
        null as q,
        null as q_p,
        null as i2,
        null as tau2,
        null_reason
    from benchmark.alliance_slopes
),

judged as (
    select
        *,
        is_small(n_clients, n_therapists, top_therapist_share) as is_small,
        value is not null
        and is_small(n_clients, n_therapists, top_therapist_share) as is_suppressed
    from figures
)

select
    cast(null as varchar) as practice_id,
    cast(null as varchar) as site_id,
    judged.* replace (
        case when not is_small then n_sites end as n_sites,
        case when not is_suppressed then round(value, 2) end as value,
        case when not is_suppressed then round(lower95, 2) end as lower95,
        case when not is_suppressed then round(upper95, 2) end as upper95,
        case when not is_suppressed then round(q, 1) end as q,
        case when not is_suppressed then round(q_p, 3) end as q_p,
        case when not is_suppressed then round(i2, 2) end as i2,
        case when not is_suppressed then round(tau2, 3) end as tau2
    ),
    case when not is_small then shown_least(n_clients) end as n_clients_at_least,
    case when is_suppressed then shown_reason() end as suppression_reason
from judged
