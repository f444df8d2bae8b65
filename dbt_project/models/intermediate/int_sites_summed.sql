{{ config(tags='measures') }}

-- Sums need no client: units of one month and mix are added up first, whoever's they are.
with months as (
    select
        {{ cell_columns() }},
        metric,
        {{ mix_columns() }},
        month_on,
        count(*) as n_units,
        count(denominator) as n_valued,
        sum({{ exact('numerator') }}) as numerator_billionths,
        sum({{ exact('denominator') }}) as denominator_billionths,
        min(null_reason) as first_reason,
        max(null_reason) as last_reason
    from {{ ref('int_units_measured') }}
    group by {{ cell_columns() }}, metric, {{ mix_columns() }}, month_on
),

{{ months_numbered(
    'months',
    'metric, n_units, n_valued, numerator_billionths, denominator_billionths, first_reason, '
    ~ 'last_reason',
) }},

sums as (
    select
        numbered.cell_no,
        numbered.metric,
        strata.stratum_no,
        periods.period_no,
        cast(sum(numbered.n_units) as integer) as n_units,
        cast(sum(numbered.n_valued) as integer) as n_valued,
        {{ inexact('sum(numbered.numerator_billionths)') }} as numerator,
        {{ inexact('sum(numbered.denominator_billionths)') }} as denominator,
        min(numbered.first_reason) as first_reason,
        max(numbered.last_reason) as last_reason
    from numbered
    inner join strata on numbered.mix_no = strata.mix_no
    inner join periods on numbered.month_on is not distinct from periods.month_on
    group by numbered.cell_no, numbered.metric, strata.stratum_no, periods.period_no
)

{{ cells_named('sums', 'n_units, n_valued, numerator, denominator, first_reason, last_reason') }}
