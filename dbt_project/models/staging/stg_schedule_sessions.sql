select
    practice_id,
    schedule_id,
    session_no
from {{ source('reference', 'schedule_sessions') }}
