{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
    tags=['measures'],
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

with attended as (
    select
        *,
        {{ month_counted('scheduled_on', 'is_year_only') }} as month_on,
        {{ is_treated_together("'not_recorded'", 'unit_key', 'group_session_key') }}
            as is_treated_together
    from {{ ref('int_sessions_numbered') }}
    where {{ is_touched() }} and session_no is not null and episode_key is not null
),

-- What all sessions share is the episode's; where they differ nothing is said of it. A window that
-- is not over yet is counted in the month it has come to.
sessions as (
    select
        client_key,
        episode_key,
        cast(count(*) as integer) as n_sessions,
        sum(case when is_treated_together then 0 else 1 end) as n_alone,
        min(scheduled_on) as first_session_on,
        max(scheduled_on) as last_session_on,
        max_by(month_on, session_no) as last_month_on,
        max_by(
            month_on,
            case when session_no <= {{ var('early_last_session') }} then session_no end
        ) as early_month_on,
        max_by(
            month_on,
            case when session_no <= {{ var('single_form_last_session') }} then session_no end
        ) as single_form_month_on,
        max(closed_from_on) as closed_from_on,
        case when min(site_id) = max(site_id) then min(site_id) end as site_id,
        case
            when min(therapist_key) = max(therapist_key) and count(therapist_key) = count(*)
                then min(therapist_key)
        end as therapist_key,
        case when min(delivery_mode) = max(delivery_mode) then min(delivery_mode) end
            as delivery_mode,
        case
            when count(interpreter) < count(*) then null
            when min(case when interpreter then 1 else 0 end) = 1 then true
            when max(case when interpreter then 1 else 0 end) = 0 then false
        end as has_interpreter
    from attended
    group by client_key, episode_key
),

started as (
    select
        episodes.*,
        coalesce(episodes.site_id, sessions.site_id) as placed_site_id,
        coalesce(episodes.therapist_key, sessions.therapist_key) as placed_therapist_key,
        sessions.n_sessions,
        sessions.n_alone,
        sessions.first_session_on,
        sessions.last_session_on,
        sessions.last_month_on,
        sessions.early_month_on,
        sessions.single_form_month_on,
        sessions.closed_from_on,
        sessions.delivery_mode,
        sessions.has_interpreter
    from {{ ref('int_episodes_resolved') }} as episodes
    inner join sessions
        on
            episodes.client_key = sessions.client_key
            and episodes.episode_key = sessions.episode_key
    where {{ is_touched('episodes.client_key') }}
)

select
    started.practice_id,
    started.placed_site_id as site_id,
    started.placed_therapist_key as therapist_key,
    started.client_key,
    started.episode_key,
    started.episode_source,
    started.service_type,
    started.is_year_only,
    started.is_closed,
    started.closed_from_on,
    started.ending_code,
    {{ month_counted('started.opened_on', 'started.is_year_only') }} as opening_month_on,
    case
        when started.is_closed
            then coalesce(
                {{ month_counted('started.closed_on', 'started.is_year_only') }},
                started.last_month_on
            )
    end as closing_month_on,
    started.n_sessions,
    started.n_sessions >= {{ var('early_first_session') }} as is_early_session_reached,
    started.first_session_on,
    started.last_session_on,
    started.early_month_on,
    started.single_form_month_on,
    nullif(started.delivery_mode, 'not_recorded') as delivery_mode,
    nullif(started.age_band_at_intake, 'not_recorded') as age_band,
    started.has_interpreter,
    {{ unit_exclusion(
        'started',
        is_treated_together('started.service_type', 'started.unit_key', 'null')
        ~ ' or started.n_alone = 0',
        'sites',
    ) }} as exclusion_reason
from started
left join {{ ref('stg_sites') }} as sites
    on started.practice_id = sites.practice_id and started.placed_site_id = sites.site_id
