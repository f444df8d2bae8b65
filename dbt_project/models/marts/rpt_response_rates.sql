-- Endings are due once the practice's data reach the episode's closing. The rates stand beside
-- cells of clients seen alone, so they are of these clients, too.
with due as (
    select
        due.*,
        {{ treatment_stage('due', 'practices.data_through_on') }} as stage
    from {{ ref('int_forms_due') }} as due
    inner join {{ ref('int_practices_dated') }} as practices
        on due.practice_id = practices.practice_id
    where
        not due.is_treated_together
        and (due.due_from_on is null or due.due_from_on <= practices.data_through_on)
),

by_therapist as (
    select
        practice_id,
        site_id,
        instrument_code,
        version,
        informant,
        stage,
        month_on,
        therapist_key,
        count(*) as n_due,
        sum(case when is_completed then 1 else 0 end) as n_completed
    from due
    group by
        practice_id, site_id, instrument_code, version, informant, stage, month_on, therapist_key
),

staged as (
    select * from by_therapist
    union all
    select
        practice_id,
        site_id,
        instrument_code,
        version,
        informant,
        'all' as stage,
        month_on,
        therapist_key,
        n_due,
        n_completed
    from by_therapist
),

counted as (
    select
        staged.practice_id,
        staged.site_id,
        staged.instrument_code,
        staged.version,
        staged.informant,
        staged.stage,
        periods.period,
        cast(sum(staged.n_due) as integer) as n_due,
        cast(sum(staged.n_completed) as integer) as n_completed,
        cast(count(distinct staged.therapist_key) as integer) as n_therapists_due,
        cast(
            count(distinct case when staged.n_completed > 0 then staged.therapist_key end)
            as integer
        ) as n_therapists_taking_part
    from staged
    inner join {{ ref('int_periods_closed') }} as periods on staged.month_on = periods.month_on
    group by
        staged.practice_id,
        staged.site_id,
        staged.instrument_code,
        staged.version,
        staged.informant,
        staged.stage,
        periods.period
)

select
    practice_id,
    site_id,
    instrument_code,
    version,
    informant,
    stage,
    period,
    n_due,
    n_completed,
    cast(n_completed as double) / n_due as response_rate,
    nullif(n_therapists_due, 0) as n_therapists_due,
    case when n_therapists_due > 0 then n_therapists_taking_part end as n_therapists_taking_part
from counted
