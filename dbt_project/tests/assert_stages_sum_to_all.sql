-- Stages are exclusive: together they have no more forms, and no more due, than `all`.
with forms as (
    select
        practice_id,
        site_id,
        instrument_code,
        version,
        language,
        informant,
        collection_mode,
        period,
        sum(case when stage = 'all' then n_forms else -n_forms end) as n_without_stage
    from {{ ref('rpt_site_statistics') }}
    group by
        practice_id, site_id, instrument_code, version, language, informant, collection_mode, period
),

due as (
    select
        practice_id,
        site_id,
        instrument_code,
        version,
        informant,
        period,
        sum(case when stage = 'all' then n_due else -n_due end) as n_without_stage
    from {{ ref('rpt_response_rates') }}
    group by practice_id, site_id, instrument_code, version, informant, period
)

select
    practice_id,
    site_id,
    instrument_code,
    period
from forms
where n_without_stage < 0
union all
select
    practice_id,
    site_id,
    instrument_code,
    period
from due
where n_without_stage <> 0
