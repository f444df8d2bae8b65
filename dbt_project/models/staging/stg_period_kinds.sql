select period_kind
from {{ source('reference', 'period_kinds') }}
