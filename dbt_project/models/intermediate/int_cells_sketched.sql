{{ config(tags='measures') }}
{%- set prime = 2147483647 %}
{%- set n_buckets = 64 %}

-- What tells two nights of a cell apart without telling anyone: how many of its people give it which
-- contribution. A person's contribution is one number, made of his sums by remainders; so months add
-- up, no pseudonym enters, and a new key changes no cell. Its square is spread over the buckets.
-- Sketches are kept and held against later ones: whoever changes the formula says so where they are
-- kept (_SKETCH in orchestration/disclosure_rows.py).
with metrics as (
    select
        metric,
        aggregation = 'share_of_therapists' as is_of_therapists,
        cast(row_number() over (order by metric) as integer) as metric_no
    from {{ ref('int_metrics_listed') }}
),

months as (
    select
        {{ columns_of('units', cell_columns()) }},
        metrics.metric_no,
        {{ columns_of('units', mix_columns()) }},
        units.month_on,
        case when metrics.is_of_therapists then units.therapist_key else units.client_key end
            as person_key,
        cast(
            (
                (
                    1640531527 * count(*)
                    + 1013904223 * count(units.denominator)
                    + 69621 * coalesce(sum({{ exact('units.numerator') }}), 0)
                    + 48271 * coalesce(sum({{ exact('units.denominator') }}), 0)
                ) % {{ prime }} + {{ prime }}
            ) % {{ prime }} as bigint
        ) as contribution
    from {{ ref('int_units_measured') }} as units
    inner join metrics on units.metric = metrics.metric
    where
        case when metrics.is_of_therapists then units.therapist_key else units.client_key end
        is not null
    group by
        {{ columns_of('units', cell_columns()) }},
        metrics.metric_no,
        {{ columns_of('units', mix_columns()) }},
        units.month_on,
        case when metrics.is_of_therapists then units.therapist_key else units.client_key end
),

{{ months_numbered('months', 'metric_no, person_key, contribution') }},

-- Cells that could be shown, few of all: the others are not worth the memory.
counted as (
    select
        {{ cell_columns() }},
        metric,
        stratum_kind,
        stratum,
        period,
        n_clients_valued + n_clients_without_value as n_people
    from {{ ref('int_sites_counted') }}
    union all
    select
        {{ columns_of('weights', cell_columns()) }},
        weights.metric,
        weights.stratum_kind,
        weights.stratum,
        weights.period,
        weights.n_therapists as n_people
    from {{ ref('int_therapists_weighed') }} as weights
    inner join metrics on weights.metric = metrics.metric
    where metrics.is_of_therapists
),

enough as (
    select distinct
        cells.cell_no,
        metrics.metric_no,
        strata.stratum_no,
        periods.period_no
    from counted
    cross join {{ ref('stg_settings') }} as settings
    inner join metrics on counted.metric = metrics.metric
    inner join cells on {{ are_same('counted', 'cells', cell_columns()) }}
    inner join strata
        on counted.stratum_kind = strata.stratum_kind and counted.stratum = strata.stratum
    inner join periods on counted.period = periods.period
    where
        counted.n_people >= settings.minimum_clients
        and (counted.stratum_kind = 'all' or periods.has_strata)
),

stratified as (
    select
        numbered.cell_no,
        numbered.metric_no,
        strata.stratum_no,
        numbered.month_on,
        numbered.person_key,
        sum(numbered.contribution) as contribution
    from numbered
    inner join strata on numbered.mix_no = strata.mix_no
    group by
        numbered.cell_no,
        numbered.metric_no,
        strata.stratum_no,
        numbered.month_on,
        numbered.person_key
),

people as (
    select
        stratified.cell_no,
        stratified.metric_no,
        stratified.stratum_no,
        periods.period_no,
        stratified.person_key,
        cast(sum(stratified.contribution) % {{ prime }} as bigint) as contribution
    from stratified
    inner join periods on stratified.month_on is not distinct from periods.month_on
    inner join enough
        on
            stratified.cell_no = enough.cell_no
            and stratified.metric_no = enough.metric_no
            and stratified.stratum_no = enough.stratum_no
            and periods.period_no = enough.period_no
    group by
        stratified.cell_no,
        stratified.metric_no,
        stratified.stratum_no,
        periods.period_no,
        stratified.person_key
),

placed as (
    select
        people.cell_no,
        metrics.metric,
        people.stratum_no,
        people.period_no,
        people.contribution * people.contribution % {{ prime }} % {{ n_buckets }} as bucket
    from people
    inner join metrics on people.metric_no = metrics.metric_no
),

sketches as (
    select
        cell_no,
        metric,
        stratum_no,
        period_no,
        cast(count(*) as integer) as n_people,
        {{ bucket_counts('bucket', n_buckets) }} as sketch
    from placed
    group by cell_no, metric, stratum_no, period_no
)

{{ cells_named('sketches', 'n_people, sketch') }}
