{{ config(materialized='view') }}

select
    practice_id,
    site_id,
    instrument_code,
    version,
    informant,
    status,
    service_type,
    episode_source,
    exclusion_reason,
    cast(count(*) as integer) as n_forms,
    cast(count(distinct client_key) as integer) as n_clients,
    cast(count(distinct unit_key) as integer) as n_units
from {{ ref('int_administrations_linked') }}
group by
    practice_id,
    site_id,
    instrument_code,
    version,
    informant,
    status,
    service_type,
    episode_source,
    exclusion_reason
