select
    instrument_code,
    version,
    name,
    kind,
    n_items,
    item_minimum,
    item_maximum,
    direction,
    is_totals_only,
    is_scored,
    key_status,
    key_note,
    licence,
    citations
from {{ source('reference', 'instruments') }}
