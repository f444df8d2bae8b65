{{ config(tags=['measures']) }}

-- Every client's series weighs with its degrees of freedom: squared deviations from its own mean,
-- added up over all series, by the forms beyond the first. Sums are whole billionths: exact in
-- whatever order they are added.
with series as (
    select
        instrument_code,
        version,
        language,
        informant,
        n_forms,
        {{ exact('series_mean * n_forms') }} as summed,
        series_mean,
        coalesce(series_sd * series_sd * (n_forms - 1), 0) as squared
    from {{ ref('int_forms_ordered') }}
    where series_row = administration_row
),

summed as (
    select
        instrument_code,
        version,
        language,
        informant,
        count(*) as n_series,
        sum(n_forms) as n_forms,
        {{ inexact('sum(summed)') }} / sum(n_forms) as mean_total,
        {{ inexact('sum(' ~ exact('squared') ~ ')') }} as squared_within,
        {{ inexact('sum(' ~ exact('n_forms * series_mean * series_mean') ~ ')') }} as squared_means
    from series
    group by instrument_code, version, language, informant
)

select
    instrument_code,
    version,
    language,
    informant,
    cast(n_series as integer) as n_series,
    cast(n_forms as integer) as n_forms,
    mean_total,
    case when n_forms > n_series then sqrt(squared_within / (n_forms - n_series)) end as within_sd,
    case
        when n_forms > 1
            then
                sqrt(
                    (
                        squared_within
                        + greatest(squared_means - n_forms * mean_total * mean_total, 0)
                    )
                    / (n_forms - 1)
                )
    end as total_sd
from summed
