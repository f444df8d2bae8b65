select
    practice_id,
    schedule_id,
    instrument_code,
    version,
    informant,
    rule,
    every_n,
    window_days,
    valid_from,
    valid_to
from {{ source('reference', 'schedules') }}
