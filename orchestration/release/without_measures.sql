-- What queries of every release ask of the measures, in one that has none: what a night with measures
-- left in the warehouse is not read.
create or replace temp table released_site_adjustments as
select
    practice_id,
    site_id,
    instrument_code,
    version,
    language,
    informant,
    collection_mode,
    metric,
    stage,
    period,
    cast(null as double) as adjusted,
    cast(null as varchar) as null_reason
from benchmark.site_benchmarks
where false;

create or replace temp view suppressed_measures as
select * from benchmark.suppression
where false;
