{{ config(tags='measures') }}

-- Forms that enter no cell because the client is treated with others. What they say is their
-- unit's: partners of one day side by side, members of a group taken together.
with forms as (
    select
        forms.practice_id,
        forms.site_id,
        forms.therapist_key,
        case
            when forms.service_type in ('couple', 'group') then forms.service_type
            else 'group'
        end as unit_kind,
        forms.unit_key is null as is_unit_unknown,
        coalesce(forms.unit_key, forms.client_key) as treated_key,
        forms.episode_key,
        -- Sessions of partners have keys of their own: the day is what they share.
        case
            when not forms.is_year_only then coalesce(cast(forms.counted_on as varchar), '')
            else coalesce(cast(forms.session_key as varchar), '')
        end as occasion,
        forms.is_year_only or forms.counted_on is null as is_day_unknown,
        -- A form that names the couple for its client tells its partners apart by respondent.
        case
            when forms.client_key = forms.unit_key
                then cast(forms.client_key as varchar) || ' ' || coalesce(forms.respondent, '')
            else cast(forms.client_key as varchar)
        end as person,
        forms.instrument_code,
        forms.version,
        forms.language,
        forms.informant,
        forms.month_on,
        {{ treatment_stage('forms', 'practices.data_through_on') }} as stage,
        nullif(coalesce(sessions.delivery_mode, of_units.delivery_mode), 'not_recorded')
            as delivery_mode,
        nullif(episodes.age_band_at_intake, 'not_recorded') as age_band,
        coalesce(sessions.interpreter, of_units.interpreter) as interpreter,
        forms.total,
        scales.best = scales.minimum as is_lower_better
    from {{ ref('int_administrations_linked') }} as forms
    inner join {{ ref('int_practices_dated') }} as practices
        on forms.practice_id = practices.practice_id
    inner join {{ ref('stg_sites') }} as sites
        on forms.practice_id = sites.practice_id and forms.site_id = sites.site_id
    inner join {{ ref('stg_instruments') }} as instruments
        on
            forms.instrument_code = instruments.instrument_code
            and forms.version = instruments.version
            and instruments.kind = 'alliance'
    inner join {{ ref('int_scales_numbered') }} as scales
        on
            forms.instrument_code = scales.instrument_code
            and forms.version = scales.version
            and scales.scale = 'total'
    left join {{ ref('int_sessions_numbered') }} as sessions
        on
            forms.client_key = sessions.client_key
            and forms.session_key = sessions.session_key
    -- Where sessions name the couple or group alone.
    left join {{ ref('int_sessions_numbered') }} as of_units
        on
            forms.unit_key = of_units.client_key
            and forms.client_key <> forms.unit_key
            and forms.session_key = of_units.session_key
    left join {{ ref('int_episodes_resolved') }} as episodes
        on
            forms.client_key = episodes.client_key
            and forms.episode_key = episodes.episode_key
    where
        forms.exclusion_reason = 'unit_of_treatment'
        and forms.total is not null
        and (
            (forms.service_type in ('couple', 'group'))
            -- A group session stands for itself; a unit whose kind nobody says is neither.
            or (forms.service_type in ('individual', 'not_recorded') and forms.unit_key is null)
        )
        and (
            forms.informant = 'client'
            or (forms.informant = 'child' and forms.service_type <> 'couple')
        )
),

-- Several forms of one person on one day are one measurement.
people as (
    select
        practice_id,
        unit_kind,
        is_unit_unknown,
        treated_key,
        occasion,
        is_day_unknown,
        instrument_code,
        version,
        language,
        informant,
        person,
        min(site_id) as site_id,
        min(therapist_key) as therapist_key,
        min(episode_key) as episode_key,
        min(month_on) as month_on,
        min(stage) as first_stage,
        max(stage) as last_stage,
        min(delivery_mode) as first_mode,
        max(delivery_mode) as last_mode,
        min(age_band) as first_band,
        max(age_band) as last_band,
        min(case when interpreter then 1 when not interpreter then 0 end) as any_without,
        max(case when interpreter then 1 when not interpreter then 0 end) as any_with,
        {{ inexact('sum(' ~ exact('total') ~ ')') }} / count(*) as total,
        max(case when is_lower_better then 1 else 0 end) = 1 as is_lower_better
    from forms
    group by
        practice_id,
        unit_kind,
        is_unit_unknown,
        treated_key,
        occasion,
        is_day_unknown,
        instrument_code,
        version,
        language,
        informant,
        person
)

select
    practice_id,
    min(site_id) as site_id,
    min(therapist_key) as therapist_key,
    unit_kind,
    treated_key,
    min(episode_key) as episode_key,
    occasion,
    instrument_code,
    version,
    language,
    informant,
    min(month_on) as month_on,
    case when min(first_stage) = max(last_stage) then min(first_stage) end as stage,
    case when min(first_mode) = max(last_mode) then min(first_mode) end as delivery_mode,
    case when min(first_band) = max(last_band) then min(first_band) end as age_band,
    case when min(any_without) = max(any_with) then min(any_without) = 1 end as has_interpreter,
    cast(count(*) as integer) as n_respondents,
    case when max(case when is_lower_better then 1 else 0 end) = 1 then max(total) else min(total) end
        as worst_total,
    max(total) - min(total) as gap,
    {{ inexact('sum(' ~ exact('total') ~ ')') }} / count(*) as mean_total,
    is_unit_unknown,
    is_day_unknown
from people
group by
    practice_id,
    unit_kind,
    is_unit_unknown,
    treated_key,
    occasion,
    is_day_unknown,
    instrument_code,
    version,
    language,
    informant
