{{ config(materialized='view', tags=['measures']) }}

-- Only what was asked about when treatment began says how it began. Scales of different length meet
-- as percent of their range; higher is always worse.
select
    outcomes.client_key,
    outcomes.episode_key,
    outcomes.instrument_code,
    outcomes.version,
    outcomes.language,
    outcomes.informant,
    case
        when outcomes.direction = 'lower_is_better'
            then outcomes.total - instruments.total_minimum
        else instruments.total_maximum - outcomes.total
    end
    * 100 / (instruments.total_maximum - instruments.total_minimum) as severity
from {{ ref('int_outcomes_chosen') }} as outcomes
inner join {{ ref('int_instruments_listed') }} as instruments
    on
        outcomes.instrument_code = instruments.instrument_code
        and outcomes.version = instruments.version
inner join {{ ref('int_episodes_started') }} as started
    on
        outcomes.client_key = started.client_key
        and outcomes.episode_key = started.episode_key
where
    outcomes.form_no = 1
    and (
        outcomes.session_no <= {{ var('baseline_last_session') }}
        or outcomes.counted_on <= started.first_session_on
    )
