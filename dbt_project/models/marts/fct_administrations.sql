{{ config(materialized='view') }}

select
    forms.administration_row,
    forms.practice_id,
    forms.client_key,
    forms.episode_key,
    forms.session_key,
    forms.link_method,
    forms.site_id,
    forms.therapist_key,
    forms.instrument_code,
    forms.version,
    forms.language,
    forms.informant,
    forms.respondent,
    forms.occasion,
    forms.status,
    forms.is_filled_in,
    forms.timing,
    forms.collection_mode,
    forms.seen_by_therapist,
    forms.completed_on,
    forms.counted_on,
    forms.is_year_only,
    forms.session_no,
    {{ treatment_stage('forms', 'practices.data_through_on') }} as stage,
    forms.service_type,
    forms.use_permission,
    forms.total,
    forms.total_source,
    forms.total_null_reason,
    forms.exclusion_reason
from {{ ref('int_administrations_linked') }} as forms
inner join {{ ref('int_practices_dated') }} as practices
    on forms.practice_id = practices.practice_id
