{{ config(materialized='view') }}

select
    episodes.practice_id,
    episodes.client_key,
    episodes.episode_key,
    episodes.unit_key,
    episodes.site_id,
    episodes.therapist_key,
    episodes.opened_on,
    episodes.closed_on,
    episodes.is_year_only,
    episodes.state,
    episodes.ending_code,
    episodes.service_type,
    episodes.modality,
    episodes.planned_sessions,
    episodes.agreed_interval_days,
    episodes.age_band_at_intake,
    episodes.gender,
    episodes.language,
    episodes.problem_group,
    episodes.use_permission,
    episodes.prior_episodes
from {{ ref('int_episodes_resolved') }} as episodes
