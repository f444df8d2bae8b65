{{ config(tags=['measures']) }}

select
    metric,
    aggregation,
    is_per_instrument,
    has_distribution,
    minimum_units
from {{ source('reference', 'metrics') }}
