{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

select
    forms.practice_id,
    forms.site_id,
    forms.client_key,
    forms.therapist_key,
    forms.instrument_code,
    forms.version,
    forms.language,
    forms.informant,
    forms.collection_mode,
    forms.month_on,
    forms.stage_while_open,
    forms.stage_once_closed,
    -- Where closing changes nothing its day only splits rows.
    case
        when forms.stage_while_open <> forms.stage_once_closed then forms.closed_from_on
    end as closed_from_on,
    -- Since 1970; 0 where no form has a day.
    coalesce({{ days_between("cast('1970-01-01' as date)", 'max(forms.counted_on)') }}, 0)
        as last_day_no,
    cast(count(*) as integer) as n_forms,
    cast(sum(case when forms.total = scales.best then 1 else 0 end) as integer) as n_at_best,
    sum({{ exact('forms.total') }}) as summed_billionths
from {{ ref('int_administrations_linked') }} as forms
inner join {{ ref('int_scales_numbered') }} as scales
    on
        forms.instrument_code = scales.instrument_code
        and forms.version = scales.version
        and scales.scale = 'total'
where
    {{ is_touched('forms.client_key') }}
    and forms.exclusion_reason is null
group by
    forms.practice_id,
    forms.site_id,
    forms.client_key,
    forms.therapist_key,
    forms.instrument_code,
    forms.version,
    forms.language,
    forms.informant,
    forms.collection_mode,
    forms.month_on,
    forms.stage_while_open,
    forms.stage_once_closed,
    case when forms.stage_while_open <> forms.stage_once_closed then forms.closed_from_on end
