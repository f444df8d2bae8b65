select
    instrument_code,
    version,
    scale,
    method,
    n_items,
    minimum,
    maximum,
    missing_rule,
    max_missing,
    decimals
from {{ source('reference', 'scales') }}
