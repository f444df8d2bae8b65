-- A build that failed leaves no row in raw.builds, so the next one takes its clients again.
select distinct client_key
from {{ source('raw', 'touched_clients') }}
where load_seq > (select coalesce(max(processed_through), 0) from {{ source('raw', 'builds') }})
