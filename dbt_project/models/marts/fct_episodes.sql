{{ config(materialized='view') }}

-- A derived episode is closed once the practice's data go on past its last session for longer than
-- the gap. They move on every night without the client being touched.
with episodes as (
    select
        resolved.*,
        coalesce(resolved.closed_known_on > practices.data_through_on, false) as is_going_on
    from {{ ref('int_episodes_resolved') }} as resolved
    inner join {{ ref('int_practices_dated') }} as practices
        on resolved.practice_id = practices.practice_id
),

attended as (
    select
        client_key,
        episode_key,
        cast(count(distinct therapist_key) as integer) as n_therapists,
        cast(count(distinct site_id) as integer) as n_sites
    from {{ ref('int_sessions_numbered') }}
    where is_attended
    group by client_key, episode_key
)

select
    episodes.practice_id,
    episodes.client_key,
    episodes.episode_key,
    episodes.episode_source,
    episodes.unit_key,
    episodes.site_id,
    episodes.therapist_key,
    episodes.opened_on,
    case when not episodes.is_going_on then episodes.closed_on end as closed_on,
    episodes.is_year_only,
    case when episodes.is_going_on then 'open' else episodes.state end as state,
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
    episodes.prior_episodes,
    coalesce(attended.n_therapists, 0) as n_therapists,
    coalesce(attended.n_sites, 0) as n_sites
from episodes
left join attended
    on
        episodes.client_key = attended.client_key
        and episodes.episode_key = attended.episode_key
