{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

-- Only row numbers are compared: a form has some twenty columns, and nearly all have one version.
with standing as (
    {{ standing_versions(
        ref('stg_administrations'),
        ['form_key', 'administration_row'],
        'versions.completed_on',
        is_touched('versions.client_key'),
    ) }}
),

newest as (
    select {{ newest(['administration_row']) }} as found
    from standing
    group by form_key
)

select
    forms.administration_row,
    forms.client_key,
    forms.instrument_code,
    forms.version,
    forms.stated_total
from {{ ref('stg_administrations') }} as forms
inner join newest on forms.administration_row = {{ newest_part('newest.found', 1) }}
inner join {{ ref('stg_practices') }} as practices on forms.practice_id = practices.practice_id
