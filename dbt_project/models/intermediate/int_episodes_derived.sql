{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

-- Nothing here looks at stated episodes, so nothing here goes stale when one comes or goes: which
-- clients have none is decided in int_episodes_resolved.
with
{{ standing_sessions(
    is_touched('versions.client_key')
    ~ ' and versions.practice_id in (select practice_id from '
    ~ ref('stg_episode_derivations') ~ ')'
) }},

-- Sessions that name an episode are divided by its id, all others by their gaps.
treated as (
    select
        sessions.practice_id,
        sessions.client_key,
        sessions.unit_key,
        sessions.episode_key as named_key,
        case when sessions.episode_key is null then sessions.unit_key end as unnamed_unit_key,
        -- Days that are made up of a year are no measure for days that are known.
        case when sessions.episode_key is null then sessions.is_year_only end as unnamed_by_year,
        sessions.is_year_only,
        sessions.session_key,
        sessions.site_id,
        sessions.therapist_key,
        sessions.scheduled_on,
        terms.gap_days,
        terms.service_type,
        terms.use_permission
    from current_sessions as sessions
    inner join {{ ref('stg_episode_derivations') }} as terms
        on
            sessions.practice_id = terms.practice_id
            and sessions.scheduled_on >= terms.valid_from
            and sessions.scheduled_on <= coalesce(terms.valid_to, sessions.scheduled_on)
    where {{ is_treatment('sessions') }}
),

spaced as (
    select
        *,
        lag(scheduled_on) over (
            partition by client_key, named_key, unnamed_unit_key, unnamed_by_year
            order by scheduled_on, session_key
        ) as previous_on
    from treated
),

divided as (
    select
        *,
        sum(
            case
                when
                    named_key is null
                    and {{ days_between('previous_on', 'scheduled_on') }} > gap_days
                    then 1
                else 0
            end
        ) over (
            partition by client_key, named_key, unnamed_unit_key, unnamed_by_year
            order by scheduled_on, session_key
            rows unbounded preceding
        ) as run_no
    from spaced
),

counted as (
    select
        *,
        row_number() over (
            partition by client_key, named_key, unnamed_unit_key, unnamed_by_year, run_no
            order by scheduled_on, session_key
        ) as no_from_first,
        row_number() over (
            partition by client_key, named_key, unnamed_unit_key, unnamed_by_year, run_no
            order by scheduled_on desc, session_key desc
        ) as no_from_last
    from divided
),

-- The first session's key stands for a run. Where an earlier session comes late it is another; all
-- rows of the client are made anew with it, so none is left that knows the former one. (The least
-- key would change less often, and be another session's under another practice key.) What the
-- contract of the last session's day says holds for the episode.
runs as (
    select
        practice_id,
        client_key,
        named_key,
        max(case when no_from_first = 1 then session_key end) as first_session_key,
        max(unit_key) as unit_key,
        max(case when is_year_only then 1 else 0 end) = 1 as is_year_only,
        min(scheduled_on) as first_on,
        max(scheduled_on) as last_on,
        max(case when no_from_last = 1 then gap_days end) as gap_days,
        max(case when no_from_last = 1 then service_type end) as service_type,
        max(case when no_from_last = 1 then use_permission end) as use_permission,
        case when min(site_id) = max(site_id) then min(site_id) end as site_id,
        case
            when min(therapist_key) = max(therapist_key) and count(therapist_key) = count(*)
                then min(therapist_key)
        end as therapist_key
    from counted
    group by practice_id, client_key, named_key, unnamed_unit_key, unnamed_by_year, run_no
),

neighboured as (
    select
        *,
        {{ days_between(
            'lag(last_on) over (partition by client_key, unit_key, is_year_only '
            ~ 'order by first_on, last_on, first_session_key)',
            'first_on',
        ) }} as days_before,
        {{ days_between(
            'last_on',
            'lead(first_on) over (partition by client_key, unit_key, is_year_only '
            ~ 'order by first_on, last_on, first_session_key)',
        ) }} as days_after
    from runs
)

-- Appointments that were not kept, and forms, belong to the nearer of two episodes, to the earlier
-- where both are equally near, and to none where no session lies within the gap.
select
    practice_id,
    client_key,
    coalesce(named_key, first_session_key) as episode_key,
    unit_key,
    site_id,
    therapist_key,
    first_on as opened_on,
    last_on as closed_on,
    is_year_only,
    {{ days_away('last_on', '(gap_days + 1)') }} as closed_known_on,
    {{ days_away(
        'first_on',
        '-cast(least(gap_days, ceil(greatest(coalesce(days_before, 2 * gap_days + 2), 2) / 2) - 1) '
        ~ 'as integer)',
    ) }} as holds_from_on,
    {{ days_away(
        'last_on',
        'cast(least(gap_days, floor(greatest(coalesce(days_after, 2 * gap_days), 0) / 2)) '
        ~ 'as integer)',
    ) }} as holds_to_on,
    case when unit_key is null then service_type else 'not_recorded' end as service_type,
    use_permission
from neighboured
-- A practice may number sessions as it numbers episodes; an id that names one is not used again.
where
    named_key is not null
    or not exists (
        select 1
        from treated
        where
            treated.client_key = neighboured.client_key
            and treated.named_key = neighboured.first_session_key
    )
