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

-- Rows multiply by stage and by period: numbers stand for names until they are few again. They are
-- given in the order of the names, so that an engine that reads a CTE twice comes to the same ones.
questionnaires as (
    select
        *,
        row_number() over (
            order by practice_id, site_id, instrument_code, version, informant
        ) as questionnaire_no
    from (
        select distinct
            practice_id,
            site_id,
            instrument_code,
            version,
            informant
        from by_client
    ) as named
),

people as (
    select
        person_key,
        row_number() over (order by person_key) as person_no
    from (
        select client_key as person_key from by_client
        union
        select therapist_key as person_key from by_client where therapist_key is not null
    ) as named
),

numbered as (
    select
        questionnaires.questionnaire_no,
        by_client.stage,
        by_client.month_on,
        clients.person_no as client_no,
        therapists.person_no as therapist_no,
        by_client.n_due,
        by_client.n_completed
    from by_client
    inner join questionnaires
        on
            by_client.practice_id = questionnaires.practice_id
            and by_client.site_id = questionnaires.site_id
            and by_client.instrument_code = questionnaires.instrument_code
            and by_client.version = questionnaires.version
            and by_client.informant = questionnaires.informant
    inner join people as clients on by_client.client_key = clients.person_key
    left join people as therapists on by_client.therapist_key = therapists.person_key
),

staged as (
    select * from numbered
    union all
    select
        questionnaire_no,
        'all' as stage,
        month_on,
        client_no,
        therapist_no,
        n_due,
        n_completed
    from numbered
),

of_clients as (
    select
        staged.questionnaire_no,
        staged.stage,
        periods.period,
        staged.client_no,
        sum(staged.n_due) as n_due,
        sum(staged.n_completed) as n_completed
    from staged
    inner join {{ ref('int_periods_closed') }} as periods on staged.month_on = periods.month_on
    group by staged.questionnaire_no, staged.stage, periods.period, staged.client_no
),

therapist_months as (
    select
        questionnaire_no,
        stage,
        month_on,
        therapist_no,
        sum(n_due) as n_due,
        sum(n_completed) as n_completed
    from staged
    where therapist_no is not null
    group by questionnaire_no, stage, month_on, therapist_no
),

of_therapists as (
    select
        months.questionnaire_no,
        months.stage,
        periods.period,
        months.therapist_no,
        sum(months.n_due) as n_due,
        sum(months.n_completed) as n_completed
    from therapist_months as months
    inner join {{ ref('int_periods_closed') }} as periods on months.month_on = periods.month_on
    group by months.questionnaire_no, months.stage, periods.period, months.therapist_no
),

counted as (
    select
        questionnaire_no,
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
    group by questionnaire_no, stage, period
),

therapists_counted as (
    select
        questionnaire_no,
        stage,
        period,
        cast(count(*) as integer) as n_therapists_due,
        cast(sum(case when n_completed > 0 then 1 else 0 end) as integer)
            as n_therapists_taking_part,
        cast(max(n_due) as integer) as n_due_of_top_therapist
    from of_therapists
    group by questionnaire_no, stage, period
)

select
    questionnaires.practice_id,
    questionnaires.site_id,
    questionnaires.instrument_code,
    questionnaires.version,
    questionnaires.informant,
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
inner join questionnaires on counted.questionnaire_no = questionnaires.questionnaire_no
left join therapists_counted as therapists
    on
        counted.questionnaire_no = therapists.questionnaire_no
        and counted.stage = therapists.stage
        and counted.period = therapists.period
