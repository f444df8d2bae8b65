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

by_client as (
    select
        practice_id,
        site_id,
        instrument_code,
        version,
        informant,
        stage,
        month_on,
        therapist_key,
        client_key,
        count(*) as n_due,
        sum(case when is_completed then 1 else 0 end) as n_completed
    from due
    group by
        practice_id,
        site_id,
        instrument_code,
        version,
        informant,
        stage,
        month_on,
        therapist_key,
        client_key
),

staged as (
    select * from by_client
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
        client_key,
        n_due,
        n_completed
    from by_client
),

of_clients as (
    select
        staged.practice_id,
        staged.site_id,
        staged.instrument_code,
        staged.version,
        staged.informant,
        staged.stage,
        periods.period,
        staged.client_key,
        sum(staged.n_due) as n_due,
        sum(staged.n_completed) as n_completed
    from staged
    inner join {{ ref('int_periods_closed') }} as periods on staged.month_on = periods.month_on
    group by
        staged.practice_id,
        staged.site_id,
        staged.instrument_code,
        staged.version,
        staged.informant,
        staged.stage,
        periods.period,
        staged.client_key
),

therapist_months as (
    select
        practice_id,
        site_id,
        instrument_code,
        version,
        informant,
        stage,
        month_on,
        therapist_key,
        sum(n_due) as n_due,
        sum(n_completed) as n_completed
    from staged
    where therapist_key is not null
    group by
        practice_id,
        site_id,
        instrument_code,
        version,
        informant,
        stage,
        month_on,
        therapist_key
),

of_therapists as (
    select
        months.practice_id,
        months.site_id,
        months.instrument_code,
        months.version,
        months.informant,
        months.stage,
        periods.period,
        months.therapist_key,
        sum(months.n_due) as n_due,
        sum(months.n_completed) as n_completed
    from therapist_months as months
    inner join {{ ref('int_periods_closed') }} as periods on months.month_on = periods.month_on
    group by
        months.practice_id,
        months.site_id,
        months.instrument_code,
        months.version,
        months.informant,
        months.stage,
        periods.period,
        months.therapist_key
),

counted as (
    select
        practice_id,
        site_id,
        instrument_code,
        version,
        informant,
        stage,
        period,
        cast(sum(n_due) as integer) as n_due,
        cast(sum(n_completed) as integer) as n_completed,
        cast(count(*) as integer) as n_clients_due,
        cast(sum(case when n_completed > 0 then 1 else 0 end) as integer) as n_clients_answered,
        cast(sum(case when n_completed < n_due then 1 else 0 end) as integer)
            as n_clients_missing,
        cast(max(n_due) as integer) as n_due_of_top_client
    from of_clients
    group by
        practice_id,
        site_id,
        instrument_code,
        version,
        informant,
        stage,
        period
),

therapists_counted as (
    select
        practice_id,
        site_id,
        instrument_code,
        version,
        informant,
        stage,
        period,
        cast(count(*) as integer) as n_therapists_due,
        cast(sum(case when n_completed > 0 then 1 else 0 end) as integer)
            as n_therapists_taking_part,
        cast(max(n_due) as integer) as n_due_of_top_therapist
    from of_therapists
    group by
        practice_id,
        site_id,
        instrument_code,
        version,
        informant,
        stage,
        period
)

select
    counted.practice_id,
    counted.site_id,
    counted.instrument_code,
    counted.version,
    counted.informant,
    counted.stage,
    counted.period,
    counted.n_due,
    counted.n_completed,
    cast(counted.n_completed as double) / counted.n_due as response_rate,
    counted.n_clients_due,
    counted.n_clients_answered,
    counted.n_clients_missing,
    counted.n_due_of_top_client,
    therapists.n_therapists_due,
    therapists.n_therapists_taking_part,
    therapists.n_due_of_top_therapist
from counted
left join therapists_counted as therapists
    on
        counted.practice_id = therapists.practice_id
        and counted.site_id = therapists.site_id
        and counted.instrument_code = therapists.instrument_code
        and counted.version = therapists.version
        and counted.informant = therapists.informant
        and counted.stage = therapists.stage
        and counted.period = therapists.period
