select
    instrument_code,
    version,
    scale,
    informants,
    points,
    is_published,
    sd,
    reliability
from {{ source('reference', 'reliable_changes') }}
