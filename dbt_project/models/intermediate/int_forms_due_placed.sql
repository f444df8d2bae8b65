{{ config(materialized='view', tags=['measures']) }}

select
    due.*,
    sessions.episode_key,
    sessions.session_no,
    episodes.service_type,
    sessions.delivery_mode,
    episodes.age_band_at_intake,
    sessions.interpreter
from {{ ref('int_forms_due') }} as due
inner join {{ ref('int_sessions_numbered') }} as sessions
    on
        due.client_key = sessions.client_key
        and due.session_key = sessions.session_key
inner join {{ ref('int_episodes_resolved') }} as episodes
    on
        sessions.client_key = episodes.client_key
        and sessions.episode_key = episodes.episode_key
