{{ config(materialized='view', tags=['measures']) }}
{% set not_told = "case when attendance = 'not_recorded' then 'attendance_not_recorded' "
    ~ "when attendance = 'attended' and not is_attended then 'day_misread' " %}

-- A practice that marks no cancellation as late or as early does not tell them apart: its late ones
-- are not none.
with practices as (
    select
        practice_id,
        max(
            case
                when attendance in ('cancelled_client_late', 'cancelled_client_early') then 1
                else 0
            end
        ) = 1 as is_telling_late_from_early
    from {{ ref('int_appointments_kept') }}
    group by practice_id
),

-- What lies beyond the practice's data has not happened, whatever is booked or called off already.
appointments as (
    select
        kept.*,
        {{ treatment_stage('kept', 'dated.data_through_on') }} as stage,
        practices.is_telling_late_from_early,
        cast(null as varchar) as instrument_code,
        cast(null as varchar) as version,
        cast(null as varchar) as language,
        cast(null as varchar) as informant
    from {{ ref('int_appointments_kept') }} as kept
    inner join practices on kept.practice_id = practices.practice_id
    inner join {{ ref('int_practices_dated') }} as dated on kept.practice_id = dated.practice_id
    where
        kept.exclusion_reason is null
        and (kept.is_year_only or kept.scheduled_on <= dated.data_through_on)
)

{{ share_measured(
    'appointments', 'attended', "attendance = 'attended'", not_told ~ 'end'
) }}
{% for status in ('no_show', 'cancelled_client_late', 'cancelled_therapist') %}
    union all
    {{ share_measured(
        'appointments',
        status,
        "attendance = '" ~ status ~ "'",
        not_told
        ~ ("when not is_telling_late_from_early then 'not_told_apart' " if 'late' in status else '')
        ~ 'end',
    ) }}
{% endfor %}
union all
{{ share_measured(
    'appointments',
    'minutes_kept',
    'abs(actual_minutes - planned_minutes) <= ' ~ var('minutes_tolerance'),
    'case when actual_minutes is null or planned_minutes is null '
    ~ "then 'minutes_not_recorded' end",
    among='session_no is not null',
) }}
union all
{{ share_measured(
    'appointments',
    'gap_kept',
    'abs(gap_days - agreed_interval_days) <= ' ~ var('gap_tolerance_days'),
    "case when gap_days is null then 'days_not_comparable' "
    ~ "when agreed_interval_days is null then 'interval_not_agreed' end",
    among='is_following',
) }}
union all
{{ value_measured(
    'appointments',
    'gap_days',
    'gap_days',
    "case when gap_days is null then 'days_not_comparable' end",
    among='is_following',
) }}
