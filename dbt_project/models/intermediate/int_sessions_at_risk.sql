{{ config(materialized='view', tags=['measures']) }}

-- Whether the treatment went on, ended as planned or ended unplanned after a session. What nobody
-- knows is null: no further appointment is no ending, and an ending has a day and a reason.
with followed as (
    select
        sessions.*,
        {{ treatment_stage('sessions', 'practices.data_through_on') }} as stage,
        case
            when sessions.total_upwards is null then 'no_form'
            when sessions.is_at_best then 'maximum'
            when sessions.total_upwards < levels.low_below_upwards then 'low'
            else 'middle'
        end as alliance_state,
        case
            when sessions.n_sessions_after > 0 then null
            when
                not sessions.is_closed
                or coalesce(sessions.closed_from_on > practices.data_through_on, false)
                then 'still_open'
            when not sessions.is_closing_dated then 'ending_undated'
            when sessions.ending_code = 'not_recorded' then 'ending_unknown'
        end as null_reason
    from {{ ref('int_sessions_followed') }} as sessions
    inner join {{ ref('int_practices_dated') }} as practices
        on sessions.practice_id = practices.practice_id
    left join {{ ref('int_alliance_levels_derived') }} as levels
        on
            sessions.instrument_code = levels.instrument_code
            and sessions.version = levels.version
            and sessions.language = levels.language
            and sessions.informant = levels.informant
)

select
    practice_id,
    site_id,
    therapist_key,
    client_key,
    episode_key,
    session_key,
    session_no,
    instrument_code,
    version,
    language,
    informant,
    total,
    alliance_state,
    month_on,
    stage,
    delivery_mode,
    age_band,
    has_interpreter,
    case
        when null_reason is not null then null
        when n_sessions_after > 0 then false
        else ending_code in ('{{ var('unplanned_endings') | join("', '") }}')
    end as is_ended_unplanned,
    null_reason
from followed
