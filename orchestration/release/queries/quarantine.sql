select
    practice_id,
    delivery_id,
    load_seq,
    feed,
    instrument_code,
    row_no,
    check_id,
    column_name
from quality.quarantine
