{{ config(tags=['measures']) }}

with parts as (
    select
        instrument_code,
        version,
        scale,
        part
    from {{ ref('stg_scale_parts') }}
),

-- A scale that adds up scales has their items.
scale_items as (
    select
        instrument_code,
        version,
        scale,
        item_no,
        is_reversed
    from {{ ref('stg_scale_items') }}
    union
    select
        parts.instrument_code,
        parts.version,
        parts.scale,
        items.item_no,
        items.is_reversed
    from parts
    inner join {{ ref('stg_scale_items') }} as items
        on
            parts.instrument_code = items.instrument_code
            and parts.version = items.version
            and parts.part = items.scale
)

select
    scale_items.instrument_code,
    scale_items.version,
    scale_items.scale,
    scale_items.item_no,
    scale_items.is_reversed,
    instruments.item_minimum,
    instruments.item_maximum
from scale_items
inner join {{ ref('stg_instruments') }} as instruments
    on
        scale_items.instrument_code = instruments.instrument_code
        and scale_items.version = instruments.version
where instruments.is_scored
