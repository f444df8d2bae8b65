-- Where a covariate cannot be told from a site, case mix says so, after the other reasons: as the row
-- of site_adjustments does that goes out.
select
    cells.* replace (
        adjusted.adjusted as adjusted,
        case
            when adjusted.null_reason = 'covariate_not_identifiable'
                then concat_ws(',', cells.comparability, adjusted.null_reason)
            else cells.comparability
        end as comparability
    )
from benchmark.site_benchmarks as cells
left join released_site_adjustments as adjusted
    on
        cells.practice_id = adjusted.practice_id
        and cells.site_id = adjusted.site_id
        and cells.instrument_code = adjusted.instrument_code
        and cells.version = adjusted.version
        and cells.language = adjusted.language
        and cells.informant = adjusted.informant
        and cells.collection_mode = adjusted.collection_mode
        and cells.metric = adjusted.metric
        and cells.stage = adjusted.stage
        and cells.period = adjusted.period
