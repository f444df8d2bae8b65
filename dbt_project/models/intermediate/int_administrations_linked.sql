{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

with sessions as (
    select *
    from {{ ref('int_sessions_numbered') }}
    where {{ is_touched() }}
),

episodes as (
    select *
    from {{ ref('int_episodes_resolved') }}
    where {{ is_touched() }}
),

-- Sessions and episodes that name the couple, family or group alone: a member's form finds them by
-- their own ids.
sessions_of_units as (
    select
        session_key,
        min(client_key) as client_key
    from sessions
    where client_key = unit_key
    group by session_key
),

episodes_of_units as (
    select
        episode_key,
        min(client_key) as client_key
    from episodes
    where client_key = unit_key
    group by episode_key
),

-- `treated_key`: under whom the form's session and episode stand.
forms as (
    select
        forms.*,
        coalesce(
            sessions_of_units.client_key, episodes_of_units.client_key, forms.client_key
        ) as treated_key
    from {{ ref('stg_administrations') }} as forms
    inner join {{ ref('int_administrations_resolved') }} as resolved
        on forms.administration_row = resolved.administration_row
    left join sessions_of_units on forms.session_key = sessions_of_units.session_key
    left join episodes_of_units on forms.episode_key = episodes_of_units.episode_key
    where {{ is_touched('resolved.client_key') }}
),

totals as (
    select *
    from {{ ref('int_scores_computed') }}
    where scale = 'total'
),

-- A form that names a session is never given another by its date, even when that one has not come.
nearest as (
    select
        administration_row,
        session_key
    from (
        select
            forms.administration_row,
            sessions.session_key,
            row_number() over (
                partition by forms.administration_row
                order by
                    abs({{ days_between('sessions.scheduled_on', 'forms.completed_on') }}),
                    sessions.scheduled_on,
                    sessions.session_key
            ) as choice
        from forms
        inner join sessions
            on
                forms.treated_key = sessions.client_key
                and forms.is_year_only = sessions.is_year_only
                and coalesce(forms.episode_key = sessions.episode_key, true)
        cross join {{ ref('stg_settings') }} as settings
        where
            forms.session_key is null
            and sessions.is_attended
            and abs({{ days_between('sessions.scheduled_on', 'forms.completed_on') }})
            <= settings.link_days
    ) as candidates
    where choice = 1
),

linked as (
    select
        forms.*,
        sessions.session_key as linked_session_key,
        case
            when sessions.session_key is null then 'none'
            when forms.session_key is null then 'date'
            else 'session'
        end as link_method,
        sessions.episode_key as session_episode_key,
        sessions.scheduled_on,
        sessions.is_year_only as is_session_year_only,
        sessions.site_id as session_site_id,
        sessions.therapist_key as session_therapist_key,
        sessions.unit_key as session_unit_key,
        sessions.group_session_key,
        coalesce(sessions.session_type, 'not_recorded') as session_type,
        sessions.session_no,
        sessions.stage_while_open,
        sessions.stage_once_closed,
        sessions.closed_from_on
    from forms
    left join nearest on forms.administration_row = nearest.administration_row
    left join sessions
        on
            forms.treated_key = sessions.client_key
            and coalesce(forms.session_key, nearest.session_key) = sessions.session_key
),

homeless as (
    select
        treated_key as client_key,
        administration_row,
        completed_on,
        is_year_only,
        coalesce(episode_key, session_episode_key) as episode_key
    from linked
    where coalesce(episode_key, session_episode_key) is null
),

placements as (
    {{ episodes_placed('homeless', 'administration_row', 'completed_on', 'episodes') }}
),

placed as (
    select
        linked.*,
        episodes.episode_key is null as is_episode_unknown,
        coalesce(linked.episode_key, linked.session_episode_key, placements.episode_key)
            as placed_episode_key,
        coalesce(linked.session_site_id, episodes.site_id) as site_id,
        coalesce(
            linked.rated_therapist_key, linked.session_therapist_key, episodes.therapist_key
        ) as therapist_key,
        episodes.episode_source,
        coalesce(linked.session_unit_key, episodes.unit_key) as unit_key,
        coalesce(episodes.service_type, 'not_recorded') as service_type,
        coalesce(episodes.use_permission, 'not_recorded') as use_permission,
        coalesce(linked.scheduled_on, linked.completed_on) as counted_on,
        case
            when linked.scheduled_on is not null then linked.is_session_year_only
            else linked.is_year_only
        end as is_counted_by_year
    from linked
    left join placements on linked.administration_row = placements.administration_row
    left join episodes
        on
            linked.treated_key = episodes.client_key
            and coalesce(linked.episode_key, linked.session_episode_key, placements.episode_key)
            = episodes.episode_key
)

select
    placed.administration_row,
    placed.practice_id,
    placed.client_key,
    placed.placed_episode_key as episode_key,
    placed.episode_source,
    placed.unit_key,
    placed.linked_session_key as session_key,
    placed.link_method,
    placed.site_id,
    placed.therapist_key,
    placed.instrument_code,
    placed.version,
    placed.language,
    placed.informant,
    placed.respondent,
    placed.occasion,
    placed.status,
    placed.status in ('completed', 'partial', 'not_recorded')
    and coalesce(totals.null_reason, '') <> 'no_answers' as is_filled_in,
    placed.timing,
    placed.collection_mode,
    placed.seen_by_therapist,
    placed.completed_on,
    placed.is_year_only as is_completed_year_only,
    placed.counted_on,
    placed.is_counted_by_year as is_year_only,
    {{ month_counted('placed.counted_on', 'placed.is_counted_by_year') }} as month_on,
    case
        when placed.is_counted_by_year
            then {{ year_known_through('placed.counted_on', 'deliveries.received_on') }}
        when placed.counted_on <= deliveries.received_on then placed.counted_on
    end as known_through_on,
    placed.session_no,
    placed.stage_while_open,
    placed.stage_once_closed,
    placed.closed_from_on,
    placed.service_type,
    placed.use_permission,
    totals.score as total,
    totals.score_source as total_source,
    case
        when totals.administration_row is null then 'instrument_unknown' else totals.null_reason
    end as total_null_reason,
    case
        when placed.status not in ('completed', 'partial', 'not_recorded') then 'not_filled_in'
        when placed.is_episode_unknown then 'episode_unknown'
        when placed.use_permission <> 'all' then 'no_permission'
        when placed.service_type in ('crisis', 'assessment') then 'service_type'
        when placed.session_type in ('crisis', 'assessment') then 'session_type'
        when
            {{ is_treated_together(
                'placed.service_type', 'placed.unit_key', 'placed.group_session_key'
            ) }}
            then 'unit_of_treatment'
        when sites.site_id is null then 'site_unknown'
        when totals.score is null then 'no_score'
    end as exclusion_reason
from placed
inner join {{ ref('stg_deliveries') }} as deliveries on placed.load_seq = deliveries.load_seq
left join totals on placed.administration_row = totals.administration_row
left join {{ ref('stg_sites') }} as sites
    on placed.practice_id = sites.practice_id and placed.site_id = sites.site_id
