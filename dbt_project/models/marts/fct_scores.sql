{{ config(materialized='view') }}

select
    scores.administration_row,
    scores.scale,
    forms.practice_id,
    forms.client_key,
    scores.instrument_code,
    scores.version,
    scores.score,
    scores.pomp,
    scores.score_source,
    scores.stated_score,
    -- Half a hundredth: systems print totals with two decimals at most.
    coalesce(
        scores.score_source = 'computed' and abs(scores.score - scores.stated_score) > 0.005, false
    ) as is_contradicted,
    scores.n_answered,
    scores.n_missing,
    scores.n_missing = 0 and scores.n_answered > 0 as is_complete,
    scores.null_reason
from {{ ref('int_scores_computed') }} as scores
inner join {{ ref('int_administrations_linked') }} as forms
    on scores.administration_row = forms.administration_row
