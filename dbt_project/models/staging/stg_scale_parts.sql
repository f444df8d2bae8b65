select
    instrument_code,
    version,
    scale,
    part
from {{ source('reference', 'scale_parts') }}
