{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
    tags=['measures'],
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

-- A series is named by a number, so that what is sorted is narrow: attributes are joined afterwards.
with forms as (
    select
        administration_row,
        client_key,
        episode_key,
        instrument_code,
        version,
        language,
        informant,
        respondent,
        counted_on,
        session_no,
        total
    from {{ ref('int_administrations_linked') }}
    where
        {{ is_touched() }}
        and exclusion_reason is null
        and counted_on is not null
        and not is_year_only
),

series_named as (
    select
        client_key,
        episode_key,
        instrument_code,
        version,
        language,
        informant,
        respondent,
        min(administration_row) as series_no
    from forms
    group by client_key, episode_key, instrument_code, version, language, informant, respondent
),

numbered as (
    select
        forms.administration_row,
        series_named.series_no,
        forms.counted_on,
        forms.session_no,
        forms.total,
        {{ towards_better('instruments.direction') }} as sign
    from forms
    inner join series_named
        on
            forms.client_key = series_named.client_key
            and forms.episode_key = series_named.episode_key
            and forms.instrument_code = series_named.instrument_code
            and forms.version = series_named.version
            and forms.language = series_named.language
            and forms.informant = series_named.informant
            and forms.respondent is not distinct from series_named.respondent
    inner join {{ ref('int_instruments_listed') }} as instruments
        on
            forms.instrument_code = instruments.instrument_code
            and forms.version = instruments.version
),

ordered as (
    select
        administration_row,
        series_no,
        total,
        sign,
        cast(row_number() over in_order as integer) as form_no,
        lag(total) over in_order as previous_total,
        lead(total) over in_order as next_total,
        sign * max(sign * total) over ahead as best_total_ahead
    from numbered
    window
        in_order as (
            partition by series_no
            order by counted_on, session_no nulls last, administration_row
        ),
        ahead as (
            partition by series_no
            order by counted_on, session_no nulls last, administration_row
            rows between 1 following and {{ var('marked_drop_repair_forms') }} following
        )
),

series as (
    select
        series_no,
        cast(count(*) as integer) as n_forms,
        max_by(administration_row, form_no) as series_row,
        sum({{ exact('total') }}) as summed,
        sum({{ exact('total') }} * {{ exact('total') }}) as summed_squares,
        sum({{ moving_range('previous_total', 'total') }}) as summed_ranges
    from ordered
    group by series_no
),

-- A form taken out of its series takes two moving ranges along and leaves the one that bridges it.
measured as (
    select
        ordered.*,
        series.series_row,
        series.n_forms,
        {{ inexact('series.summed') }} / series.n_forms as series_mean,
        case
            when series.n_forms > 1
                then
                    sqrt(
                        {{ squared_deviations(
                            'series.n_forms', 'series.summed', 'series.summed_squares'
                        ) }}
                        / (series.n_forms - 1)
                    )
        end as series_sd,
        case
            when series.n_forms > 1
                then
                    {{ inexact('(series.summed - ' ~ exact('ordered.total') ~ ')') }}
                    / (series.n_forms - 1)
        end as mean_of_others,
        case
            when series.n_forms > 2
                then
                    {{ inexact(
                        '(series.summed_ranges - '
                        ~ moving_range('ordered.previous_total', 'ordered.total') ~ ' - '
                        ~ moving_range('ordered.total', 'ordered.next_total') ~ ' + '
                        ~ moving_range('ordered.previous_total', 'ordered.next_total') ~ ')'
                    ) }}
                    / (series.n_forms - 2)
        end as moving_range_of_others
    from ordered
    inner join series on ordered.series_no = series.series_no
),

sessions as (
    select
        client_key,
        session_key,
        delivery_mode,
        interpreter
    from {{ ref('int_sessions_numbered') }}
    where {{ is_touched() }}
),

episodes as (
    select
        client_key,
        episode_key,
        age_band_at_intake
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
    measured.best_total_ahead,
    measured.series_mean,
    measured.series_sd,
    measured.mean_of_others,
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
