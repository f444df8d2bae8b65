{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
    tags=['measures'],
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

with alliance_scales as (
    select
        scales.instrument_code,
        scales.version,
        scales.best,
        scales.best = scales.maximum as is_higher_better
    from {{ ref('int_scales_numbered') }} as scales
    inner join {{ ref('stg_instruments') }} as instruments
        on
            scales.instrument_code = instruments.instrument_code
            and scales.version = instruments.version
    where scales.scale = 'total' and instruments.kind = 'alliance'
),

episodes as (
    select episodes.*
    from {{ ref('int_episodes_resolved') }} as episodes
    where
        {{ is_touched('episodes.client_key') }}
        and episodes.use_permission = 'all'
        and episodes.service_type not in ('crisis', 'assessment')
),

sessions as (
    select
        sessions.*,
        {{ month_counted('sessions.scheduled_on', 'sessions.is_year_only') }} as month_on,
        episodes.is_closed,
        episodes.closed_on is not null as is_closing_dated,
        episodes.ending_code,
        episodes.age_band_at_intake
    from {{ ref('int_sessions_numbered') }} as sessions
    inner join episodes
        on
            sessions.client_key = episodes.client_key
            and sessions.episode_key = episodes.episode_key
    inner join {{ ref('stg_sites') }} as sites
        on sessions.practice_id = sites.practice_id and sessions.site_id = sites.site_id
    where
        {{ is_touched('sessions.client_key') }}
        and sessions.session_no is not null
        and not (
            {{ is_treated_together(
                'episodes.service_type', 'sessions.unit_key', 'sessions.group_session_key'
            ) }}
        )
),

forms as (
    select
        forms.client_key,
        forms.episode_key,
        forms.session_key,
        forms.instrument_code,
        forms.version,
        forms.language,
        forms.informant,
        forms.total,
        alliance_scales.best,
        alliance_scales.is_higher_better
    from {{ ref('int_administrations_linked') }} as forms
    inner join alliance_scales
        on
            forms.instrument_code = alliance_scales.instrument_code
            and forms.version = alliance_scales.version
    where
        {{ is_touched('forms.client_key') }}
        and forms.exclusion_reason is null
        and forms.session_no is not null
        and forms.informant in ('client', 'child', 'caregiver')
),

-- An episode is followed by one instrument an informant, the one with most forms: a session with a
-- form of another is a session without.
instruments_used as (
    select
        client_key,
        episode_key,
        instrument_code,
        version,
        language,
        informant
    from (
        select
            client_key,
            episode_key,
            instrument_code,
            version,
            language,
            informant,
            row_number() over (
                partition by client_key, episode_key, informant
                order by count(*) desc, instrument_code asc, version asc, language asc
            ) as choice
        from forms
        group by client_key, episode_key, instrument_code, version, language, informant
    ) as counted
    where choice = 1
),

-- Of two forms of one session, those of two parents, the worse one says how it stands.
rated as (
    select
        client_key,
        episode_key,
        session_key,
        instrument_code,
        version,
        language,
        informant,
        best,
        is_higher_better,
        case when is_higher_better then min(total) else max(total) end as total
    from forms
    group by
        client_key,
        episode_key,
        session_key,
        instrument_code,
        version,
        language,
        informant,
        best,
        is_higher_better
)

select
    sessions.practice_id,
    sessions.site_id,
    sessions.therapist_key,
    sessions.client_key,
    sessions.episode_key,
    sessions.session_key,
    sessions.session_no,
    sessions.n_sessions_after,
    instruments_used.instrument_code,
    instruments_used.version,
    instruments_used.language,
    instruments_used.informant,
    rated.total,
    rated.total = rated.best as is_at_best,
    case when rated.is_higher_better then rated.total else -rated.total end as total_upwards,
    sessions.month_on,
    sessions.stage_while_open,
    sessions.stage_once_closed,
    sessions.closed_from_on,
    nullif(sessions.delivery_mode, 'not_recorded') as delivery_mode,
    nullif(sessions.age_band_at_intake, 'not_recorded') as age_band,
    sessions.interpreter as has_interpreter,
    sessions.is_closed,
    sessions.is_closing_dated,
    sessions.ending_code
from sessions
left join instruments_used
    on
        sessions.client_key = instruments_used.client_key
        and sessions.episode_key = instruments_used.episode_key
left join rated
    on
        sessions.client_key = rated.client_key
        and sessions.episode_key = rated.episode_key
        and sessions.session_key = rated.session_key
        and instruments_used.instrument_code = rated.instrument_code
        and instruments_used.version = rated.version
        and instruments_used.language = rated.language
        and instruments_used.informant = rated.informant
