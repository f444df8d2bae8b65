{{ config(materialized='view', tags=['measures']) }}

-- Who was asked, and who answered: also clients no form is known of, so neither language nor
-- collection mode. A client is placed by the treatment with most forms due, its last by key at last.
with episodes as (
    select
        answered.*,
        row_number() over (
            partition by
                answered.practice_id,
                answered.site_id,
                answered.client_key,
                answered.instrument_code,
                answered.version,
                answered.informant
            order by answered.n_due desc, answered.episode_key asc
        ) as choice
    from {{ ref('int_episodes_answered') }} as answered
)

select
    asked.practice_id,
    asked.site_id,
    asked.instrument_code,
    asked.version,
    asked.informant,
    asked.client_key,
    max(case when asked.choice = 1 then asked.therapist_key end) as therapist_key,
    cast(sum(asked.n_due) as integer) as n_due,
    cast(sum(asked.n_completed) as integer) as n_completed,
    max(case when asked.choice = 1 then asked.age_band end) as age_band,
    max(case when asked.choice = 1 then nullif(started.service_type, 'not_recorded') end)
        as service_type,
    max(case when asked.choice = 1 then asked.delivery_mode end) as delivery_mode,
    max(case when asked.choice = 1 then started.n_sessions end) as n_sessions
from episodes as asked
inner join {{ ref('int_episodes_started') }} as started
    on asked.client_key = started.client_key and asked.episode_key = started.episode_key
group by
    asked.practice_id,
    asked.site_id,
    asked.instrument_code,
    asked.version,
    asked.informant,
    asked.client_key
