{{ config(tags=['measures']) }}

select
    instrument_code,
    version,
    scale,
    cut_off,
    cut_value,
    side,
    is_inclusive,
    languages,
    informants,
    age_bands,
    intended_use
from {{ source('reference', 'cut_offs') }}
