{{ config(materialized='view', tags=['measures']) }}

-- Of closed months alone: figures that moved with every night's forms would give them away.
with closed_months as (
    select distinct month_on
    from {{ ref('int_periods_closed') }}
)

select
    forms.administration_row,
    forms.practice_id,
    forms.site_id,
    forms.client_key,
    forms.therapist_key,
    forms.instrument_code,
    forms.version,
    forms.language,
    forms.informant,
    forms.total_source = 'computed' as has_items
from {{ ref('int_administrations_linked') }} as forms
inner join closed_months on forms.month_on is not distinct from closed_months.month_on
where forms.exclusion_reason is null
