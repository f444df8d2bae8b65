{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
    tags=['measures'],
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

-- Few rows: joined first, lest every form be multiplied by the scopes of its site.
with asked as (
    select
        scopes.practice_id,
        scopes.site_id,
        scopes.service_type,
        schedules.instrument_code,
        schedules.version,
        schedules.informant,
        schedules.window_days,
        schedules.valid_from,
        schedules.valid_to
    from {{ ref('stg_schedule_scopes') }} as scopes
    inner join {{ ref('stg_schedules') }} as schedules
        on
            scopes.practice_id = schedules.practice_id
            and scopes.schedule_id = schedules.schedule_id
),

-- A form without a score has come all the same.
forms as (
    select
        forms.administration_row,
        forms.practice_id,
        forms.site_id,
        forms.therapist_key,
        forms.client_key,
        forms.episode_key,
        forms.instrument_code,
        forms.version,
        forms.language,
        forms.informant,
        forms.link_method,
        forms.completed_on,
        forms.is_completed_year_only,
        forms.month_on,
        forms.service_type,
        forms.stage_while_open,
        forms.stage_once_closed,
        forms.closed_from_on,
        sessions.scheduled_on,
        sessions.is_year_only,
        sessions.delivery_mode,
        sessions.interpreter,
        {{ first_possible('sessions.scheduled_on', 'sessions.is_year_only') }} as first_on,
        {{ last_possible('sessions.scheduled_on', 'sessions.is_year_only') }} as last_on
    from {{ ref('int_administrations_linked') }} as forms
    inner join {{ ref('int_sessions_numbered') }} as sessions
        on
            forms.client_key = sessions.client_key
            and forms.session_key = sessions.session_key
    where
        {{ is_touched('forms.client_key') }}
        and {{ is_touched('sessions.client_key') }}
        and forms.is_filled_in
        and forms.session_no is not null
        and coalesce(forms.exclusion_reason = 'no_score', true)
),

-- Where two schedules ask for the form the longer window holds, as it does for what is due.
windows as (
    select
        forms.administration_row,
        max(asked.window_days) as window_days
    from forms
    inner join asked
        on
            forms.practice_id = asked.practice_id
            and forms.site_id = asked.site_id
            and forms.service_type = asked.service_type
            and forms.instrument_code = asked.instrument_code
            and forms.version = asked.version
            and forms.informant = asked.informant
            and forms.first_on >= asked.valid_from
            and forms.last_on <= coalesce(asked.valid_to, forms.last_on)
    group by forms.administration_row
)

select
    forms.administration_row,
    forms.practice_id,
    forms.site_id,
    forms.therapist_key,
    forms.client_key,
    forms.episode_key,
    forms.instrument_code,
    forms.version,
    forms.language,
    forms.informant,
    forms.month_on,
    forms.stage_while_open,
    forms.stage_once_closed,
    forms.closed_from_on,
    nullif(forms.delivery_mode, 'not_recorded') as delivery_mode,
    nullif(episodes.age_band_at_intake, 'not_recorded') as age_band,
    forms.interpreter as has_interpreter,
    windows.window_days,
    case
        when forms.link_method = 'session' and forms.is_completed_year_only = forms.is_year_only
            then {{ days_between('forms.scheduled_on', 'forms.completed_on') }}
    end as lag_days,
    -- The nearest session of a form that names none is near because it was chosen for that.
    case
        when forms.link_method <> 'session' then 'linked_by_date'
        when forms.completed_on is null then 'form_undated'
        when forms.is_completed_year_only <> forms.is_year_only then 'days_not_comparable'
    end as null_reason
from forms
inner join windows on forms.administration_row = windows.administration_row
inner join {{ ref('int_episodes_resolved') }} as episodes
    on
        forms.client_key = episodes.client_key
        and forms.episode_key = episodes.episode_key
where {{ is_touched('episodes.client_key') }}
