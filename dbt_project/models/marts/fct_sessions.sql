{{ config(materialized='view') }}

select
    sessions.practice_id,
    sessions.client_key,
    sessions.session_key,
    sessions.episode_key,
    sessions.site_id,
    sessions.therapist_key,
    sessions.scheduled_on,
    sessions.is_year_only,
    sessions.attendance,
    sessions.is_attended,
    sessions.session_type,
    sessions.delivery_mode,
    sessions.session_no,
    sessions.stated_number,
    {{ treatment_stage('sessions', 'practices.data_through_on') }} as stage,
    sessions.planned_minutes,
    sessions.actual_minutes,
    sessions.group_session_key,
    sessions.interpreter
from {{ ref('int_sessions_numbered') }} as sessions
inner join {{ ref('int_practices_dated') }} as practices
    on sessions.practice_id = practices.practice_id
