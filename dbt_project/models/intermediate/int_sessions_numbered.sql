{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

with
{{ standing_sessions(is_touched('versions.client_key')) }},

episodes as (
    select *
    from {{ ref('int_episodes_resolved') }}
    where {{ is_touched() }}
),

placements as (
    {{ episodes_placed(
        'current_sessions', 'session_key', 'scheduled_on', 'episodes', within_unit=true
    ) }}
),

placed as (
    select
        current_sessions.*,
        coalesce(current_sessions.episode_key, placements.episode_key) as placed_episode_key
    from current_sessions
    left join placements
        on
            current_sessions.client_key = placements.client_key
            and current_sessions.session_key = placements.session_key
),

-- Windows over all appointments: those that count are numbered among themselves.
counted as (
    select
        *,
        coalesce({{ is_treatment() }}, false) as is_counted
    from placed
),

numbered as (
    select
        *,
        case when is_counted then cast(row_number() over by_day as integer) end as session_no,
        case when is_counted then cast(count(*) over of_episode as integer) end as n_sessions,
        case when is_counted then max(scheduled_on) over of_episode end as last_attended_on
    from counted
    window
        of_episode as (partition by client_key, placed_episode_key, is_counted),
        by_day as (
            partition by client_key, placed_episode_key, is_counted
            order by scheduled_on, session_key
        )
)

select
    numbered.practice_id,
    numbered.client_key,
    numbered.session_key,
    numbered.placed_episode_key as episode_key,
    coalesce(numbered.unit_key, episodes.unit_key) as unit_key,
    numbered.site_id,
    numbered.therapist_key,
    numbered.scheduled_on,
    numbered.is_year_only,
    numbered.year_known_through_on,
    numbered.attendance,
    numbered.is_attended,
    numbered.session_type,
    numbered.delivery_mode,
    numbered.stated_number,
    numbered.planned_minutes,
    numbered.actual_minutes,
    numbered.group_session_key,
    numbered.interpreter,
    numbered.session_no,
    numbered.n_sessions - numbered.session_no as n_sessions_after,
    {{ stage_while_open('numbered.session_no', 'settings') }} as stage_while_open,
    {{ stage_once_closed(
        'numbered.session_no', '(numbered.n_sessions - numbered.session_no)', 'settings'
    ) }} as stage_once_closed,
    case
        when episodes.is_closed
            then coalesce(episodes.closed_known_on, episodes.closed_on, numbered.last_attended_on)
    end as closed_from_on
from numbered
cross join {{ ref('stg_settings') }} as settings
left join episodes
    on
        numbered.client_key = episodes.client_key
        and numbered.placed_episode_key = episodes.episode_key
