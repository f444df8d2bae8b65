-- A rate is shown where a benchmark cell of the same forms is shown, and nowhere else: what is due
-- and missed at a hidden site would give its size away.
with shown as (
    select distinct
        practice_id,
        site_id,
        instrument_code,
        version,
        informant,
        stage,
        period
    from benchmark.site_benchmarks
    where not is_suppressed
)

select
    rates.practice_id,
    rates.site_id,
    rates.instrument_code,
    rates.version,
    rates.informant,
    rates.stage,
    rates.period,
    case when shown.site_id is not null then rates.n_due end as n_due,
    case when shown.site_id is not null then rates.n_completed end as n_completed,
    case when shown.site_id is not null then rates.response_rate end as response_rate,
    shown.site_id is null as is_suppressed
from marts.rpt_response_rates as rates
left join shown
    on
        rates.practice_id = shown.practice_id
        and rates.site_id = shown.site_id
        and rates.instrument_code = shown.instrument_code
        and rates.version = shown.version
        and rates.informant = shown.informant
        and rates.stage = shown.stage
        and rates.period = shown.period
