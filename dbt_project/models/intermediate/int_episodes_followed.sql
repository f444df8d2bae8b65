{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
    tags=['measures'],
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

with started as (
    select *
    from {{ ref('int_episodes_started') }}
    where {{ is_touched() }} and exclusion_reason is null
),

alliance as (
    select
        instrument_code,
        version
    from {{ ref('stg_instruments') }}
    where kind = 'alliance'
),

forms as (
    select
        forms.client_key,
        forms.episode_key,
        forms.instrument_code,
        forms.version,
        forms.language,
        forms.informant,
        forms.session_no,
        -- A day made up of a year is no measure against days that are known.
        case when forms.is_year_only = started.is_year_only then forms.counted_on end as day_on,
        forms.total
    from {{ ref('int_administrations_linked') }} as forms
    inner join alliance
        on
            forms.instrument_code = alliance.instrument_code
            and forms.version = alliance.version
    inner join started
        on
            forms.client_key = started.client_key
            and forms.episode_key = started.episode_key
    where
        {{ is_touched('forms.client_key') }}
        and forms.informant in ('client', 'child')
        and forms.exclusion_reason is null
),

-- Several forms of one session are one measurement, and so are those of one day without a session:
-- which of them came first is nowhere said.
measured as (
    select
        client_key,
        episode_key,
        instrument_code,
        version,
        language,
        informant,
        session_no,
        coalesce({{ days_between("cast('1900-01-01' as date)", 'day_on') }}, 0) as day_no,
        count(*) as n_forms,
        {{ inexact('sum(' ~ exact('total') ~ ')') }} / count(*) as total
    from forms
    group by
        client_key,
        episode_key,
        instrument_code,
        version,
        language,
        informant,
        session_no,
        coalesce({{ days_between("cast('1900-01-01' as date)", 'day_on') }}, 0)
),

placed as (
    select
        *,
        session_no between {{ var('early_first_session') }} and {{ var('early_last_session') }}
            as is_early,
        -- Greatest for the nearest to the target, and of two as near for the earlier.
        case
            when
                session_no between {{ var('single_form_first_session') }}
                and {{ var('single_form_last_session') }}
                then
                    -1000 * abs(session_no - {{ var('single_form_target_session') }}) - session_no
        end as single_form_rank,
        day_no * 10000 + coalesce(session_no, 0) as last_rank
    from measured
),

filled_in as (
    select
        client_key,
        episode_key,
        instrument_code,
        version,
        language,
        informant,
        cast(sum(n_forms) as integer) as n_forms,
        cast(sum(case when is_early then n_forms else 0 end) as integer) as n_forms_early,
        cast(sum(case when is_early then 1 else 0 end) as integer) as n_sessions_early_measured,
        {{ inexact('sum(case when is_early then ' ~ exact('total') ~ ' end)') }}
        / sum(case when is_early then 1 else 0 end) as early_total,
        max_by(total, single_form_rank) as single_form_total,
        max_by(total, last_rank) as last_total,
        nullif(max_by(coalesce(session_no, 0), last_rank), 0) as last_session_no
    from placed
    group by client_key, episode_key, instrument_code, version, language, informant
),

-- What falls due only when an episode closes says nothing of how often forms are due.
due as (
    select
        due.client_key,
        due.episode_key,
        due.instrument_code,
        due.version,
        due.informant,
        cast(count(*) as integer) as n_due,
        cast(
            sum(
                case
                    when
                        due.session_no between {{ var('early_first_session') }}
                        and {{ var('early_last_session') }}
                        then 1
                    else 0
                end
            ) as integer
        ) as n_due_early,
        max(case when due.is_due_each_session then 1 else 0 end) as is_asked_each_session
    from {{ ref('int_forms_due_placed') }} as due
    inner join alliance
        on
            due.instrument_code = alliance.instrument_code
            and due.version = alliance.version
    where
        {{ is_touched('due.client_key') }}
        and due.informant in ('client', 'child')
        and due.due_from_on is null
    group by
        due.client_key, due.episode_key, due.instrument_code, due.version, due.informant
),

-- A form that is due and never came has no language.
known as (
    select
        coalesce(filled_in.client_key, due.client_key) as client_key,
        coalesce(filled_in.episode_key, due.episode_key) as episode_key,
        coalesce(filled_in.instrument_code, due.instrument_code) as instrument_code,
        coalesce(filled_in.version, due.version) as version,
        filled_in.language,
        coalesce(filled_in.informant, due.informant) as informant,
        coalesce(filled_in.n_forms, 0) as n_forms,
        coalesce(filled_in.n_forms_early, 0) as n_forms_early,
        coalesce(filled_in.n_sessions_early_measured, 0) as n_sessions_early_measured,
        filled_in.early_total,
        filled_in.single_form_total,
        filled_in.last_total,
        filled_in.last_session_no,
        coalesce(due.n_due, 0) as n_due,
        coalesce(due.n_due_early, 0) as n_due_early,
        coalesce(due.is_asked_each_session, 0) = 1 as is_asked_each_session
    from filled_in
    full outer join due
        on
            filled_in.client_key = due.client_key
            and filled_in.episode_key = due.episode_key
            and filled_in.instrument_code = due.instrument_code
            and filled_in.version = due.version
            and filled_in.informant = due.informant
)

select
    started.practice_id,
    started.site_id,
    started.therapist_key,
    started.client_key,
    started.episode_key,
    started.episode_source,
    known.instrument_code,
    known.version,
    known.language,
    known.informant,
    started.is_closed,
    started.closed_from_on,
    started.ending_code,
    started.opening_month_on,
    started.closing_month_on,
    started.last_session_on,
    started.early_month_on,
    started.single_form_month_on,
    started.delivery_mode,
    started.age_band,
    started.has_interpreter,
    started.n_sessions,
    started.is_early_session_reached,
    known.n_due,
    -- One form due at one session may be each session's or a milestone's: until the window holds
    -- two sessions the schedule has to say, and before it holds one the schedule alone can.
    case
        when started.n_sessions > {{ var('early_first_session') }} then true
        else known.is_asked_each_session
    end
    and case
        when started.is_early_session_reached
            then
                known.n_due_early
                = least(started.n_sessions, {{ var('early_last_session') }})
                - {{ var('early_first_session') }} + 1
        else true
    end as is_due_each_session,
    known.n_forms,
    known.n_forms_early,
    known.n_sessions_early_measured,
    known.early_total,
    known.single_form_total,
    known.last_total,
    started.n_sessions - known.last_session_no as n_sessions_after_last_form
from started
inner join known
    on
        started.client_key = known.client_key
        and started.episode_key = known.episode_key
