select
    practice_id,
    name as practice_name
from {{ source('reference', 'practices') }}
