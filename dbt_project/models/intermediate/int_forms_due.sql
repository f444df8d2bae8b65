{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

-- Attended treatment sessions of clients whose data may be used.
with attended as (
    select
        sessions.practice_id,
        sessions.client_key,
        sessions.session_key,
        sessions.episode_key,
        sessions.site_id,
        coalesce(sessions.therapist_key, episodes.therapist_key) as therapist_key,
        sessions.scheduled_on,
        sessions.is_year_only,
        {{ first_possible('sessions.scheduled_on', 'sessions.is_year_only') }} as first_on,
        {{ last_possible('sessions.scheduled_on', 'sessions.is_year_only') }} as last_on,
        sessions.session_no,
        sessions.n_sessions_after,
        sessions.stage_while_open,
        sessions.stage_once_closed,
        sessions.closed_from_on,
        sessions.delivery_mode,
        sessions.interpreter,
        episodes.service_type,
        episodes.age_band_at_intake,
        case
            when episodes.is_year_only = sessions.is_year_only then episodes.opened_on
        end as opened_on,
        {{ is_treated_together(
            'episodes.service_type', 'sessions.unit_key', 'sessions.group_session_key'
        ) }} as is_treated_together
    from {{ ref('int_sessions_numbered') }} as sessions
    inner join {{ ref('int_episodes_resolved') }} as episodes
        on
            sessions.client_key = episodes.client_key
            and sessions.episode_key = episodes.episode_key
    where
        {{ is_touched('sessions.client_key') }}
        and sessions.session_no is not null
        and episodes.use_permission = 'all'
        -- A row of the couple itself does not say how many owe a form.
        and coalesce(sessions.client_key <> sessions.unit_key, true)
),

-- Few rows: joined first, lest every session be multiplied by the scopes of its site.
asked as (
    select
        scopes.practice_id,
        scopes.site_id,
        scopes.service_type,
        schedules.schedule_id,
        schedules.instrument_code,
        schedules.version,
        schedules.informant,
        schedules.rule,
        schedules.every_n,
        schedules.window_days,
        schedules.valid_from,
        schedules.valid_to
    from {{ ref('stg_schedule_scopes') }} as scopes
    inner join {{ ref('stg_schedules') }} as schedules
        on
            scopes.practice_id = schedules.practice_id
            and scopes.schedule_id = schedules.schedule_id
),

-- Each session with the schedules whose scope and dates it lies in. Where the year alone is known,
-- the whole year must: a form that may not have been due is not missed.
scheduled as (
    select
        attended.*,
        asked.schedule_id,
        asked.instrument_code,
        asked.version,
        asked.informant,
        asked.rule,
        asked.every_n,
        asked.window_days
    from attended
    inner join asked
        on
            attended.practice_id = asked.practice_id
            and attended.site_id = asked.site_id
            and attended.service_type = asked.service_type
            and attended.first_on >= asked.valid_from
            and attended.last_on <= coalesce(asked.valid_to, attended.last_on)
),

-- Sessions of which a schedule's form is not asked. They still count where the rule counts.
let_off as (
    select distinct
        scheduled.client_key,
        scheduled.session_key,
        scheduled.schedule_id
    from scheduled
    inner join {{ ref('stg_schedule_exemptions') }} as exemptions
        on
            scheduled.practice_id = exemptions.practice_id
            and scheduled.schedule_id = exemptions.schedule_id
    where
        (
            exemptions.age_band is null
            or exemptions.age_band = coalesce(scheduled.age_band_at_intake, 'not_recorded')
        )
        and (
            exemptions.delivery_mode is null
            or coalesce(exemptions.delivery_mode = scheduled.delivery_mode, false)
        )
        and (
            exemptions.has_interpreter is null
            or exemptions.has_interpreter = coalesce(scheduled.interpreter, false)
        )
        and coalesce(
            scheduled.last_on >= exemptions.valid_from, true
        )
        and coalesce(
            scheduled.first_on <= exemptions.valid_to, true
        )
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
                {{ days_between('coalesce(opened_on, first_scheduled_on)', 'scheduled_on') }}
                / every_n
            ) as block_no
        from (
            select
                *,
                min(scheduled_on) over (
                    partition by client_key, episode_key
                ) as first_scheduled_on
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
    left join let_off
        on
            scheduled.client_key = let_off.client_key
            and scheduled.session_key = let_off.session_key
            and scheduled.schedule_id = let_off.schedule_id
    where
        let_off.session_key is null
        and case scheduled.rule
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
        -- One session's facts, the same in each of its rows.
        max(
            case
                when rule = 'every_session' or (rule = 'every_n' and every_n = 1) then 1
                else 0
            end
        ) = 1 as is_due_each_session,
        -- In the order of the key: an engine that reads this twice must come to the same numbers.
        row_number() over (
            order by session_key, instrument_code, version, informant, client_key, practice_id
        ) as due_no,
        min(site_id) as site_id,
        min(therapist_key) as therapist_key,
        min(scheduled_on) as due_on,
        is_year_only,
        max(window_days) as window_days,
        case when count(due_from_on) = count(*) then min(due_from_on) end as due_from_on,
        min(stage_while_open) as stage_while_open,
        min(stage_once_closed) as stage_once_closed,
        min(closed_from_on) as closed_from_on,
        max(case when is_treated_together then 1 else 0 end) = 1 as is_treated_together
    from made_due
    group by
        practice_id, client_key, session_key, instrument_code, version, informant, is_year_only
),

-- Each filled-in form with the due one of its own session, if that asked for it.
filled_in as (
    select
        forms.administration_row,
        forms.client_key,
        forms.instrument_code,
        forms.version,
        forms.informant,
        forms.counted_on,
        forms.is_year_only,
        due.due_no
    from {{ ref('int_administrations_linked') }} as forms
    left join due
        on
            forms.client_key = due.client_key
            and forms.session_key = due.session_key
            and forms.instrument_code = due.instrument_code
            and forms.version = due.version
            and forms.informant = due.informant
    where {{ is_touched('forms.client_key') }} and forms.is_filled_in
),

-- A form whose own session asked for none makes up for the nearest due day within the window; so
-- one form never answers for two sessions.
made_up_for as (
    select due_no
    from (
        select
            due.due_no,
            row_number() over (
                partition by filled_in.administration_row
                order by
                    abs({{ days_between('due.due_on', 'filled_in.counted_on') }}),
                    due.due_on,
                    due.session_key
            ) as choice
        from filled_in
        inner join due
            on
                filled_in.client_key = due.client_key
                and filled_in.instrument_code = due.instrument_code
                and filled_in.version = due.version
                and filled_in.informant = due.informant
                and filled_in.is_year_only = due.is_year_only
                and abs({{ days_between('due.due_on', 'filled_in.counted_on') }})
                <= due.window_days
        where filled_in.due_no is null
    ) as candidates
    where choice = 1
),

completed as (
    select due_no from filled_in
    where due_no is not null
    union
    select due_no from made_up_for
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
    {{ month_counted('due.due_on', 'due.is_year_only') }} as month_on,
    due.due_from_on,
    due.stage_while_open,
    due.stage_once_closed,
    due.closed_from_on,
    due.is_due_each_session,
    due.is_treated_together,
    completed.due_no is not null as is_completed
from due
left join completed on due.due_no = completed.due_no
