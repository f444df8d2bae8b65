with ranked as (
    select
        period_kind,
        case period_kind
            when 'all' then 1
            when 'last_12_months' then 2
            when 'year' then 3
            when 'quarter' then 4
            else 5
        end as length_rank
    from {{ source('reference', 'period_kinds') }}
)

select
    period_kind,
    length_rank = min(length_rank) over () as has_strata
from ranked
