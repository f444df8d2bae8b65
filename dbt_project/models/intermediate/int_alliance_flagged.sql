{{ config(materialized='view', tags=['measures']) }}
-- A prompt to talk, not a finding. `reference` names the frozen distribution whose lowest tenth
-- flags a form as well; none is frozen yet, so the client's own drop decides alone.
with sized as (
    select
        *,
        {{ towards_better('direction') }} * (previous_total - total) as size
    from {{ ref('int_forms_ordered') }}
    where kind = 'alliance'
)

select
    administration_row,
    practice_id,
    client_key,
    instrument_code,
    version,
    language,
    informant,
    size,
    reliable_change,
    cast(null as varchar) as reference,
    {{ exceeds('size', 'reliable_change') }} as is_low,
    case
        when reliable_change is null then 'no_reliable_change'
        when form_no = 1 then 'no_previous_form'
    end as null_reason
from sized
