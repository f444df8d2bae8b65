select
    instrument_code,
    version,
    language,
    informant,
    collection_mode,
    stage,
    period,
    case when n_clients >= least_clients() then shown_count(n_clients) end as n_clients,
    n_sites,
    round(r2_within, 2) as r2_within,
    round(r2_between, 2) as r2_between,
    round(slope, 2) as calibration_slope,
    round(slope_lower95, 2) as calibration_lower95,
    round(slope_upper95, 2) as calibration_upper95,
    reason as null_reason
from benchmark.case_mix_models
