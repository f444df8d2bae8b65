{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
    tags=['measures'],
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

-- The forms of int_client_months_summed that rate an alliance, with what case mix asks of a form.
select
    forms.practice_id,
    forms.site_id,
    forms.client_key,
    forms.episode_key,
    forms.therapist_key,
    forms.instrument_code,
    forms.version,
    forms.language,
    forms.informant,
    forms.collection_mode,
    nullif(sessions.delivery_mode, 'not_recorded') as delivery_mode,
    forms.month_on,
    forms.stage_while_open,
    forms.stage_once_closed,
    case
        when forms.stage_while_open <> forms.stage_once_closed then forms.closed_from_on
    end as closed_from_on,
    coalesce({{ days_between("cast('1970-01-01' as date)", 'max(forms.counted_on)') }}, 0)
        as last_day_no,
    cast(count(*) as integer) as n_forms,
    cast(count(forms.session_no) as integer) as n_numbered,
    cast(sum(coalesce(forms.session_no, 0)) as integer) as summed_session_nos,
    sum({{ exact('forms.total') }}) as summed_billionths
from {{ ref('int_administrations_linked') }} as forms
inner join {{ ref('int_instruments_listed') }} as instruments
    on forms.instrument_code = instruments.instrument_code and forms.version = instruments.version
left join {{ ref('int_sessions_numbered') }} as sessions
    on forms.client_key = sessions.client_key and forms.session_key = sessions.session_key
where
    {{ is_touched('forms.client_key') }}
    and forms.exclusion_reason is null
    and instruments.kind = 'alliance'
group by
    forms.practice_id,
    forms.site_id,
    forms.client_key,
    forms.episode_key,
    forms.therapist_key,
    forms.instrument_code,
    forms.version,
    forms.language,
    forms.informant,
    forms.collection_mode,
    nullif(sessions.delivery_mode, 'not_recorded'),
    forms.month_on,
    forms.stage_while_open,
    forms.stage_once_closed,
    case when forms.stage_while_open <> forms.stage_once_closed then forms.closed_from_on end
