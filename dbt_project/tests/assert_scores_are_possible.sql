-- A score lies within its scale's range, or is null and says why.
select
    scores.administration_row,
    scores.scale
from {{ ref('int_scores_computed') }} as scores
inner join {{ ref('dim_scales') }} as scales
    on
        scores.instrument_code = scales.instrument_code
        and scores.version = scales.version
        and scores.scale = scales.scale
where
    scores.score not between scales.minimum and scales.maximum
    or (scores.score is null) <> (scores.null_reason is not null)
    or (scores.score is null) <> (scores.score_source is null)
