{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
    tags=['measures'],
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

with due as (
    select
        client_key,
        episode_key,
        instrument_code,
        version,
        informant,
        cast(count(*) as integer) as n_due,
        cast(sum(case when is_completed then 1 else 0 end) as integer) as n_completed,
        max_by(case when is_completed then 1 else 0 end, -session_no) = 1 as is_first_completed,
        max_by(case when is_completed then 1 else 0 end, session_no) = 1 as is_last_completed
    from {{ ref('int_forms_due_placed') }}
    where {{ is_touched() }} and not is_treated_together
    group by client_key, episode_key, instrument_code, version, informant
)

select
    started.practice_id,
    started.site_id,
    started.therapist_key,
    started.client_key,
    started.episode_key,
    due.instrument_code,
    due.version,
    due.informant,
    started.closed_from_on,
    started.closing_month_on,
    started.delivery_mode,
    started.age_band,
    started.has_interpreter,
    due.n_due,
    due.n_completed,
    due.is_first_completed,
    due.is_last_completed
from due
inner join {{ ref('int_episodes_started') }} as started
    on
        due.client_key = started.client_key
        and due.episode_key = started.episode_key
where started.exclusion_reason is null
