{{ config(materialized='view', tags=['measures']) }}

select
    metric,
    aggregation,
    is_per_instrument,
    has_distribution,
    minimum_units
from {{ ref('stg_metrics') }}
