{{ config(tags='measures') }}

-- Therapists, months and mixes together are nearly as many as units: numbers stand for names before
-- anything is added up, since groups by names take several times the memory a night has.
with metrics as (
    select
        metric,
        cast(row_number() over (order by metric) as integer) as metric_no
    from {{ ref('int_metrics_listed') }}
),

{{ months_numbered(ref('int_units_measured'), 'metric, therapist_key, denominator') }},

-- By stratum and month first: far fewer rows are then counted in every period.
stratified as (
    select
        numbered.cell_no,
        metrics.metric_no,
        strata.stratum_no,
        numbered.month_on,
        numbered.therapist_key,
        count(*) as n_valued
    from numbered
    inner join metrics on numbered.metric = metrics.metric
    inner join strata on numbered.mix_no = strata.mix_no
    where numbered.denominator is not null and numbered.therapist_key is not null
    group by
        numbered.cell_no,
        metrics.metric_no,
        strata.stratum_no,
        numbered.month_on,
        numbered.therapist_key
),

therapists as (
    select
        stratified.cell_no,
        stratified.metric_no,
        stratified.stratum_no,
        periods.period_no,
        stratified.therapist_key,
        sum(stratified.n_valued) as n_valued
    from stratified
    inner join periods on stratified.month_on is not distinct from periods.month_on
    group by
        stratified.cell_no,
        stratified.metric_no,
        stratified.stratum_no,
        periods.period_no,
        stratified.therapist_key
),

weights as (
    select
        therapists.cell_no,
        metrics.metric,
        therapists.stratum_no,
        therapists.period_no,
        cast(count(*) as integer) as n_therapists,
        cast(max(therapists.n_valued) as double) / sum(therapists.n_valued) as top_therapist_share
    from therapists
    inner join metrics on therapists.metric_no = metrics.metric_no
    group by
        therapists.cell_no,
        metrics.metric,
        therapists.stratum_no,
        therapists.period_no
)

{{ cells_named('weights', 'n_therapists, top_therapist_share') }}
