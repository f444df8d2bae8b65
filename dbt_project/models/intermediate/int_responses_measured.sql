{{ config(materialized='view', tags=['measures']) }}

-- What a form's ending or an episode's closing decides holds once the practice's data reach it.
with due as (
    select
        due.practice_id,
        due.site_id,
        due.therapist_key,
        due.client_key,
        due.episode_key,
        due.instrument_code,
        due.version,
        cast(null as varchar) as language,
        due.informant,
        due.month_on,
        {{ treatment_stage('due', 'practices.data_through_on') }} as stage,
        nullif(due.delivery_mode, 'not_recorded') as delivery_mode,
        nullif(due.age_band_at_intake, 'not_recorded') as age_band,
        due.interpreter as has_interpreter,
        due.is_completed
    from {{ ref('int_forms_due_placed') }} as due
    inner join {{ ref('int_practices_dated') }} as practices
        on due.practice_id = practices.practice_id
    where
        not due.is_treated_together
        and due.service_type not in ('crisis', 'assessment')
        and (due.due_from_on is null or due.due_from_on <= practices.data_through_on)
),

-- Of longer periods than a month the therapists are found again: one who took part in any of its
-- months took part. An unknown therapist is none.
therapists as (
    select
        practice_id,
        site_id,
        therapist_key,
        null as client_key,
        null as episode_key,
        instrument_code,
        version,
        cast(null as varchar) as language,
        informant,
        month_on,
        cast(null as varchar) as stage,
        cast(null as varchar) as delivery_mode,
        cast(null as varchar) as age_band,
        cast(null as boolean) as has_interpreter,
        max(case when is_completed then 1 else 0 end) = 1 as is_taking_part
    from due
    where therapist_key is not null
    group by practice_id, site_id, therapist_key, instrument_code, version, informant, month_on
),

episodes as (
    select
        answered.*,
        answered.closing_month_on as month_on,
        cast(null as varchar) as language,
        cast(null as varchar) as stage
    from {{ ref('int_episodes_answered') }} as answered
    inner join {{ ref('int_practices_dated') }} as practices
        on answered.practice_id = practices.practice_id
    where answered.closed_from_on <= practices.data_through_on
),

timed as (
    select
        timed.*,
        {{ treatment_stage('timed', 'practices.data_through_on') }} as stage
    from {{ ref('int_forms_timed') }} as timed
    inner join {{ ref('int_practices_dated') }} as practices
        on timed.practice_id = practices.practice_id
)

{{ share_measured('due', 'response_rate', 'is_completed') }}
{% for way, is_met in (
    ('first_and_last', 'is_first_completed and is_last_completed'),
    ('first_only', 'is_first_completed and not is_last_completed'),
    ('last_only', 'not is_first_completed and is_last_completed'),
    ('none', 'not is_first_completed and not is_last_completed'),
) %}
    union all
    {{ share_measured(
        'episodes', 'responded_' ~ way, is_met, "case when n_due = 1 then 'one_form_due' end"
    ) }}
{% endfor %}
union all
{{ share_measured('therapists', 'therapist_response', 'is_taking_part') }}
union all
{{ share_measured(
    'timed', 'within_window', 'abs(lag_days) <= window_days', 'timed.null_reason'
) }}
union all
{{ value_measured('timed', 'lag_days', 'lag_days', 'timed.null_reason') }}
