{{ config(tags=['measures']) }}

-- Units of a metric that expectations/metrics does not declare would be left out of every value in silence.
select distinct units.metric
from {{ ref('int_units_measured') }} as units
left join {{ ref('int_metrics_listed') }} as metrics on units.metric = metrics.metric
where metrics.metric is null
