select
    practice_id,
    practice_name,
    is_sending_sessions,
    is_dated_by_year,
    data_through_on,
    group_data_through_on
from {{ ref('int_practices_dated') }}
