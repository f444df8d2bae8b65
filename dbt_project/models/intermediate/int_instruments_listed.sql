select
    instruments.instrument_code,
    instruments.version,
    instruments.name,
    instruments.kind,
    instruments.direction,
    instruments.n_items,
    instruments.item_minimum,
    instruments.item_maximum,
    instruments.is_totals_only,
    totals.minimum as total_minimum,
    totals.maximum as total_maximum,
    instruments.key_status,
    instruments.key_note,
    instruments.licence,
    instruments.citations
from {{ ref('stg_instruments') }} as instruments
inner join {{ ref('stg_scales') }} as totals
    on
        instruments.instrument_code = totals.instrument_code
        and instruments.version = totals.version
        and totals.scale = 'total'
