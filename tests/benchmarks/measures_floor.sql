-- By hand and for the sample practices that send items as text, loaded once: every row has one
-- version, days are whole, couples and groups are named, all forms are of one language and alliance is
-- better when higher. $$words are the project's settings (dbt_project.yml).

-- Scoring: every scale of every form, by the instruments' own missing rules.
create temp table scores as
with sums as (
    select forms.administration_row, items.instrument_code, items.version, items.scale,
        sum(case when items.is_reversed then mirror - answers.value else answers.value end) as summed,
        count(*) as n_answered
    from raw.answers
    inner join raw.administrations as forms using (administration_row)
    inner join (
        select scale_items.*, (item_minimum + item_maximum)::decimal(9, 3) as mirror
        from reference.scale_items
        inner join reference.instruments using (instrument_code, version)
    ) as items using (instrument_code, version, item_no)
    group by all
)
select administration_row, scale, n_answered,
    scales.n_items = n_answered as is_complete,
    case when scales.n_items - n_answered <= scales.max_missing
        then (summed * scales.n_items)::double / n_answered end as score
from sums
inner join reference.scales using (instrument_code, version, scale);

create temp table everybody as
select episodes.practice_id, client_key, episode_key, site_id, therapist_key, opened_on, closed_on,
    state = 'closed' as is_closed, ending_code, agreed_interval_days, age_band_at_intake as age_band,
    service_type, unit_key as treated_with
from raw.episodes
inner join reference.sites using (practice_id, site_id)
where use_permission = 'all';

create temp view care as
select * exclude (service_type, treated_with) from everybody where service_type = 'individual';

create temp table practices as
select practice_id,
    max(scheduled_on) filter (where attendance = 'attended') as through_on,
    bool_or(attendance like 'cancelled_client%') as is_telling_late_from_early
from raw.sessions
group by practice_id;

create temp table periods as
with months as (
    select unnest(generate_series(
        (select date_trunc('month', min(opened_on)) from raw.episodes),
        (select max(date_trunc('month', through_on + 1)) from practices) - interval 1 month,
        interval 1 month
    ))::date as month_on
),
ends as (select max(through_on) as through_on, max(month_on) as last_on from practices, months)
select 'month' as period_kind, strftime(month_on, '%Y-%m') as period, month_on from months
union all
select 'quarter', strftime(month_on, '%Y-Q') || quarter(month_on), month_on
from months, ends where date_trunc('quarter', month_on) + interval 3 month <= through_on + 1
union all
select 'year', strftime(month_on, '%Y'), month_on
from months, ends where date_trunc('year', month_on) + interval 1 year <= through_on + 1
union all
select 'last_12_months', '12m-' || strftime(last_on, '%Y-%m'), month_on
from months, ends where month_on > last_on - interval 12 month
union all
select 'all', 'all', month_on from (from months union all select null);
delete from periods where period_kind not in (from reference.period_kinds);
create or replace temp table periods as
select *, dense_rank() over (order by period) as period_no from periods;

-- Every appointment; those of treatment that were kept are numbered.
create temp table all_visits as
with placed as (
    select sessions.*, care.site_id as care_site_id, is_closed, closed_on, ending_code,
        agreed_interval_days, age_band, care.therapist_key as care_therapist_key, service_type,
        coalesce(session_type, 'treatment') = 'treatment' as is_treatment,
        attendance = 'attended' and is_treatment as is_counted
    from raw.sessions
    inner join everybody as care using (client_key, episode_key)
),
numbered as (
    select * exclude (therapist_key),
        coalesce(therapist_key, care_therapist_key) as therapist_key,
        date_trunc('month', scheduled_on)::date as month_on,
        case when is_counted then row_number() over by_day end as session_no,
        count(*) over of_episode - session_no as n_after,
        case when is_closed and is_counted
            then coalesce(closed_on, max(scheduled_on) over of_episode) end as closed_from_on,
        case when is_counted then scheduled_on - lag(scheduled_on) over by_day end as gap
    from placed
    window of_episode as (partition by episode_key, is_counted),
        by_day as (of_episode order by scheduled_on, session_key)
)
select * exclude (gap, closed_from_on), interpreter as has_interpreter, gap as gap_days,
    coalesce(closed_from_on <= through_on, false) as is_over,
    case when session_no <= opening_sessions then 'opening'
        when is_over and n_after < ending_sessions then 'ending'
        when session_no <= developing_until_session then 'developing'
        when session_no is not null then 'maintaining' end as stage
from numbered
inner join practices using (practice_id)
cross join (
    select opening_sessions, ending_sessions, developing_until_session from reference.settings
);

create temp view visits as
select * exclude (service_type) from all_visits where service_type = 'individual';

-- Forms of practices that name no session belong to the nearest attended one of their episode.
create temp table all_forms as
with come as (
    select raw_forms.*, scores.score as total, scores.is_complete, care.site_id as care_site_id,
        care.therapist_key as care_therapist_key, care.age_band, kind, service_type, treated_with,
        scales.minimum, scales.maximum,
        case when instruments.direction = 'lower_is_better'
            then scales.minimum else scales.maximum end as best
    from raw.administrations as raw_forms
    inner join everybody as care using (client_key, episode_key)
    inner join scores on raw_forms.administration_row = scores.administration_row and scale = 'total'
    inner join reference.instruments using (instrument_code, version)
    inner join reference.scales as scales
        on raw_forms.instrument_code = scales.instrument_code
        and raw_forms.version = scales.version and scales.scale = 'total'
    where coalesce(status, 'completed') in ('completed', 'partial')
),
nearest as (
    select come.administration_row,
        first(visits.session_key order by abs(visits.scheduled_on - completed_on),
            visits.scheduled_on, visits.session_key) as session_key
    from come
    inner join all_visits as visits using (client_key, episode_key)
    cross join reference.settings
    where come.session_key is null and visits.attendance = 'attended'
        and abs(visits.scheduled_on - completed_on) <= link_days
    group by all
)
select come.administration_row, come.practice_id, come.client_key, come.episode_key,
    instrument_code, version, language, informant, kind, total, is_complete, best, minimum, maximum,
    completed_on, come.session_key is not null as is_named, visits.session_key, visits.session_no,
    coalesce(visits.site_id, come.care_site_id) as site_id,
    coalesce(rated_therapist_key, visits.therapist_key, come.care_therapist_key) as therapist_key,
    visits.scheduled_on, coalesce(visits.scheduled_on, completed_on) as counted_on,
    date_trunc('month', counted_on)::date as month_on,
    stage, delivery_mode, come.age_band, has_interpreter, come.service_type, treated_with
from come
left join nearest using (administration_row)
left join all_visits as visits
    on come.client_key = visits.client_key
    and coalesce(come.session_key, nearest.session_key) = visits.session_key
where coalesce(visits.session_type, '') not in ('crisis', 'assessment');

create temp view forms as
select * exclude (service_type, treated_with) from all_forms where service_type = 'individual';

create temp table asked as
select schedules.* exclude (schedule_id),
    rule = 'every_session' or every_n = 1 as is_each_session,
    (select list(session_no) from reference.schedule_sessions as listed
     where listed.practice_id = schedules.practice_id
        and listed.schedule_id = schedules.schedule_id) as listed
from reference.schedules
inner join reference.schedule_service_types using (practice_id, schedule_id)
where service_type = 'individual';

create temp table due as
with due as (
    select visits.practice_id, client_key, episode_key, session_key, site_id, therapist_key,
        scheduled_on, month_on, session_no, stage, delivery_mode, age_band, has_interpreter,
        instrument_code, asked.version, informant, window_days, is_each_session
    from visits
    inner join asked
        on visits.practice_id = asked.practice_id
        and scheduled_on between valid_from and coalesce(valid_to, scheduled_on)
    where session_no is not null
        and case rule when 'every_session' then true
            when 'every_n' then (session_no - 1) % every_n = 0
            when 'session_list' then list_contains(listed, session_no) end
),
astray as (
    select forms.*
    from forms
    anti join due using (client_key, session_key, instrument_code, version, informant)
),
made_up as (
    select first((due.session_key, instrument_code, informant)
        order by abs(due.scheduled_on - counted_on), due.scheduled_on, due.session_key) as made
    from astray
    inner join due using (client_key, instrument_code, version, informant)
    where abs(due.scheduled_on - counted_on) <= window_days
    group by administration_row
),
done as (
    select session_key, instrument_code, informant from forms
    union
    select made[1], made[2], made[3] from made_up
)
select due.*, done.session_key is not null as is_completed
from due
left join done using (session_key, instrument_code, informant);

-- Episodes that got as far as a session, with what their sessions share.
create temp table started as
select care.*, n_sessions, coalesce(is_over, false) as is_over,
    n_sessions >= $early_first_session as is_reached,
    date_trunc('month', opened_on)::date as opening_on,
    date_trunc('month', coalesce(closed_on, last_on))::date as closing_on,
    early_on, single_on, delivery_mode, has_interpreter
from care
inner join (
    select episode_key, count(*) as n_sessions, bool_or(is_over) as is_over,
        max(scheduled_on) as last_on,
        max(month_on) filter (where session_no <= $early_last_session) as early_on,
        max(month_on) filter (where session_no <= $single_form_last_session) as single_on,
        case when min(delivery_mode) = max(delivery_mode) then min(delivery_mode) end
            as delivery_mode,
        case when count(has_interpreter) = count(*) and min(has_interpreter) = max(has_interpreter)
            then min(has_interpreter) end as has_interpreter
    from visits
    where session_no is not null
    group by episode_key
) using (episode_key);

-- Each started episode's alliance by instrument, with a form or with one due.
create temp table followed as
with measured as (
    select episode_key, instrument_code, version, language, informant, session_no, counted_on,
        count(*) as n, avg(total) as total
    from forms
    where kind = 'alliance' and informant in ('client', 'child') and total is not null
    group by all
),
filled as (
    select episode_key, instrument_code, version, language, informant,
        sum(n) as n_forms,
        coalesce(sum(n) filter (where is_early), 0) as n_early,
        count(*) filter (where is_early) as n_early_measured,
        avg(total) filter (where is_early) as early_total,
        first(total order by abs(session_no - $single_form_target_session), session_no) filter (
            where session_no between $single_form_first_session and $single_form_last_session
        ) as single_total,
        max_by(total, (counted_on, coalesce(session_no, 0))) as last_total
    from (
        select *, session_no between $early_first_session and $early_last_session as is_early
        from measured
    )
    group by all
),
asked_for as (
    select episode_key, instrument_code, version, informant,
        count(*) filter (where session_no between $early_first_session and $early_last_session)
            as n_due_early,
        bool_or(is_each_session) as is_each_session
    from due
    inner join reference.instruments using (instrument_code, version)
    where kind = 'alliance' and informant in ('client', 'child')
    group by all
)
select *, coalesce(n_forms, 0) as n_all,
    case when is_reached
        then n_due_early = least(n_sessions, $early_last_session) - $early_first_session + 1
            and (n_sessions > $early_first_session or coalesce(is_each_session, false))
        else coalesce(is_each_session, false) end as is_due_each
from started
inner join (
    from filled full join asked_for using (episode_key, instrument_code, version, informant)
) using (episode_key);

-- One client's forms of one instrument in order, with what each is held against.
create temp table series_forms as
select *, mean_all as series_mean, coalesce(sd, 0) as series_sd,
    (summed - total) / (n_forms - 1) as mean_of_others,
    (ranges - coalesce(abs(total - previous), 0) - coalesce(abs(later - total), 0)
        + coalesce(abs(later - previous), 0)) / (n_forms - 2) as range_of_others
from (
    select *, sum(abs(total - previous)) over whole as ranges
    from (
        select *, count(*) over whole as n_forms, row_number() over in_order as form_no,
            sum(total) over whole as summed, avg(total) over whole as mean_all,
            stddev_samp(total) over whole as sd,
            lag(total) over in_order as previous, lead(total) over in_order as later,
            max(total) over (
                in_order rows between 1 following and $marked_drop_repair_forms following
            ) as best_ahead
        from forms
        where total is not null and counted_on is not null
        window whole as (partition by episode_key, instrument_code, informant),
            in_order as (whole order by counted_on, session_no nulls last, administration_row)
    )
    window whole as (partition by episode_key, instrument_code, informant)
);

-- A series, named by its last form: which rules find a drop, and what became of the last of each.
create temp table series as
with spreads as (
    select instrument_code, informant, stddev_samp(total) as total_sd,
        sqrt(sum((total - series_mean) ** 2)
            / nullif(count(*) - count(*) filter (where form_no = 1), 0)) as within_sd
    from series_forms
    group by all
),
held as (
    select *, greatest(series_sd, coalesce($network_sd, 0)) as stricter_sd,
        (maximum - minimum) / 6.0 as points, previous - total as step
    from series_forms
    inner join spreads using (instrument_code, informant)
    where kind = 'alliance'
),
judged as (
    select *,
        step >= $marked_drop_points * points - 1e-9 as fixed,
        stricter_sd > 0 and step >= $marked_drop_sd1_factor * stricter_sd - 1e-9 as sd1,
        stricter_sd > 0 and step >= $marked_drop_sd2_factor * stricter_sd - 1e-9 as sd2,
        range_of_others > 1e-9
        and mean_of_others - total > $marked_drop_ranges * range_of_others + 1e-9 as chart,
        case when best_ahead >= previous - $marked_drop_repair_points * points - 1e-9
            then 'repaired'
            when n_forms - form_no < $marked_drop_repair_forms then 'open'
            else 'unrepaired' end as after_previous,
        case when best_ahead >= mean_of_others - $marked_drop_repair_points * points - 1e-9
            then 'repaired'
            when n_forms - form_no < $marked_drop_repair_forms then 'open'
            else 'unrepaired' end as after_mean
    from held
),
dropped as (
    select episode_key, instrument_code, informant,
        bool_or(fixed) as fixed, max_by(after_previous, form_no) filter (where fixed) as after_fixed,
        bool_or(sd1) as sd1, max_by(after_previous, form_no) filter (where sd1) as after_sd1,
        bool_or(sd2) as sd2, max_by(after_previous, form_no) filter (where sd2) as after_sd2,
        bool_or(chart) as chart, max_by(after_mean, form_no) filter (where chart) as after_chart,
        max(stricter_sd) > 0 as is_varied, max(range_of_others) > 1e-9 as is_chart_varied
    from judged
    group by all
)
select series_forms.*, dropped.* exclude (episode_key, instrument_code, informant)
from series_forms
left join dropped using (episode_key, instrument_code, informant)
where form_no = n_forms;

-- Sudden gains and losses between two sessions running; of two forms of one session the first.
create temp table steps as
with numbered as (
    select episode_key, instrument_code, informant, form_no, points as rci,
        case when instruments.direction = 'lower_is_better' then -total else total end as level,
        coalesce(session_no, case when max(session_no) over whole is null then form_no end) as place
    from series_forms
    inner join reference.instruments using (instrument_code, version)
    inner join reference.reliable_changes using (instrument_code, version)
    where scale = 'total'
    window whole as (partition by episode_key, instrument_code, informant)
),
placed as (
    from numbered
    where place is not null
    qualify row_number() over (
        partition by episode_key, instrument_code, informant, place order by form_no) = 1
),
windowed as (
    select *, lead(place) over in_order as next_place, lead(level) over in_order as next_level,
        count(*) over before as n_before, avg(level) over before as mean_before,
        var_pop(level) over before * n_before as squares_before,
        count(*) over behind as n_behind, avg(level) over behind as mean_behind,
        var_pop(level) over behind * n_behind as squares_behind
    from placed
    window in_order as (partition by episode_key, instrument_code, informant order by place),
        before as (in_order range between 2 preceding and current row),
        behind as (in_order range between 1 following and 3 following)
),
tested as (
    select *, next_level - level as step, mean_behind - mean_before as shift,
        abs(step) >= rci - 1e-9 and abs(step) >= $sudden_step_share * abs(level) - 1e-9
        and shift * step > 0
        and abs(shift) > sqrt((squares_before + squares_behind) / (n_before + n_behind - 2))
        * case n_before + n_behind - 2 when 2 then 4.302652729911275 when 3
            then 3.182446305284263 when 4 then 2.7764451051977987 end as is_step
    from windowed
    where next_place = place + 1 and n_before >= 2 and n_behind >= 2
)
select episode_key, instrument_code, informant,
    bool_or(is_step and step > 0) as gain, bool_or(is_step and step < 0) as loss
from tested
group by all;
