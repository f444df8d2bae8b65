-- Units of people treated together, and what kinds of units there are; as in measures_floor_units.sql.

-- Whoever came at all, by what is treated; rows of one couple or group that began in one month are one.
create temp view units_of_kinds as
with attended as (
    select episode_key,
        count(*) filter (where coalesce(session_type, 'treatment') = 'treatment') as n_sessions,
        count(*) filter (
            where coalesce(session_type, 'treatment') = 'treatment' and group_session_key is null
        ) as n_outside_groups,
        case when min(session_type) = max(session_type) then min(session_type) end as only_type,
        case when min(delivery_mode) = max(delivery_mode) then min(delivery_mode) end
            as delivery_mode,
        case when count(interpreter) = count(*) and min(interpreter) = max(interpreter)
            then min(interpreter) end as has_interpreter
    from raw.sessions
    where attendance = 'attended'
    group by episode_key
),
come as (
    select everybody.*, delivery_mode, has_interpreter,
        date_trunc('month', opened_on)::date as month_on,
        coalesce(treated_with, episode_key) as treated,
        case when service_type in ('crisis', 'assessment') then service_type
            when n_sessions = 0 then only_type
            when service_type in ('couple', 'family', 'group') then service_type
            when treated_with is not null then 'not_recorded'
            when n_outside_groups = 0 then 'group'
            else coalesce(service_type, 'not_recorded') end as kind
    from everybody
    inner join attended using (episode_key)
    where n_sessions > 0 or kind in ('crisis', 'assessment')
),
once as (
    select *
    from come
    qualify row_number() over (
        partition by practice_id, treated, kind, month_on order by client_key, episode_key
    ) = 1
)
select practice_id, site_id, no_form.*, coalesce(treated_with, client_key) as client_key,
    therapist_key, month_on, null::varchar as stage, delivery_mode, age_band, has_interpreter,
    $kinds
from once, no_form;

-- The alliance forms of one couple or group on one day, person by person first.
create temp view joint_days as
with people as (
    select practice_id, service_type, treated_with, counted_on, instrument_code, version, language,
        informant, client_key, min(site_id) as site_id, min(therapist_key) as therapist_key,
        min(month_on) as month_on, min(stage) as stage, max(stage) as last_stage,
        min(delivery_mode) as mode, max(delivery_mode) as last_mode, min(age_band) as band,
        max(age_band) as last_band, min(has_interpreter) as interpreter,
        max(has_interpreter) as last_interpreter, avg(total) as total
    from all_forms
    where kind = 'alliance' and total is not null and service_type in ('couple', 'group')
        and informant in ('client', case service_type when 'group' then 'child' end)
    group by all
)
select practice_id, service_type, treated_with as client_key, counted_on, instrument_code, version,
    language, informant, min(site_id) as site_id, min(therapist_key) as therapist_key,
    min(month_on) as month_on,
    case when min(stage) = max(last_stage) then min(stage) end as stage,
    case when min(mode) = max(last_mode) then min(mode) end as delivery_mode,
    case when min(band) = max(last_band) then min(band) end as age_band,
    case when min(interpreter) = max(last_interpreter) then min(interpreter) end as has_interpreter,
    count(*) as n_people, min(total) as least, max(total) as most, avg(total) as mean
from people
group by practice_id, service_type, treated_with, counted_on, instrument_code, version, language,
    informant;

create temp view units_of_couples as
select *, case n_people when 1 then 'one_respondent' end as couple_minimum_why,
    couple_minimum_why as couple_gap_why,
    case n_people when 2 then least end as couple_minimum,
    case n_people when 2 then most - least end as couple_gap
from joint_days
where service_type = 'couple';

create temp view units_of_groups as
select *, mean as group_mean
from joint_days
where service_type = 'group';
