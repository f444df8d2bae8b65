select
    sites.practice_id,
    sites.schedule_id,
    sites.site_id,
    service_types.service_type
from {{ source('reference', 'schedule_sites') }} as sites
inner join {{ source('reference', 'schedule_service_types') }} as service_types
    on
        sites.practice_id = service_types.practice_id
        and sites.schedule_id = service_types.schedule_id
