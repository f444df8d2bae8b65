select
    instrument_code,
    version,
    scale,
    method,
    n_items,
    minimum,
    maximum,
    best,
    missing_rule,
    max_missing,
    decimals,
    alliance_construct,
    is_scored
from {{ ref('int_scales_numbered') }}
