{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

-- Attended treatment sessions of clients whose data may be used, each with the schedules whose
-- scope and dates it lies in.
with scheduled as (
    select
        sessions.*,
        coalesce(sessions.therapist_key, episodes.therapist_key) as treating_therapist_key,
        schedules.schedule_id,
        schedules.instrument_code,
        schedules.version,
        schedules.informant,
        schedules.rule,
        schedules.every_n,
        schedules.window_days,
        episodes.opened_on
    from {{ ref('int_sessions_numbered') }} as sessions
    inner join {{ ref('int_episodes_resolved') }} as episodes
        on
            sessions.client_key = episodes.client_key
            and sessions.episode_key = episodes.episode_key
    inner join {{ ref('stg_schedule_scopes') }} as scopes
        on
            sessions.practice_id = scopes.practice_id
            and sessions.site_id = scopes.site_id
            and episodes.service_type = scopes.service_type
    inner join {{ ref('stg_schedules') }} as schedules
        on
            scopes.practice_id = schedules.practice_id
            and scopes.schedule_id = schedules.schedule_id
            and sessions.scheduled_on >= schedules.valid_from
            and sessions.scheduled_on <= coalesce(schedules.valid_to, sessions.scheduled_on)
    where
        {{ is_touched('sessions.client_key') }}
        and sessions.session_no is not null
        and episodes.use_permission = 'all'
),

-- The first attended session of each block of days; blocks are counted from the opening.
days_begun as (
    select
        client_key,
        session_key,
        schedule_id,
        row_number() over (
            partition by client_key, episode_key, schedule_id, block_no
            order by session_no
        ) as no_in_block
    from (
        select
            client_key,
            episode_key,
            session_key,
            session_no,
            schedule_id,
            floor(
                {{ days_between('coalesce(opened_on, first_on)', 'scheduled_on') }}
                / every_n
            ) as block_no
        from (
            select
                *,
                min(scheduled_on) over (partition by client_key, episode_key) as first_on
            from scheduled
            where rule = 'every_days'
        ) as dated
    ) as blocked
),

made_due as (
    select
        scheduled.*,
        case when scheduled.rule = 'ending' then scheduled.closed_from_on end as due_from_on
    from scheduled
    left join {{ ref('stg_schedule_sessions') }} as listed
        on
            scheduled.practice_id = listed.practice_id
            and scheduled.schedule_id = listed.schedule_id
            and scheduled.session_no = listed.session_no
    left join days_begun
        on
            scheduled.client_key = days_begun.client_key
            and scheduled.session_key = days_begun.session_key
            and scheduled.schedule_id = days_begun.schedule_id
    where
        case scheduled.rule
            when 'intake' then scheduled.session_no = 1
            when 'every_session' then true
            when 'every_n' then (scheduled.session_no - 1) % scheduled.every_n = 0
            when 'session_list' then listed.session_no is not null
            when 'every_days' then days_begun.no_in_block = 1
            when 'ending'
                then scheduled.n_sessions_after = 0 and scheduled.closed_from_on is not null
        end
),

-- Two schedules may ask for the same form on the same day: it is due once.
due as (
    select
        practice_id,
        client_key,
        session_key,
        instrument_code,
        version,
        informant,
        min(site_id) as site_id,
        min(treating_therapist_key) as therapist_key,
        min(scheduled_on) as due_on,
        max(window_days) as window_days,
        case when count(due_from_on) = count(*) then min(due_from_on) end as due_from_on,
        min(stage_while_open) as stage_while_open,
        min(stage_once_closed) as stage_once_closed,
        min(closed_from_on) as closed_from_on
    from made_due
    group by practice_id, client_key, session_key, instrument_code, version, informant
),

filled_in as (
    select
        administration_row,
        client_key,
        session_key,
        instrument_code,
        version,
        informant,
        counted_on
    from {{ ref('int_administrations_linked') }}
    where {{ is_touched() }} and is_filled_in
),

of_their_session as (
    select
        due.client_key,
        due.session_key,
        due.instrument_code,
        due.version,
        due.informant,
        filled_in.administration_row
    from due
    inner join filled_in
        on
            due.client_key = filled_in.client_key
            and due.session_key = filled_in.session_key
            and due.instrument_code = filled_in.instrument_code
            and due.version = filled_in.version
            and due.informant = filled_in.informant
),

-- A form whose own session asked for none makes up for the nearest due day within the window; so
-- one form never answers for two sessions.
made_up_for as (
    select
        client_key,
        session_key,
        instrument_code,
        version,
        informant,
        administration_row
    from (
        select
            due.*,
            filled_in.administration_row,
            row_number() over (
                partition by filled_in.administration_row
                order by
                    abs({{ days_between('due.due_on', 'filled_in.counted_on') }}),
                    due.due_on,
                    due.session_key
            ) as choice
        from filled_in
        left join of_their_session
            on filled_in.administration_row = of_their_session.administration_row
        inner join due
            on
                filled_in.client_key = due.client_key
                and filled_in.instrument_code = due.instrument_code
                and filled_in.version = due.version
                and filled_in.informant = due.informant
        where
            of_their_session.administration_row is null
            and abs({{ days_between('due.due_on', 'filled_in.counted_on') }}) <= due.window_days
    ) as candidates
    where choice = 1
),

completed as (
    select distinct
        client_key,
        session_key,
        instrument_code,
        version,
        informant
    from (
        select * from of_their_session
        union all
        select * from made_up_for
    ) as answering
)

select
    due.practice_id,
    due.site_id,
    due.client_key,
    due.therapist_key,
    due.session_key,
    due.instrument_code,
    due.version,
    due.informant,
    due.due_on,
    {{ month_of('due.due_on') }} as month_on,
    due.due_from_on,
    due.stage_while_open,
    due.stage_once_closed,
    due.closed_from_on,
    completed.session_key is not null as is_completed
from due
left join completed
    on
        due.client_key = completed.client_key
        and due.session_key = completed.session_key
        and due.instrument_code = completed.instrument_code
        and due.version = completed.version
        and due.informant = completed.informant
