{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
    tags=['measures'],
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

-- Rescheduled appointments are left out: they stand again under their new day.
with appointments as (
    select
        sessions.practice_id,
        coalesce(sessions.site_id, episodes.site_id) as site_id,
        coalesce(sessions.therapist_key, episodes.therapist_key) as therapist_key,
        sessions.client_key,
        sessions.session_key,
        sessions.episode_key,
        sessions.scheduled_on,
        sessions.is_year_only,
        sessions.attendance,
        sessions.is_attended,
        sessions.session_no,
        sessions.planned_minutes,
        sessions.actual_minutes,
        sessions.delivery_mode,
        sessions.interpreter,
        sessions.stage_while_open,
        sessions.stage_once_closed,
        sessions.closed_from_on,
        episodes.agreed_interval_days,
        episodes.age_band_at_intake,
        episodes.service_type,
        episodes.use_permission,
        {{ is_treated_together(
            'episodes.service_type', 'sessions.unit_key', 'sessions.group_session_key'
        ) }} as is_treated_together
    from {{ ref('int_sessions_numbered') }} as sessions
    inner join {{ ref('int_episodes_resolved') }} as episodes
        on
            sessions.client_key = episodes.client_key
            and sessions.episode_key = episodes.episode_key
    where
        {{ is_touched('sessions.client_key') }}
        and {{ is_of_treatment('sessions.session_type') }}
        and sessions.attendance <> 'rescheduled'
),

-- The attended sessions in which the client was seen alone follow on each other.
followed as (
    select
        *,
        lag(scheduled_on) over by_number as previous_on,
        lag(is_year_only) over by_number as is_previous_year_only
    from appointments
    window by_number as (
        partition by client_key, episode_key, session_no is null, is_treated_together
        order by session_no
    )
)

select
    followed.practice_id,
    followed.site_id,
    followed.therapist_key,
    followed.client_key,
    followed.session_key,
    followed.episode_key,
    followed.scheduled_on,
    followed.is_year_only,
    {{ month_counted('followed.scheduled_on', 'followed.is_year_only') }} as month_on,
    followed.attendance,
    followed.is_attended,
    followed.session_no,
    followed.planned_minutes,
    followed.actual_minutes,
    followed.agreed_interval_days,
    followed.session_no is not null and followed.previous_on is not null as is_following,
    case
        when followed.session_no is not null and followed.is_year_only = followed.is_previous_year_only
            then {{ days_between('followed.previous_on', 'followed.scheduled_on') }}
    end as gap_days,
    followed.stage_while_open,
    followed.stage_once_closed,
    followed.closed_from_on,
    nullif(followed.delivery_mode, 'not_recorded') as delivery_mode,
    nullif(followed.age_band_at_intake, 'not_recorded') as age_band,
    followed.interpreter as has_interpreter,
    {{ unit_exclusion('followed', 'followed.is_treated_together', 'sites') }} as exclusion_reason
from followed
left join {{ ref('stg_sites') }} as sites
    on followed.practice_id = sites.practice_id and followed.site_id = sites.site_id
