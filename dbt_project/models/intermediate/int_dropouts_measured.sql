{{ config(materialized='view', tags=['measures']) }}

select
    practice_id,
    site_id,
    therapist_key,
    client_key,
    episode_key,
    instrument_code,
    version,
    language,
    informant,
    'unplanned_ending_after_' || alliance_state as metric,
    month_on,
    stage,
    delivery_mode,
    age_band,
    has_interpreter,
    cast(
        case when is_ended_unplanned then 1 when not is_ended_unplanned then 0 end as double
    ) as numerator,
    cast(case when is_ended_unplanned is not null then 1 end as double) as denominator,
    cast(null as double) as value,
    null_reason
from {{ ref('int_sessions_at_risk') }}
