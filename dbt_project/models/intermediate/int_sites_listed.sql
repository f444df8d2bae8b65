select
    sites.practice_id,
    practices.practice_name,
    sites.site_id,
    sites.site_name,
    sites.service_setting,
    sites.peer_group,
    sites.open_from,
    sites.open_to
from {{ ref('stg_sites') }} as sites
inner join {{ ref('stg_practices') }} as practices on sites.practice_id = practices.practice_id
