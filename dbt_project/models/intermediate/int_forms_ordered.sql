{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

-- The windows see numbers for the instrument and nothing that hangs on the form alone.
with forms as (
    select
        linked.administration_row,
        linked.client_key,
        linked.episode_key,
        scales.scale_no,
        linked.language,
        linked.informant,
        linked.respondent,
        linked.counted_on,
        linked.session_no,
        linked.total,
        {{ towards_better('instruments.direction') }} * {{ exact('linked.total') }} as level
    from {{ ref('int_administrations_linked') }} as linked
    inner join {{ ref('int_instruments_listed') }} as instruments
        on
            linked.instrument_code = instruments.instrument_code
            and linked.version = instruments.version
    inner join {{ ref('int_scales_numbered') }} as scales
        on
            linked.instrument_code = scales.instrument_code
            and linked.version = scales.version
            and scales.scale = 'total'
    where
        {{ is_touched('linked.client_key') }}
        and linked.exclusion_reason is null
        and linked.counted_on is not null
        and not linked.is_year_only
),

ordered as (
    select
        administration_row,
        client_key,
        total,
        level,
        last_value(administration_row) over whole as series_row,
        cast(row_number() over in_order as integer) as form_no,
        cast(count(*) over whole as integer) as n_forms,
        lag(level) over in_order as level_before,
        lead(level) over in_order as level_after,
        lag(total) over in_order as previous_total,
        lead(total) over in_order as next_total,
        max(level) over ahead as best_ahead
    from forms
    window
        in_order as (
            partition by
                client_key, episode_key, scale_no, language, informant, respondent
            order by counted_on, session_no nulls last, administration_row
        ),
        whole as (
            partition by
                client_key, episode_key, scale_no, language, informant, respondent
            order by counted_on, session_no nulls last, administration_row
            rows between unbounded preceding and unbounded following
        ),
        ahead as (
            partition by
                client_key, episode_key, scale_no, language, informant, respondent
            order by counted_on, session_no nulls last, administration_row
            rows between 1 following and {{ var('marked_drop_repair_forms') }} following
        )
),

series as (
    select
        series_row,
        sum(level) as summed,
        sum(level * level) as summed_squares,
        sum(abs(level - level_before)) as summed_ranges
    from ordered
    group by series_row
),

-- A form taken out of its series takes two moving ranges along and leaves the one that bridges it.
measured as (
    select
        ordered.*,
        {{ inexact('series.summed') }} / ordered.n_forms as mean_level,
        case
            when ordered.n_forms > 1
                then
                    sqrt(
                        {{ squared_deviations(
                            'ordered.n_forms', 'series.summed', 'series.summed_squares'
                        ) }}
                        / (ordered.n_forms - 1)
                    )
        end as series_sd,
        case
            when ordered.n_forms > 1
                then {{ inexact('(series.summed - ordered.level)') }} / (ordered.n_forms - 1)
        end as mean_of_others,
        case
            when ordered.n_forms > 2
                then
                    {{ inexact(
                        '(series.summed_ranges'
                        ~ ' - coalesce(abs(ordered.level - ordered.level_before), 0)'
                        ~ ' - coalesce(abs(ordered.level_after - ordered.level), 0)'
                        ~ ' + coalesce(abs(ordered.level_after - ordered.level_before), 0))'
                    ) }}
                    / (ordered.n_forms - 2)
        end as moving_range_of_others
    from ordered
    inner join series on ordered.series_row = series.series_row
),

sessions as (
    select *
    from {{ ref('int_sessions_numbered') }}
    where {{ is_touched() }}
),

episodes as (
    select *
    from {{ ref('int_episodes_resolved') }}
    where {{ is_touched() }}
),

-- Of an instrument's least reliable changes the one that names the informant, else the one that
-- names none; of several the larger.
changes as (
    select
        informants.instrument_code,
        informants.version,
        informants.informant,
        coalesce(
            max(case when changes.informants <> '' then changes.points end), max(changes.points)
        ) as points
    from (
        select distinct
            instrument_code,
            version,
            informant
        from {{ ref('int_administrations_linked') }}
        where {{ is_touched() }}
    ) as informants
    inner join {{ ref('stg_reliable_changes') }} as changes
        on
            informants.instrument_code = changes.instrument_code
            and informants.version = changes.version
            and changes.scale = 'total'
            and (
                changes.informants = ''
                or ' ' || changes.informants || ' ' like '% ' || informants.informant || ' %'
            )
    group by informants.instrument_code, informants.version, informants.informant
)

select
    linked.administration_row,
    measured.series_row,
    linked.practice_id,
    linked.site_id,
    linked.therapist_key,
    linked.client_key,
    linked.episode_key,
    linked.session_key,
    linked.instrument_code,
    linked.version,
    linked.language,
    linked.informant,
    linked.respondent,
    instruments.kind,
    instruments.direction,
    instruments.total_minimum,
    instruments.total_maximum,
    changes.points as reliable_change,
    linked.counted_on,
    linked.month_on,
    linked.session_no,
    linked.stage_while_open,
    linked.stage_once_closed,
    linked.closed_from_on,
    nullif(sessions.delivery_mode, 'not_recorded') as delivery_mode,
    nullif(episodes.age_band_at_intake, 'not_recorded') as age_band,
    sessions.interpreter as has_interpreter,
    measured.form_no,
    measured.n_forms,
    measured.total,
    100 * (measured.total - instruments.total_minimum)
    / (instruments.total_maximum - instruments.total_minimum) as pomp,
    measured.previous_total,
    measured.next_total,
    {{ towards_better('instruments.direction') }} * {{ inexact('measured.best_ahead') }}
        as best_total_ahead,
    {{ towards_better('instruments.direction') }} * measured.mean_level as series_mean,
    measured.series_sd,
    {{ towards_better('instruments.direction') }} * measured.mean_of_others as mean_of_others,
    measured.moving_range_of_others
from measured
inner join {{ ref('int_administrations_linked') }} as linked
    on measured.administration_row = linked.administration_row
inner join {{ ref('int_instruments_listed') }} as instruments
    on
        linked.instrument_code = instruments.instrument_code
        and linked.version = instruments.version
left join changes
    on
        linked.instrument_code = changes.instrument_code
        and linked.version = changes.version
        and linked.informant = changes.informant
left join sessions
    on linked.client_key = sessions.client_key and linked.session_key = sessions.session_key
left join episodes
    on linked.client_key = episodes.client_key and linked.episode_key = episodes.episode_key
