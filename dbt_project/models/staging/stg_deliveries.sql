select
    load_seq,
    practice_id,
    feed,
    delivery_scope,
    received_on,
    version_rank,
    is_standing
from {{ source('raw', 'deliveries_ordered') }}
