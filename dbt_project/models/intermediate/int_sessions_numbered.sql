{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

with standing as (
    {{ standing_versions(
        ref('stg_sessions'),
        ['session_key', 'client_key', 'load_seq', 'row_no'],
        'versions.scheduled_on',
        is_touched('versions.client_key'),
    ) }}
),

newest as (
    select
        session_key,
        client_key,
        {{ newest(['load_seq', 'row_no']) }} as found
    from standing
    group by session_key, client_key
),

episodes as (
    select *
    from {{ ref('int_episodes_resolved') }}
    where {{ is_touched() }}
),

current_sessions as (
    select
        versions.*,
        -- A session said to have been attended after the day it was reported has a misread date.
        versions.attendance = 'attended'
        and coalesce(
            {{ first_possible('versions.scheduled_on', 'versions.is_year_only') }}
            <= deliveries.received_on,
            false
        ) as is_attended,
        case
            when versions.is_year_only
                then {{ year_known_through('versions.scheduled_on', 'deliveries.received_on') }}
        end as year_known_through_on
    from {{ ref('stg_sessions') }} as versions
    inner join newest
        on
            versions.load_seq = {{ newest_part('newest.found', 1) }}
            and versions.row_no = {{ newest_part('newest.found', 2) }}
    inner join {{ ref('stg_deliveries') }} as deliveries on versions.load_seq = deliveries.load_seq
    inner join {{ ref('stg_practices') }} as practices
        on versions.practice_id = practices.practice_id
),

placements as (
    {{ episodes_placed('current_sessions', 'session_key', 'scheduled_on', 'episodes') }}
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

-- Practices that send no session type send treatment sessions.
numbered as (
    select
        client_key,
        session_key,
        cast(row_number() over by_day as integer) as session_no,
        cast(count(*) over of_episode as integer) as n_sessions,
        max(scheduled_on) over of_episode as last_attended_on
    from placed
    where is_attended and session_type in ('treatment', 'not_recorded')
    window
        of_episode as (partition by client_key, placed_episode_key),
        by_day as (partition by client_key, placed_episode_key order by scheduled_on, session_key)
)

select
    placed.practice_id,
    placed.client_key,
    placed.session_key,
    placed.placed_episode_key as episode_key,
    placed.site_id,
    placed.therapist_key,
    placed.scheduled_on,
    placed.is_year_only,
    placed.year_known_through_on,
    placed.attendance,
    placed.is_attended,
    placed.session_type,
    placed.delivery_mode,
    placed.stated_number,
    placed.planned_minutes,
    placed.actual_minutes,
    placed.group_session_key,
    placed.interpreter,
    numbered.session_no,
    numbered.n_sessions - numbered.session_no as n_sessions_after,
    {{ stage_while_open('numbered.session_no', 'settings') }} as stage_while_open,
    {{ stage_once_closed(
        'numbered.session_no', '(numbered.n_sessions - numbered.session_no)', 'settings'
    ) }} as stage_once_closed,
    case
        when episodes.is_closed then coalesce(episodes.closed_on, numbered.last_attended_on)
    end as closed_from_on
from placed
cross join {{ ref('stg_settings') }} as settings
left join numbered
    on placed.client_key = numbered.client_key and placed.session_key = numbered.session_key
left join episodes
    on placed.client_key = episodes.client_key and placed.placed_episode_key = episodes.episode_key
