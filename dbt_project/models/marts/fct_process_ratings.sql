{{ config(materialized='view', tags=['process_ratings']) }}

-- A session that names the couple, family or group alone: a member's rating finds it by its own id.
with sessions_of_units as (
    select
        session_key,
        min(client_key) as client_key
    from {{ ref('int_sessions_numbered') }}
    where client_key = unit_key
    group by session_key
)

select
    ratings.practice_id,
    ratings.rating_key,
    ratings.client_key,
    ratings.session_key,
    sessions.session_key is not null as is_session_known,
    sessions.episode_key,
    sessions.site_id,
    sessions.therapist_key,
    sessions.scheduled_on,
    sessions.session_no,
    ratings.informant,
    ratings.respondent,
    ratings.rating_kind,
    ratings.segment_start_seconds,
    ratings.helpfulness,
    ratings.rupture_reported,
    ratings.rated_on,
    ratings.is_year_only
from {{ ref('int_ratings_resolved') }} as ratings
left join sessions_of_units on ratings.session_key = sessions_of_units.session_key
left join {{ ref('int_sessions_numbered') }} as sessions
    on
        ratings.session_key = sessions.session_key
        and coalesce(sessions_of_units.client_key, ratings.client_key) = sessions.client_key
