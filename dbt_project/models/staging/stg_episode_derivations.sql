select
    practice_id,
    valid_from,
    valid_to,
    gap_days,
    service_type,
    use_permission
from {{ source('reference', 'episode_derivations') }}
