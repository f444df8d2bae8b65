{{ config(tags=['measures']) }}

-- A value or its reason, never both and never neither; shares between 0 and 1; no instrument where
-- the metric has none. (A session of a treatment without any form is of no instrument, either.)
select cells.*
from {{ ref('rpt_site_metrics') }} as cells
inner join {{ ref('int_metrics_listed') }} as metrics on cells.metric = metrics.metric
where
    (cells.value is null) = (cells.null_reason is null)
    or cells.n_valued > cells.n_units
    or metrics.aggregation = 'share' and not coalesce(cells.value between 0 and 1, true)
    or not metrics.is_per_instrument and cells.instrument_code is not null
