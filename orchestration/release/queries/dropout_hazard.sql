-- A session number with few clients at risk, few who ended or few who did not, has no row. Endings of
-- the numbers add up to those of all: where the ones without a row hold too few, the number with the
-- fewest has none either.
with judged as (
    select
        *,
        is_small(n_clients, n_therapists, top_therapist_share)
        or is_too_few(n_clients_ended)
        or is_too_few(n_clients_not_ended) as is_primary
    from benchmark.dropout_hazards
),

left_over as (
    select
        *,
        sum(case when session_no is null then n_clients_ended end) over network
        - sum(case when session_no is not null and not is_primary then n_clients_ended end)
            over network as n_ended_hidden,
        row_number() over (
            partition by
                instrument_code,
                version,
                language,
                informant,
                figure,
                alliance_state,
                period,
                session_no is null
            order by is_primary, n_clients_ended, session_no
        ) as place
    from judged
    window network as (
        partition by
            instrument_code,
            version,
            language,
            informant,
            figure,
            alliance_state,
            period
    )
),

closed as (
    select
        *,
        is_primary
        or (session_no is not null and place = 1 and coalesce(is_few(n_ended_hidden), false))
            as is_suppressed
    from left_over
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
    case when not is_suppressed then shown_least(n_clients) end as n_clients_at_least,
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
from closed
where session_no is null or not is_suppressed
