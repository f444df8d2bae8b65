with months as (
    select month_on from {{ ref('int_client_months_summed') }}
    union
    select month_on from {{ ref('int_forms_due') }}
    union
    select {{ month_counted('scheduled_on', 'is_year_only') }} as month_on
    from {{ ref('int_sessions_numbered') }}
    union
    select {{ month_counted('opened_on', 'is_year_only') }} as month_on
    from {{ ref('int_episodes_resolved') }}
    union
    select {{ month_counted('closed_on', 'is_year_only') }} as month_on
    from {{ ref('int_episodes_resolved') }}
),

horizon as (
    select max(group_data_through_on) as data_through_on
    from {{ ref('int_practices_dated') }}
),

last_closed as (
    select
        data_through_on,
        case
            when {{ month_end(month_of('data_through_on')) }} = data_through_on
                then {{ month_of('data_through_on') }}
            else {{ months_away(month_of('data_through_on'), -1) }}
        end as last_month_on
    from horizon
),

closed_months as (
    select
        months.month_on,
        last_closed.last_month_on,
        last_closed.data_through_on
    from months
    cross join last_closed
    where
        months.month_on <= last_closed.last_month_on
        and months.month_on = {{ month_of('months.month_on') }}
),

-- Rows whose year alone is known stand under its last day, and enter with the whole year.
closed_years as (
    select
        months.month_on,
        last_closed.last_month_on
    from months
    cross join last_closed
    where
        months.month_on <= last_closed.data_through_on
        and months.month_on <> {{ month_of('months.month_on') }}
),

periods as (
    select
        'month' as period_kind,
        {{ month_label('month_on') }} as period,
        {{ month_end('month_on') }} as period_end_on,
        month_on
    from closed_months
    union all
    select
        'quarter' as period_kind,
        {{ quarter_label('month_on') }} as period,
        {{ quarter_end('month_on') }} as period_end_on,
        month_on
    from closed_months
    where {{ quarter_end('month_on') }} <= data_through_on
    union all
    select
        'year' as period_kind,
        {{ year_label('month_on') }} as period,
        {{ year_end('month_on') }} as period_end_on,
        month_on
    from closed_months
    where {{ year_end('month_on') }} <= data_through_on
    union all
    select
        'year' as period_kind,
        {{ year_label('month_on') }} as period,
        month_on as period_end_on,
        month_on
    from closed_years
    union all
    select
        'last_12_months' as period_kind,
        '12m-' || {{ month_label('last_month_on') }} as period,
        {{ month_end('last_month_on') }} as period_end_on,
        month_on
    from closed_months
    where month_on > {{ months_away('last_month_on', -12) }}
    union all
    select
        'all' as period_kind,
        'all' as period,
        {{ month_end('last_month_on') }} as period_end_on,
        month_on
    from closed_months
    union all
    select
        'all' as period_kind,
        'all' as period,
        {{ month_end('last_month_on') }} as period_end_on,
        month_on
    from closed_years
    union all
    select
        'all' as period_kind,
        'all' as period,
        {{ month_end('last_month_on') }} as period_end_on,
        null as month_on
    from last_closed
)

select
    periods.period_kind,
    periods.period,
    periods.period_end_on,
    {{ days_away('periods.period_end_on', '-settings.data_complete_within_days') }}
        as complete_from_on,
    periods.month_on,
    wanted.has_strata
from periods
inner join {{ ref('stg_period_kinds') }} as wanted on periods.period_kind = wanted.period_kind
cross join {{ ref('stg_settings') }} as settings
