select
    load_seq,
    practice_id,
    feed,
    delivery_scope,
    received_on
from {{ source('raw', 'deliveries') }}
where state = 'loaded'
