select
    instrument_code,
    version,
    scale,
    item_no,
    is_reversed
from {{ source('reference', 'scale_items') }}
