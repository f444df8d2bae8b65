-- The parts must add up to the gap as they stand here, so what rounding leaves is in the rest.
with rounded as (
    select
        practice_id,
        site_id,
        instrument_code,
        version,
        language,
        informant,
        collection_mode,
        metric,
        stage,
        period,
        beside_cell(gaps.gap, cells.n_shown, cells.width) as gap,
        beside_cell(gaps.gap_case_mix, cells.n_shown, cells.width) as gap_case_mix,
        beside_cell(gaps.gap_response, cells.n_shown, cells.width) as gap_response,
        beside_cell(gaps.gap_therapists, cells.n_shown, cells.width) as gap_therapists,
        gaps.outcome_instrument_code,
        unsigned_zero(round(gaps.outcome_of_gap, 2)) as outcome_of_gap,
        unsigned_zero(round(gaps.outcome_lower95, 2)) as outcome_lower95,
        unsigned_zero(round(gaps.outcome_upper95, 2)) as outcome_upper95,
        gaps.null_reason
    from benchmark.site_gaps as gaps
    inner join shown_comparisons as cells
        using (
            practice_id,
            site_id,
            instrument_code,
            version,
            language,
            informant,
            collection_mode,
            metric,
            stage,
            period
        )
)

select
    *,
    unsigned_zero(
        round(gap - gap_case_mix - coalesce(gap_response, 0) - coalesce(gap_therapists, 0), 2)
    ) as gap_rest
from rounded
