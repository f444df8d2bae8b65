{{ config(tags='measures') }}

-- Sums by therapist need no client.
with months as (
    select
        {{ cell_columns() }},
        metric,
        {{ mix_columns() }},
        month_on,
        therapist_key,
        count(*) as n_valued
    from {{ ref('int_units_measured') }}
    where denominator is not null and therapist_key is not null
    group by {{ cell_columns() }}, metric, {{ mix_columns() }}, month_on, therapist_key
),

{{ months_numbered('months', 'metric, therapist_key, n_valued') }},

therapists as (
    select
        numbered.cell_no,
        numbered.metric,
        strata.stratum_no,
        periods.period_no,
        numbered.therapist_key,
        sum(numbered.n_valued) as n_valued
    from numbered
    inner join strata on numbered.mix_no = strata.mix_no
    inner join periods on numbered.month_on is not distinct from periods.month_on
    group by
        numbered.cell_no,
        numbered.metric,
        strata.stratum_no,
        periods.period_no,
        numbered.therapist_key
),

weights as (
    select
        cell_no,
        metric,
        stratum_no,
        period_no,
        cast(count(*) as integer) as n_therapists,
        cast(max(n_valued) as double) / sum(n_valued) as top_therapist_share
    from therapists
    group by cell_no, metric, stratum_no, period_no
)

{{ cells_named('weights', 'n_therapists, top_therapist_share') }}
