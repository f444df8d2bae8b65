-- Ten million answers are grouped by these numbers; names would take five times as long.
select
    scales.instrument_code,
    scales.version,
    scales.scale,
    cast(dense_rank() over (order by scales.instrument_code, scales.version) as integer)
        as instrument_no,
    cast(
        row_number() over (order by scales.instrument_code, scales.version, scales.scale) as integer
    ) as scale_no,
    scales.method,
    scales.n_items,
    scales.minimum,
    scales.maximum,
    case
        when scales.direction = 'lower_is_better' then scales.minimum else scales.maximum
    end as best,
    scales.max_missing,
    scales.missing_rule,
    scales.decimals,
    scales.alliance_construct,
    instruments.is_scored,
    -- What the answered items' mean is multiplied by.
    case when scales.method = 'mean' then scales.factor else scales.n_items end as multiplier
from {{ ref('stg_scales') }} as scales
inner join {{ ref('stg_instruments') }} as instruments
    on
        scales.instrument_code = instruments.instrument_code
        and scales.version = instruments.version
