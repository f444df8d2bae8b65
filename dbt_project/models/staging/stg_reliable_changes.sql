{{ config(tags=['measures']) }}

select
    instrument_code,
    version,
    scale,
    informants,
    points,
    is_published,
    sd,
    reliability,
    sample,
    mark,
    citation
from {{ source('reference', 'reliable_changes') }}
