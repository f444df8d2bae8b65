{{ config(tags='measures') }}

-- Of metrics that are averaged over clients first, and of therapists who did something at all.
with months as (
    select
        {{ columns_of('units', cell_columns()) }},
        units.metric,
        {{ columns_of('units', mix_columns()) }},
        units.month_on,
        units.client_key,
        case when metrics.aggregation = 'share_of_therapists' then units.therapist_key end
            as therapist_key,
        count(*) as n_valued,
        sum({{ exact('units.numerator') }}) as numerator_billionths
    from {{ ref('int_units_measured') }} as units
    inner join {{ ref('int_metrics_listed') }} as metrics on units.metric = metrics.metric
    where
        units.denominator is not null
        and metrics.aggregation in ('mean_of_clients', 'share_of_therapists')
    group by
        {{ columns_of('units', cell_columns()) }},
        units.metric,
        {{ columns_of('units', mix_columns()) }},
        units.month_on,
        units.client_key,
        case when metrics.aggregation = 'share_of_therapists' then units.therapist_key end
),

{{ months_numbered('months', 'metric, client_key, therapist_key, n_valued, numerator_billionths') }},

each_one as (
    select
        numbered.cell_no,
        numbered.metric,
        strata.stratum_no,
        periods.period_no,
        numbered.client_key,
        numbered.therapist_key,
        sum(numbered.n_valued) as n_valued,
        sum(numbered.numerator_billionths) as numerator_billionths
    from numbered
    inner join strata on numbered.mix_no = strata.mix_no
    inner join periods on numbered.month_on is not distinct from periods.month_on
    group by
        numbered.cell_no,
        numbered.metric,
        strata.stratum_no,
        periods.period_no,
        numbered.client_key,
        numbered.therapist_key
),

means as (
    select
        cell_no,
        metric,
        stratum_no,
        period_no,
        {{ inexact(
            'sum(' ~ exact(inexact('numerator_billionths') ~ ' / n_valued') ~ ')'
        ) }} / count(*) as mean_of_clients,
        cast(
            sum(case when numerator_billionths > 0 and therapist_key is not null then 1 else 0 end)
            as integer
        ) as n_therapists_counted
    from each_one
    group by cell_no, metric, stratum_no, period_no
)

{{ cells_named('means', 'mean_of_clients, n_therapists_counted') }}
