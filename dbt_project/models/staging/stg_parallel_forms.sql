{{ config(tags=['measures']) }}

select
    instrument_code,
    version,
    parallel_code,
    parallel_version
from {{ source('reference', 'parallel_forms') }}
