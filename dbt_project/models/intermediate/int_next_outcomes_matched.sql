{{ config(materialized='view', tags=['measures']) }}

-- What followed a form is the outcome of the next attended session: one of the same session may have
-- made the alliance as well as come of it.
select
    forms.administration_row,
    forms.practice_id,
    forms.site_id,
    forms.therapist_key,
    forms.client_key,
    forms.instrument_code,
    forms.version,
    forms.language,
    forms.informant,
    outcomes.instrument_code as outcome_instrument_code,
    outcomes.version as outcome_version,
    outcomes.language as outcome_language,
    outcomes.informant as outcome_informant,
    forms.month_on,
    forms.total,
    max_by({{ towards_better('outcomes.direction') }} * outcomes.total, outcomes.form_no)
        as next_outcome_upwards
from {{ ref('int_forms_ordered') }} as forms
inner join {{ ref('int_outcomes_chosen') }} as outcomes
    on
        forms.client_key = outcomes.client_key
        and forms.episode_key = outcomes.episode_key
        and forms.session_no + 1 = outcomes.session_no
where forms.kind = 'alliance'
group by
    forms.administration_row,
    forms.practice_id,
    forms.site_id,
    forms.therapist_key,
    forms.client_key,
    forms.instrument_code,
    forms.version,
    forms.language,
    forms.informant,
    outcomes.instrument_code,
    outcomes.version,
    outcomes.language,
    outcomes.informant,
    forms.month_on,
    forms.total
