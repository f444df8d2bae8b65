{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
    tags=['measures'],
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

{%- set same_dyad -%}
    firsts.client_key = seconds.client_key
    and firsts.episode_key = seconds.episode_key
    and firsts.kind_no = seconds.kind_no
    and firsts.language = seconds.language
    and coalesce(firsts.therapist_key = seconds.therapist_key, true)
{%- endset -%}
{%- set candidate -%}
    firsts.kind_no,
    firsts.administration_row as first_row,
    firsts.respondent as first_respondent,
    seconds.administration_row as second_row,
    seconds.respondent as second_respondent
{%- endset %}

-- An instrument is parallel to itself; any other pair is declared.
with parallel_forms as (
    select
        instrument_code,
        version,
        instrument_code as parallel_code,
        version as parallel_version
    from {{ ref('stg_instruments') }}
    where kind = 'alliance'
    union all
    select
        parallel_forms.instrument_code,
        parallel_forms.version,
        parallel_forms.parallel_code,
        parallel_forms.parallel_version
    from {{ ref('stg_parallel_forms') }} as parallel_forms
    inner join {{ ref('stg_instruments') }} as instruments
        on
            parallel_forms.instrument_code = instruments.instrument_code
            and parallel_forms.version = instruments.version
    where instruments.kind = 'alliance'
),

forms as (
    select
        forms.administration_row,
        forms.practice_id,
        forms.site_id,
        forms.therapist_key,
        forms.client_key,
        forms.episode_key,
        forms.session_key,
        forms.instrument_code,
        forms.version,
        forms.language,
        forms.informant,
        forms.respondent,
        forms.completed_on,
        forms.counted_on,
        forms.is_year_only,
        forms.month_on,
        forms.stage_while_open,
        forms.stage_once_closed,
        forms.closed_from_on,
        100 * (forms.total - scales.minimum) / (scales.maximum - scales.minimum) as pomp
    from {{ ref('int_administrations_linked') }} as forms
    inner join {{ ref('stg_scales') }} as scales
        on
            forms.instrument_code = scales.instrument_code
            and forms.version = scales.version
            and scales.scale = 'total'
    where
        {{ is_touched('forms.client_key') }}
        and forms.exclusion_reason is null
        and forms.informant in ('client', 'child', 'caregiver', 'therapist')
        and forms.instrument_code in (select parallel_forms.instrument_code from parallel_forms)
),

-- The one whose gap it is comes first.
dyads as (
    select
        'client_therapist' as dyad,
        'client' as informant,
        'therapist' as second_informant
    union all
    select
        'child_therapist' as dyad,
        'child' as informant,
        'therapist' as second_informant
    union all
    select
        'caregiver_therapist' as dyad,
        'caregiver' as informant,
        'therapist' as second_informant
    union all
    select
        'child_caregiver' as dyad,
        'child' as informant,
        'caregiver' as second_informant
),

used as (
    select distinct
        instrument_code,
        version,
        informant
    from forms
),

-- Only kinds of pair that can occur, by a number: few, and cheap to compare.
kinds as (
    select
        dyads.dyad,
        firsts.instrument_code,
        firsts.version,
        firsts.informant,
        seconds.instrument_code as second_instrument_code,
        seconds.version as second_version,
        seconds.informant as second_informant,
        row_number() over (
            order by
                dyads.dyad,
                firsts.instrument_code,
                firsts.version,
                seconds.instrument_code,
                seconds.version
        ) as kind_no
    from dyads
    inner join used as firsts on dyads.informant = firsts.informant
    inner join used as seconds on dyads.second_informant = seconds.informant
    inner join parallel_forms
        on
            firsts.instrument_code = parallel_forms.instrument_code
            and firsts.version = parallel_forms.version
            and seconds.instrument_code = parallel_forms.parallel_code
            and seconds.version = parallel_forms.parallel_version
),

seconds as (
    select
        kinds.kind_no,
        forms.administration_row,
        forms.client_key,
        forms.episode_key,
        forms.session_key,
        forms.therapist_key,
        forms.language,
        forms.respondent,
        forms.completed_on,
        forms.counted_on,
        forms.is_year_only
    from forms
    inner join kinds
        on
            forms.informant = kinds.second_informant
            and forms.instrument_code = kinds.second_instrument_code
            and forms.version = kinds.second_version
),

firsts as (
    select
        kinds.kind_no,
        forms.administration_row,
        forms.client_key,
        forms.episode_key,
        forms.session_key,
        forms.therapist_key,
        forms.language,
        forms.respondent,
        forms.completed_on,
        forms.counted_on,
        forms.is_year_only
    from forms
    inner join kinds
        on
            forms.informant = kinds.informant
            and forms.instrument_code = kinds.instrument_code
            and forms.version = kinds.version
    where forms.client_key in (select seconds.client_key from seconds)
),

of_sessions as (
    select
        {{ candidate | indent(8) }},
        abs({{ days_between('firsts.completed_on', 'seconds.completed_on') }}) as n_days_apart
    from firsts
    inner join seconds
        on
            {{ same_dyad | indent(12) }}
            and firsts.session_key = seconds.session_key
),

matched_of_sessions as (
    {{ nearest_pairs('of_sessions') }}
),

firsts_left as (
    select firsts.*
    from firsts
    left join matched_of_sessions as matched
        on firsts.administration_row = matched.first_row and firsts.kind_no = matched.kind_no
    where matched.first_row is null
),

seconds_left as (
    select seconds.*
    from seconds
    left join matched_of_sessions as matched
        on seconds.administration_row = matched.second_row and seconds.kind_no = matched.kind_no
    where matched.second_row is null
),

-- What is left on both sides is little where sessions are sent.
of_days as (
    select
        {{ candidate | indent(8) }},
        abs({{ days_between('firsts.counted_on', 'seconds.counted_on') }}) as n_days_apart
    from firsts_left as firsts
    inner join seconds_left as seconds
        on
            {{ same_dyad | indent(12) }}
            and firsts.is_year_only = seconds.is_year_only
    where
        abs({{ days_between('firsts.counted_on', 'seconds.counted_on') }})
        <= {{ var('pair_days') }}
),

matched as (
    select
        *,
        'session' as match_method
    from matched_of_sessions
    union all
    select
        *,
        'days' as match_method
    from (
        {{ nearest_pairs('of_days') | indent(4) }}
    ) as matched_of_days
),

sessions as (
    select
        client_key,
        session_key,
        delivery_mode,
        interpreter
    from {{ ref('int_sessions_numbered') }}
    where {{ is_touched() }}
),

episodes as (
    select
        client_key,
        episode_key,
        age_band_at_intake
    from {{ ref('int_episodes_resolved') }}
    where {{ is_touched() }}
),

pairs as (
    select
        firsts.practice_id,
        firsts.site_id,
        coalesce(firsts.therapist_key, seconds.therapist_key) as therapist_key,
        firsts.client_key,
        firsts.episode_key,
        kinds.dyad,
        matched.first_row as first_administration_row,
        matched.second_row as second_administration_row,
        kinds.instrument_code,
        kinds.version,
        firsts.language,
        kinds.informant,
        kinds.second_instrument_code,
        kinds.second_version,
        kinds.second_informant,
        kinds.kind_no,
        matched.match_method,
        cast(matched.n_days_apart as integer) as n_days_apart,
        firsts.session_key,
        firsts.counted_on,
        firsts.month_on,
        firsts.stage_while_open,
        firsts.stage_once_closed,
        firsts.closed_from_on,
        firsts.pomp as first_pomp,
        seconds.pomp as second_pomp,
        firsts.pomp - seconds.pomp as gap_pomp
    from matched
    inner join kinds on matched.kind_no = kinds.kind_no
    inner join forms as firsts on matched.first_row = firsts.administration_row
    inner join forms as seconds on matched.second_row = seconds.administration_row
),

-- The two ways of matching do not mix in one dyad: its sessions' pairs count where it has any.
counted as (
    select
        *,
        sum(case when match_method = 'session' then 1 else 0 end) over of_dyad as n_of_sessions,
        count(*) over of_dyad as n_pairs
    from pairs
    window of_dyad as (
        partition by client_key, episode_key, therapist_key, kind_no, language
    )
)

select
    counted.practice_id,
    counted.site_id,
    counted.therapist_key,
    counted.client_key,
    counted.episode_key,
    counted.dyad,
    counted.first_administration_row,
    counted.second_administration_row,
    counted.instrument_code,
    counted.version,
    counted.language,
    counted.informant,
    counted.second_instrument_code,
    counted.second_version,
    counted.second_informant,
    counted.match_method,
    counted.n_days_apart,
    counted.session_key,
    counted.counted_on,
    counted.month_on,
    counted.stage_while_open,
    counted.stage_once_closed,
    counted.closed_from_on,
    nullif(sessions.delivery_mode, 'not_recorded') as delivery_mode,
    nullif(episodes.age_band_at_intake, 'not_recorded') as age_band,
    sessions.interpreter as has_interpreter,
    counted.first_pomp,
    counted.second_pomp,
    counted.gap_pomp,
    counted.match_method = 'session' or counted.n_of_sessions = 0 as is_of_dyad,
    cast(
        case when counted.n_of_sessions > 0 then counted.n_of_sessions else counted.n_pairs end
        as integer
    ) as n_pairs_of_dyad
from counted
left join sessions
    on
        counted.client_key = sessions.client_key
        and counted.session_key = sessions.session_key
left join episodes
    on
        counted.client_key = episodes.client_key
        and counted.episode_key = episodes.episode_key
