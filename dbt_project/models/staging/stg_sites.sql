select
    practice_id,
    site_id,
    name as site_name,
    service_setting,
    peer_group,
    open_from,
    open_to
from {{ source('reference', 'sites') }}
