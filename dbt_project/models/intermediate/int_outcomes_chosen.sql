{{ config(materialized='view', tags=['measures']) }}

-- Of two caregivers the one with most forms is the series: never the first of one and the last of
-- the other.
with series as (
    select
        series_row,
        row_number() over (
            partition by client_key, episode_key, instrument_code, version, language, informant
            order by n_forms desc, series_row asc
        ) as choice
    from {{ ref('int_forms_ordered') }}
    where kind = 'outcome' and administration_row = series_row
)

select
    forms.administration_row,
    forms.client_key,
    forms.episode_key,
    forms.instrument_code,
    forms.version,
    forms.language,
    forms.informant,
    forms.direction,
    forms.counted_on,
    forms.session_no,
    forms.form_no,
    forms.total
from {{ ref('int_forms_ordered') }} as forms
inner join series on forms.series_row = series.series_row
where series.choice = 1
