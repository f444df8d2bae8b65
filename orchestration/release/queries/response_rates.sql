-- A rate is of all languages and ways of collecting together, a benchmark cell of one of each. So
-- counts of what was due or came back would give a hidden cell away: less the forms of the cells
-- shown beside it, they are its size. There is no count here. How far a rate is rounded, and when it
-- is written anew, is decided before (benchmarking/shown_rates).
-- It is shown where at least one cell of the site's forms is shown, and nowhere else.
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
    case when shown.site_id is not null then rates.response_rate end as response_rate,
    shown.site_id is null or rates.response_rate is null as is_suppressed
from benchmark.shown_response_rates as rates
left join shown
    on
        rates.practice_id = shown.practice_id
        and rates.site_id = shown.site_id
        and rates.instrument_code = shown.instrument_code
        and rates.version = shown.version
        and rates.informant = shown.informant
        and rates.stage = shown.stage
        and rates.period = shown.period
