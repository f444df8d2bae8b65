{{ config(materialized='view', tags=['measures']) }}

-- Change before the early alliance may have made the alliance. So the outcome on the day of its last
-- form is what is held constant, and the last one after that day is what is left to explain.
with early as (
    select followed.*
    from {{ ref('int_episodes_followed') }} as followed
    inner join {{ ref('int_practices_dated') }} as practices
        on followed.practice_id = practices.practice_id
    where
        followed.is_due_each_session
        and followed.is_early_session_reached
        and followed.n_sessions_early_measured >= {{ var('early_min_forms') }}
        and followed.closed_from_on <= practices.data_through_on
),

last_early as (
    select
        client_key,
        episode_key,
        instrument_code,
        version,
        language,
        informant,
        max(counted_on) as last_form_on
    from {{ ref('int_forms_ordered') }}
    where
        kind = 'alliance'
        and session_no between {{ var('early_first_session') }}
        and {{ var('early_last_session') }}
    group by client_key, episode_key, instrument_code, version, language, informant
)

select
    early.practice_id,
    early.site_id,
    early.therapist_key,
    early.client_key,
    early.episode_key,
    early.instrument_code,
    early.version,
    early.language,
    early.informant,
    outcomes.instrument_code as outcome_instrument_code,
    outcomes.version as outcome_version,
    outcomes.language as outcome_language,
    outcomes.informant as outcome_informant,
    outcomes.direction as outcome_direction,
    early.closing_month_on as month_on,
    early.early_total,
    max_by(
        outcomes.total,
        case when outcomes.counted_on <= last_early.last_form_on then outcomes.form_no end
    ) as outcome_at_form,
    max_by(
        outcomes.total,
        case when outcomes.counted_on > last_early.last_form_on then outcomes.form_no end
    ) as outcome_last
from early
inner join last_early
    on
        early.client_key = last_early.client_key
        and early.episode_key = last_early.episode_key
        and early.instrument_code = last_early.instrument_code
        and early.version = last_early.version
        and early.language = last_early.language
        and early.informant = last_early.informant
inner join {{ ref('int_outcomes_chosen') }} as outcomes
    on early.client_key = outcomes.client_key and early.episode_key = outcomes.episode_key
group by
    early.practice_id,
    early.site_id,
    early.therapist_key,
    early.client_key,
    early.episode_key,
    early.instrument_code,
    early.version,
    early.language,
    early.informant,
    outcomes.instrument_code,
    outcomes.version,
    outcomes.language,
    outcomes.informant,
    outcomes.direction,
    early.closing_month_on,
    early.early_total
