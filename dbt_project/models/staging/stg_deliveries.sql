select
    load_seq,
    practice_id,
    feed,
    delivery_scope,
    cast(received_at as date) as received_on
from {{ source('raw', 'deliveries') }}
where state = 'loaded'
