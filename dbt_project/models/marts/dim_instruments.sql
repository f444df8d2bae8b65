select
    instrument_code,
    version,
    name,
    kind,
    direction,
    n_items,
    item_minimum,
    item_maximum,
    is_totals_only,
    total_minimum,
    total_maximum,
    key_status,
    key_note,
    licence,
    citations
from {{ ref('int_instruments_listed') }}
