select
    practice_id,
    schedule_id,
    reason,
    age_band,
    delivery_mode,
    has_interpreter,
    valid_from,
    valid_to
from {{ source('reference', 'schedule_exemptions') }}
