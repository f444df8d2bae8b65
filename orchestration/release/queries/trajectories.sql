-- Level, slope and curvature of sites and of all shown sites together. A slope is a small number of
-- scale points a session, so it has a decimal more than a level, and a curvature two.
with figures as (
    select
        courses.*,
        scales.minimum as low,
        scales.maximum as high,
        scales.maximum - scales.minimum as width,
        -- Of a network there is nothing to hide where it has no value.
        is_small(n_clients, n_therapists, top_therapist_share) as is_few_people,
        case figure when 'slope' then 2 when 'curvature' then 3 end
        + case when scales.maximum - scales.minimum < 10 then 1 else 0 end as n_decimals,
        n_clients + n_clients_short as n_clients_with_form
    from benchmark.trajectories as courses
    left join marts.dim_scales as scales
        on
            courses.instrument_code = scales.instrument_code
            and courses.version = scales.version
            and scales.scale = 'total'
),

judged as (
    select
        *,
        is_few_people and (site_id is not null or value is not null) as is_suppressed
    from figures
)

select
    practice_id,
    site_id,
    instrument_code,
    version,
    language,
    informant,
    'trajectory_' || figure as metric,
    'all' as stratum_kind,
    'all' as stratum,
    period,
    case when not is_few_people and site_id is null then n_sites end as n_sites,
    case when not is_few_people then shown_least(n_clients) end as n_clients_at_least,
    case
        when not is_few_people and not is_few(n_clients_short)
            then shown_share(n_clients_short / n_clients_with_form, n_clients)
    end as short_share,
    case
        when is_suppressed then null
        when figure = 'level'
            then coded_mean(value, n_clients, mean_decimals(n_clients, width), low, high)
        else round(value, n_decimals)
    end as value,
    case
        when is_suppressed then null
        when figure = 'level'
            then coded_mean(lower95, n_clients, mean_decimals(n_clients, width), low, high)
        else round(lower95, n_decimals)
    end as lower95,
    case
        when is_suppressed then null
        when figure = 'level'
            then coded_mean(upper95, n_clients, mean_decimals(n_clients, width), low, high)
        else round(upper95, n_decimals)
    end as upper95,
    case when not is_suppressed then null_reason end as null_reason,
    is_suppressed,
    case when is_suppressed then shown_reason() end as suppression_reason
from judged
