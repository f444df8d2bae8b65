select
    load_seq,
    first_on,
    period_on,
    taken_from_on,
    taken_to_on
from {{ source('raw', 'periods_taken_over') }}
