{{ config(materialized='view', tags=['measures']) }}
-- A prompt to talk, not a finding. Without a norm in force nothing is said: the own drop alone would
-- count another thing on every day that has none.
with forms as (
    select
        ordered.*,
        {{ treatment_stage('ordered', 'practices.data_through_on') }} as stage,
        {{ towards_better('ordered.direction') }} * (ordered.previous_total - ordered.total)
            as size
    from {{ ref('int_forms_ordered') }} as ordered
    inner join {{ ref('int_practices_dated') }} as practices
        on ordered.practice_id = practices.practice_id
    where ordered.kind = 'alliance'
),

-- Every freeze has a norm at least, so its days are known from any.
freezes as (
    select distinct
        valid_from,
        valid_to
    from {{ ref('stg_frozen_norms') }}
),

held_against as (
    select
        forms.*,
        freezes.valid_from as reference_on,
        norms.valid_from is not null as has_norm,
        case when forms.direction = 'lower_is_better' then norms.p90 else norms.p10 end
            as low_bound
    from forms
    left join freezes
        on
            forms.counted_on >= freezes.valid_from
            and (freezes.valid_to is null or forms.counted_on <= freezes.valid_to)
    left join {{ ref('stg_frozen_norms') }} as norms
        on
            freezes.valid_from = norms.valid_from
            and forms.instrument_code = norms.instrument_code
            and forms.version = norms.version
            and forms.language = norms.language
            and forms.informant = norms.informant
            and coalesce(forms.stage, 'all') = norms.stage
)

select
    administration_row,
    practice_id,
    client_key,
    instrument_code,
    version,
    language,
    informant,
    stage,
    size,
    reliable_change,
    reference_on,
    low_bound,
    case
        when has_norm
            then
                {{ exceeds(towards_better('direction') ~ ' * (low_bound - total)', '0.0') }}
                or coalesce({{ exceeds('size', 'reliable_change') }}, false)
    end as is_low,
    case
        when reference_on is null then 'no_reference'
        when not has_norm then 'not_in_reference'
    end as null_reason
from held_against
