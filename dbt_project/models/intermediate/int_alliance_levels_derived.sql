{{ config(tags=['measures']) }}

-- Counts of equal totals, added up from the lowest: few rows whatever the number of forms, and an
-- observed total as the bound (the quantile's type 1), so that every engine finds the same.
with counted as (
    select
        instrument_code,
        version,
        language,
        informant,
        total_upwards,
        count(*) as n_forms
    from {{ ref('int_sessions_followed') }}
    where total_upwards is not null
    group by instrument_code, version, language, informant, total_upwards
),

added as (
    select
        *,
        sum(n_forms) over (
            partition by instrument_code, version, language, informant
            order by total_upwards
        ) as n_up_to,
        sum(n_forms) over (partition by instrument_code, version, language, informant) as n_all
    from counted
)

select
    instrument_code,
    version,
    language,
    informant,
    cast(max(n_all) as integer) as n_forms,
    min(case when n_up_to >= {{ var('low_alliance_share') }} * n_all then total_upwards end)
        as low_below_upwards
from added
group by instrument_code, version, language, informant
