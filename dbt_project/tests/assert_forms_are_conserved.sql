-- Every current form is linked once, shows once in the mart and has a row for each scale: no join
-- on the way loses or doubles one.
with counts as (
    select
        (select count(*) from {{ ref('int_administrations_resolved') }}) as n_resolved,
        (select count(*) from {{ ref('int_administrations_linked') }}) as n_linked,
        (select count(*) from {{ ref('fct_administrations') }}) as n_in_mart,
        (select count(*) from {{ ref('int_scores_computed') }}) as n_scores,
        (
            select count(*)
            from {{ ref('int_administrations_resolved') }} as forms
            inner join {{ ref('dim_scales') }} as scales
                on
                    forms.instrument_code = scales.instrument_code
                    and forms.version = scales.version
        ) as n_scales
)

select *
from counts
where n_resolved <> n_linked or n_resolved <> n_in_mart or n_scores <> n_scales
