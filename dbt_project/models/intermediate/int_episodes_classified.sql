{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
    tags=['measures'],
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

with attended as (
    select
        client_key,
        episode_key,
        count(session_no) as n_sessions,
        sum(case when session_no is not null and group_session_key is null then 1 else 0 end)
            as n_outside_groups,
        case when min(session_type) = max(session_type) then min(session_type) end
            as session_type,
        case when min(unit_key) = max(unit_key) then min(unit_key) end as unit_key,
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
    from {{ ref('int_sessions_numbered') }}
    where {{ is_touched() }} and is_attended and episode_key is not null
    group by client_key, episode_key
),

-- Crisis and assessment come first: they are no treatment, whoever is in the room.
placed as (
    select
        episodes.practice_id,
        coalesce(episodes.site_id, attended.site_id) as site_id,
        coalesce(episodes.therapist_key, attended.therapist_key) as therapist_key,
        episodes.client_key,
        episodes.episode_key,
        coalesce(episodes.unit_key, attended.unit_key) as unit_key,
        {{ month_counted('episodes.opened_on', 'episodes.is_year_only') }} as opening_month_on,
        case
            when episodes.service_type in ('crisis', 'assessment') then episodes.service_type
            when attended.n_sessions = 0 then attended.session_type
            when episodes.service_type in ('couple', 'family', 'group') then episodes.service_type
            when coalesce(episodes.unit_key, attended.unit_key) is not null then 'not_recorded'
            when attended.n_outside_groups = 0 then 'group'
            else episodes.service_type
        end as unit_kind,
        nullif(attended.delivery_mode, 'not_recorded') as delivery_mode,
        nullif(episodes.age_band_at_intake, 'not_recorded') as age_band,
        attended.has_interpreter,
        attended.n_sessions,
        episodes.use_permission
    from {{ ref('int_episodes_resolved') }} as episodes
    inner join attended
        on
            episodes.client_key = attended.client_key
            and episodes.episode_key = attended.episode_key
    where {{ is_touched('episodes.client_key') }}
)

select
    placed.practice_id,
    placed.site_id,
    placed.therapist_key,
    placed.client_key,
    placed.episode_key,
    placed.unit_key,
    placed.unit_kind,
    placed.opening_month_on,
    placed.delivery_mode,
    placed.age_band,
    placed.has_interpreter,
    case
        when placed.use_permission <> 'all' then 'no_permission'
        when sites.site_id is null then 'site_unknown'
    end as exclusion_reason
from placed
left join {{ ref('stg_sites') }} as sites
    on placed.practice_id = sites.practice_id and placed.site_id = sites.site_id
-- Somebody who came to an intake alone has not started.
where placed.n_sessions > 0 or placed.unit_kind in ('crisis', 'assessment')
