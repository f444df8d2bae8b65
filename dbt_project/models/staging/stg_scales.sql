select
    instrument_code,
    version,
    scale,
    method,
    factor,
    n_items,
    minimum,
    maximum,
    missing_rule,
    max_missing,
    decimals,
    alliance_construct,
    direction
from {{ source('reference', 'scales') }}
