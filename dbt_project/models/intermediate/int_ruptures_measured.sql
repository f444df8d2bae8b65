{{ config(materialized='view', tags=['measures', 'process_ratings']) }}

-- Of several answers of one informant on one session (two partners, a marker in two segments) one is
-- enough: the unit is the session.
with reports as (
    select
        client_key,
        session_key,
        informant,
        max(case when rupture_reported then 1 else 0 end) = 1 as is_reported
    from {{ ref('int_ratings_resolved') }}
    where rating_kind = 'rupture' and rupture_reported is not null
    group by client_key, session_key, informant
),

sessions as (
    select
        kept.*,
        {{ treatment_stage('kept', 'practices.data_through_on') }} as stage,
        reports.informant,
        reports.is_reported,
        cast(null as varchar) as instrument_code,
        cast(null as varchar) as version,
        cast(null as varchar) as language
    from {{ ref('int_appointments_kept') }} as kept
    inner join reports
        on kept.client_key = reports.client_key and kept.session_key = reports.session_key
    inner join {{ ref('int_practices_dated') }} as practices
        on kept.practice_id = practices.practice_id
    where
        kept.exclusion_reason is null
        and (kept.is_year_only or kept.scheduled_on <= practices.data_through_on)
)

{{ share_measured(
    'sessions',
    'reported_rupture',
    'is_reported',
    "case when informant = 'not_recorded' then 'informant_not_recorded' "
    ~ "when not coalesce(is_attended, false) then 'session_not_attended' end",
) }}
