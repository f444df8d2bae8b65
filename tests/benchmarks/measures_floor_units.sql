-- One row a unit: whose it is, where and when it counts, and for each metric it belongs to a value
-- (named after the metric) or the reason why it has none (metric_why).
create temp table no_form as
select null::varchar as instrument_code, null::varchar as version, null::varchar as language,
    null::varchar as informant;

create temp view units_of_forms as
select forms.* exclude (kind, is_named, scheduled_on, completed_on),
    total as mean_score,
    (total = best)::double as ceiling_share,
    case when is_complete then (total = best)::double end as all_items_at_best,
    case when total is not null and not is_complete then 'items_missing' end
        as all_items_at_best_why,
    case when total is not null and kind = 'alliance' then 'no_reference' end
        as low_alliance_why,
    null::double as low_alliance,
    case when window_days is null then null
        when not is_named then 'linked_by_date'
        when completed_on is null then 'form_undated' end as within_window_why,
    within_window_why as lag_days_why,
    case when window_days is not null and within_window_why is null
        then (completed_on - scheduled_on)::double end as lag_days,
    (abs(lag_days) <= window_days)::double as within_window
from forms
left join asked
    on forms.practice_id = asked.practice_id
    and forms.instrument_code = asked.instrument_code
    and forms.informant = asked.informant
    and forms.session_no is not null
    and scheduled_on between valid_from and coalesce(valid_to, scheduled_on);

create temp view units_of_appointments as
select practice_id, site_id, no_form.*, client_key, therapist_key, month_on,
    stage, delivery_mode, age_band, has_interpreter,
    (attendance = 'attended')::double as attended,
    (attendance = 'no_show')::double as no_show,
    (attendance = 'cancelled_therapist')::double as cancelled_therapist,
    case when is_telling_late_from_early
        then (attendance = 'cancelled_client_late')::double end as cancelled_client_late,
    case when not is_telling_late_from_early then 'not_told_apart' end
        as cancelled_client_late_why,
    case when session_no is not null
        then (abs(actual_minutes - planned_minutes) <= $minutes_tolerance)::double end
        as minutes_kept,
    case when session_no is not null and (actual_minutes is null or planned_minutes is null)
        then 'minutes_not_recorded' end as minutes_kept_why,
    (abs(visits.gap_days - agreed_interval_days) <= $gap_tolerance_days)::double as gap_kept,
    case when visits.gap_days is not null and agreed_interval_days is null
        then 'interval_not_agreed' end as gap_kept_why,
    visits.gap_days::double as gap_days
from visits, no_form
where is_treatment and attendance <> 'rescheduled' and scheduled_on <= through_on;

create temp view units_of_due as
select *, null::varchar as language, is_completed::double as response_rate
from due;

create temp view units_of_therapists as
select practice_id, site_id, instrument_code, version, null::varchar as language, informant,
    null::uuid as client_key, therapist_key, month_on, null::varchar as stage,
    null::varchar as delivery_mode, null::varchar as age_band, null::boolean as has_interpreter,
    bool_or(is_completed)::double as therapist_response
from due
group by all;

create temp view units_of_endings as
select started.*, null::varchar as language, null::varchar as stage, instrument_code, version,
    informant, closing_on as month_on,
    case when n_due > 1 then (first_done and last_done)::double end as responded_first_and_last,
    case when n_due > 1 then (first_done and not last_done)::double end as responded_first_only,
    case when n_due > 1 then (not first_done and last_done)::double end as responded_last_only,
    case when n_due > 1 then (not first_done and not last_done)::double end as responded_none,
    case when n_due = 1 then 'one_form_due' end as responded_first_and_last_why,
    responded_first_and_last_why as responded_first_only_why,
    responded_first_and_last_why as responded_last_only_why,
    responded_first_and_last_why as responded_none_why
from started
inner join (
    select episode_key, instrument_code, version, informant, count(*) as n_due,
        min_by(is_completed, session_no) as first_done,
        max_by(is_completed, session_no) as last_done
    from due
    group by all
) using (episode_key)
where is_closed and is_over;

create temp view units_of_episodes as
select started.*, no_form.*, null::varchar as stage, opening_on as month_on,
    is_reached::double as flow_reached_3,
    (coalesce(n_forms, 0) > 0)::double as flow_any_form,
    (coalesce(n_early, 0) > 0)::double as flow_forms_3_to_5,
    case when not is_over then 'open_episode'
        when coalesce(ending_code, 'not_recorded') = 'not_recorded' then 'ending_not_recorded' end
        as flow_planned_ending_why,
    case when flow_planned_ending_why is null then (ending_code = 'planned')::double end
        as flow_planned_ending
from started
left join (
    select episode_key, sum(n_forms) as n_forms, sum(n_early) as n_early
    from followed
    group by episode_key
) using (episode_key)
cross join no_form;

create temp view units_of_beginnings as
select *, null::varchar as stage, early_on as month_on,
    case when not is_reached then 'fewer_than_${early_first_session}_sessions'
        when coalesce(n_early_measured, 0) = 0 then 'no_form'
        when n_early_measured < $early_min_forms then 'too_few_forms' end as early_alliance_why,
    case when early_alliance_why is null then early_total end as early_alliance
from followed
where is_due_each;

create temp view units_of_single_forms as
select *, null::varchar as stage, single_on as month_on,
    single_total as early_alliance_single_form,
    case when single_total is not null then null
        when not is_reached then 'fewer_than_${early_first_session}_sessions'
        else 'no_form' end as early_alliance_single_form_why
from followed
where not is_due_each;

create temp view units_of_exits as
select *, null::varchar as stage, closing_on as month_on,
    case when coalesce(ending_code, 'not_recorded') = 'not_recorded' then 'ending_not_recorded'
        when n_all = 0 then 'no_form' end as last_alliance_before_exit_why,
    case when last_alliance_before_exit_why is null then last_total end
        as last_alliance_before_exit
from followed
where is_over and ending_code is distinct from 'planned';

create temp view units_of_series as
select series.practice_id, series.site_id, instrument_code, version, language, informant,
    series.client_key, series.therapist_key, null::varchar as stage, delivery_mode,
    series.age_band, has_interpreter,
    case when kind = 'alliance' then month_on
        when is_closed then date_trunc('month', closed_on)::date end as month_on,
    $drops,
    gain::double as sudden_gain,
    case when gain is not null then null
        when points is null then 'no_reliable_change' else 'too_few_forms' end as sudden_gain_why,
    loss::double as sudden_loss, sudden_gain_why as sudden_loss_why
from series
inner join care using (episode_key)
left join steps using (episode_key, instrument_code, informant)
left join (from reference.reliable_changes where scale = 'total') as changes
    using (instrument_code, version);

-- A form that was due and not filled in shows that the instrument was in use.
create temp view units_of_changes as
with used as (
    select distinct episode_key, instrument_code, version, administrations.language, informant
    from raw.administrations
    inner join care using (client_key, episode_key)
    inner join reference.instruments using (instrument_code, version)
    where kind = 'outcome'
),
usable as (
    select episode_key, instrument_code, version, language, informant,
        count(distinct counted_on) filter (where total is not null) as n_days,
        first(total order by counted_on, completed_on, session_no, administration_row) filter (
            where total is not null) as pre,
        last(total order by counted_on, completed_on, session_no, administration_row) filter (
            where total is not null) as post
    from forms
    where kind = 'outcome'
    group by all
),
changed as (
    select care.*, used.* exclude (episode_key),
        case when n_days > 1 then round(case when direction = 'lower_is_better'
            then pre - post else post - pre end, 6) end as gain,
        points,
        cut_value, side = 'below' as is_below, is_inclusive,
        case when gain is null then 'no_pair' when points is null then 'no_reliable_change' end
            as why,
        coalesce(why, case when cut_value is null then 'no_cut_off' end) as crossing_why,
        gain > points or is_published and gain = points as is_better,
        -gain > points or is_published and -gain = points as is_worse,
        coalesce(case when pre = cut_value then is_inclusive
            else (pre < cut_value) = is_below end, false) as was_clinical,
        coalesce(case when post = cut_value then is_inclusive
            else (post < cut_value) = is_below end, false) as is_clinical
    from used
    left join usable using (episode_key, instrument_code, version, language, informant)
    inner join care using (episode_key)
    inner join practices using (practice_id)
    inner join reference.instruments using (instrument_code, version)
    left join (from reference.reliable_changes where scale = 'total') as changes
        using (instrument_code, version)
    left join (
        -- All forms are English: what is declared for English goes before what is for any language.
        select instrument_code, version, max_by(cut_value, languages) as cut_value,
            max_by(side, languages) as side, max_by(is_inclusive, languages) as is_inclusive
        from reference.cut_offs
        where scale = 'total' and intended_use = 'clinical_range' and languages in ('', 'en')
        group by all
    ) as cut_offs using (instrument_code, version)
    where is_closed and closed_on <= through_on
)
select *, null::varchar as stage, null::varchar as delivery_mode, null::boolean as has_interpreter,
    date_trunc('month', closed_on)::date as month_on,
    case when crossing_why is null
        then (is_better and was_clinical and not is_clinical)::double end as recovered,
    crossing_why as recovered_why,
    case when crossing_why is null
        then (is_worse and not was_clinical and is_clinical)::double end as harmed,
    crossing_why as harmed_why,
    case when why is null then (is_better
        and not (was_clinical and not is_clinical))::double end as improved,
    why as improved_why,
    case when why is null then (is_worse
        and not (not was_clinical and is_clinical and cut_value is not null))::double end
        as deteriorated,
    why as deteriorated_why,
    case when why is null then (not is_better and not is_worse)::double end as unchanged,
    why as unchanged_why,
    gain::double as change, case when gain is null then 'no_pair' end as change_why
from changed;

-- The one alliance instrument of the client with most forms in the episode follows it.
create temp view units_of_risks as
with rated as (
    select episode_key, session_key, instrument_code, version, language, informant,
        min(total) as total, any_value(best) as best
    from forms
    where kind = 'alliance' and total is not null and session_no is not null
        and informant = 'client'
    group by all
),
used as (
    select episode_key, instrument_code, version, language, informant
    from (
        select episode_key, instrument_code, version, language, informant, count(*) as n
        from forms
        where kind = 'alliance' and total is not null and session_no is not null
            and informant = 'client'
        group by all
    )
    qualify row_number() over (
        partition by episode_key order by n desc, instrument_code, version, language) = 1
),
at_risk as (
    select visits.*, used.* exclude (episode_key), rated.total, rated.best
    from visits
    left join used using (episode_key)
    left join rated using (episode_key, session_key, instrument_code, version, language, informant)
    where session_no is not null
),
levels as (
    select instrument_code, informant, quantile_disc(total, $low_alliance_share) as low
    from at_risk
    where total is not null
    group by all
),
judged as (
    select at_risk.*,
        case when total is null then 'no_form' when total = best then 'maximum'
            when total < low then 'low' else 'middle' end as state,
        case when n_after > 0 then null
            when not is_over then 'still_open'
            when closed_on is null then 'ending_undated'
            when coalesce(ending_code, 'not_recorded') = 'not_recorded' then 'ending_unknown' end
            as why,
        case when why is null
            then (n_after = 0 and ending_code in ($unplanned_endings))::double end as is_ended
    from at_risk
    left join levels using (instrument_code, informant)
)
select *,
    $risks
from judged;

-- Client's and therapist's forms of one session, then what is left within days; nearest first.
create temp view units_of_pairs as
with parallel as (
    select instrument_code, version, parallel_code, parallel_version from reference.parallel_forms
    union all
    select instrument_code, version, instrument_code, version from reference.instruments
),
rated as (
    select *, 100 * (total - minimum) / (maximum - minimum) as pomp
    from forms
    where kind = 'alliance' and total is not null and informant in ('client', 'therapist')
),
firsts as (
    select rated.*, parallel_code, parallel_version
    from rated
    inner join parallel using (instrument_code, version)
    where informant = 'client'
),
seconds as (
    select * rename (instrument_code as parallel_code, version as parallel_version)
    from rated
    where informant = 'therapist'
        and (instrument_code, version) in (select parallel_code, parallel_version from firsts)
),
of_sessions as (
    select firsts.*, seconds.pomp as second_pomp, seconds.administration_row as second_row, true as is_close
    from firsts
    inner join seconds
        using (episode_key, session_key, therapist_key, parallel_code, parallel_version)
    qualify row_number() over (
        partition by firsts.administration_row, parallel_code
        order by abs(firsts.completed_on - seconds.completed_on) nulls last, second_row) = 1
    and row_number() over (
        partition by second_row, firsts.instrument_code
        order by abs(firsts.completed_on - seconds.completed_on) nulls last,
            firsts.administration_row) = 1
),
of_days as (
    select firsts.*, seconds.pomp as second_pomp, seconds.administration_row as second_row, false as is_close
    from firsts
    inner join seconds using (episode_key, therapist_key, parallel_code, parallel_version)
    where abs(firsts.counted_on - seconds.counted_on) <= $pair_days
        and (firsts.administration_row, parallel_code) not in (
            select administration_row, parallel_code from of_sessions)
        and (seconds.administration_row, firsts.instrument_code) not in (
            select second_row, instrument_code from of_sessions)
    qualify row_number() over (
        partition by firsts.administration_row, parallel_code
        order by abs(firsts.counted_on - seconds.counted_on), second_row) = 1
    and row_number() over (
        partition by second_row, firsts.instrument_code
        order by abs(firsts.counted_on - seconds.counted_on), firsts.administration_row) = 1
),
counted as (
    select *, count(*) filter (where is_close) over dyad as n_close, count(*) over dyad as n_all
    from (from of_sessions union all by name from of_days)
    window dyad as (partition by episode_key, therapist_key, instrument_code, parallel_code)
)
select *, case when n_close > 0 and not is_close then 'not_same_session'
    when case when n_close > 0 then n_close else n_all end < $pair_minimum then 'too_few_pairs' end
    as pair_gap_why,
    case when pair_gap_why is null then pomp - second_pomp end as pair_gap
from counted;

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
