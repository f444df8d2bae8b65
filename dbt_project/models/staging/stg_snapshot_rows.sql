select
    row_hash,
    practice_id,
    feed,
    load_seq,
    version_rank
from {{ source('raw', 'snapshot_rows_standing') }}
