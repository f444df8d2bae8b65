{{ config(tags=['measures']) }}

select
    valid_from,
    valid_to,
    data_through_on,
    instrument_code,
    version,
    language,
    informant,
    stage,
    n_forms,
    n_clients,
    p10,
    p25,
    median,
    p75,
    p90
from {{ source('reference', 'frozen_norms') }}
