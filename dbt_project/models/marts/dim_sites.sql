select
    practice_id,
    practice_name,
    site_id,
    site_name,
    service_setting,
    peer_group,
    open_from,
    open_to
from {{ ref('int_sites_listed') }}
