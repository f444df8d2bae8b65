with cells as (
    select
        practice_id,
        site_id,
        instrument_code,
        version,
        language,
        informant,
        collection_mode,
        stage,
        period,
        cast(sum(n_clients) as integer) as n_clients,
        cast(
            sum(case when therapist_key is not null and n_clients > 0 then 1 else 0 end) as integer
        ) as n_therapists,
        cast(sum(n_forms) as integer) as n_forms,
        sum(summed_means) as summed_means,
        sum(summed_squares) as summed_squares,
        sum(n_at_best) as n_at_best,
        max(case when therapist_key is not null then n_forms_rated end) as n_forms_of_top_therapist,
        sum(case when therapist_key is not null then n_forms_rated end) as n_forms_of_known,
        cast(sum(case when therapist_key is null then n_clients else 0 end) as integer)
            as n_clients_therapist_unknown
    from {{ ref('int_therapist_cells_summed') }}
    group by
        practice_id,
        site_id,
        instrument_code,
        version,
        language,
        informant,
        collection_mode,
        stage,
        period
),

periods as (
    select distinct
        period,
        period_end_on,
        complete_from_on
    from {{ ref('int_periods_closed') }}
)

select
    cells.practice_id,
    cells.site_id,
    cells.instrument_code,
    cells.version,
    cells.language,
    cells.informant,
    cells.collection_mode,
    'mean_score' as metric,
    cells.stage,
    cells.period,
    cells.n_clients,
    nullif(cells.n_therapists, 0) as n_therapists,
    cells.n_forms,
    {{ inexact('cells.summed_means') }} / cells.n_clients as mean_of_client_means,
    {{ squared_deviations('cells.n_clients', 'cells.summed_means', 'cells.summed_squares') }}
        as sum_of_squares,
    cast(cells.n_at_best as double) / cells.n_forms as ceiling_share,
    cast(cells.n_forms_of_top_therapist as double) / cells.n_forms_of_known
        as top_therapist_form_share,
    cells.n_clients_therapist_unknown,
    periods.period_end_on,
    practices.data_through_on as practice_data_through_on,
    practices.data_through_on >= periods.complete_from_on as is_data_complete,
    practices.is_dated_by_year
from cells
inner join periods on cells.period = periods.period
inner join {{ ref('int_practices_dated') }} as practices
    on cells.practice_id = practices.practice_id
