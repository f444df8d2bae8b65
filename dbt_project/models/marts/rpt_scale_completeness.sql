{{ config(materialized='view') }}

-- Forms that would be compared but for their score, so that what a missing rule costs can be seen.
select
    forms.practice_id,
    forms.site_id,
    scores.instrument_code,
    scores.version,
    forms.language,
    forms.informant,
    scores.scale,
    max(scales.missing_rule) as missing_rule,
    cast(count(*) as integer) as n_forms,
    cast(sum(case when scores.score_source = 'computed' then 1 else 0 end) as integer) as n_computed,
    cast(sum(case when scores.score_source = 'stated' then 1 else 0 end) as integer) as n_stated,
    cast(
        sum(
            case
                when scores.n_answered > 0 and scores.n_missing = 0 and scales.n_items > 0 then 1
                else 0
            end
        ) as integer
    ) as n_complete,
    cast(sum(case when scores.null_reason = 'too_many_missing' then 1 else 0 end) as integer)
        as n_lost,
    cast(sum(case when scores.null_reason = 'key_unknown' then 1 else 0 end) as integer)
        as n_key_unknown,
    cast(
        sum(
            case
                when
                    scores.score_source = 'computed'
                    and abs(scores.score - scores.stated_score) > 0.005
                    then 1
                else 0
            end
        ) as integer
    ) as n_contradicted,
    -- Of the forms with an answer to the scale.
    cast(sum(case when scores.null_reason = 'too_many_missing' then 1 else 0 end) as double)
    / nullif(sum(case when scores.n_answered > 0 then 1 else 0 end), 0) as lost_share
from {{ ref('int_scores_computed') }} as scores
inner join {{ ref('int_administrations_linked') }} as forms
    on scores.administration_row = forms.administration_row
inner join {{ ref('int_scales_numbered') }} as scales
    on
        scores.instrument_code = scales.instrument_code
        and scores.version = scales.version
        and scores.scale = scales.scale
where
    forms.is_filled_in
    and coalesce(forms.exclusion_reason, 'no_score') = 'no_score'
group by
    forms.practice_id,
    forms.site_id,
    scores.instrument_code,
    scores.version,
    forms.language,
    forms.informant,
    scores.scale
