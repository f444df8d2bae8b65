{{ config(materialized='view', tags=['measures']) }}
{% set too_few_sessions = "'fewer_than_" ~ var('early_first_session') ~ "_sessions'" %}

-- An episode is over once the practice's data reach its closing. They move on every night without
-- the client being touched.
with episodes as (
    select
        started.*,
        coalesce(started.closed_from_on <= practices.data_through_on, false) as is_over,
        cast(null as varchar) as stage,
        cast(null as varchar) as instrument_code,
        cast(null as varchar) as version,
        cast(null as varchar) as language,
        cast(null as varchar) as informant
    from {{ ref('int_episodes_started') }} as started
    inner join {{ ref('int_practices_dated') }} as practices
        on started.practice_id = practices.practice_id
    where started.exclusion_reason is null
),

followed as (
    select
        followed.*,
        coalesce(followed.closed_from_on <= practices.data_through_on, false) as is_over,
        cast(null as varchar) as stage
    from {{ ref('int_episodes_followed') }} as followed
    inner join {{ ref('int_practices_dated') }} as practices
        on followed.practice_id = practices.practice_id
),

with_forms as (
    select
        client_key,
        episode_key,
        sum(n_forms) as n_forms,
        sum(n_forms_early) as n_forms_early
    from followed
    group by client_key, episode_key
),

flow as (
    select
        episodes.*,
        coalesce(with_forms.n_forms, 0) as n_forms,
        coalesce(with_forms.n_forms_early, 0) as n_forms_early
    from episodes
    left join with_forms
        on
            episodes.client_key = with_forms.client_key
            and episodes.episode_key = with_forms.episode_key
)

{{ share_measured(
    'flow', 'flow_reached_3', 'is_early_session_reached', month_on='opening_month_on'
) }}
union all
{{ share_measured('flow', 'flow_any_form', 'n_forms > 0', month_on='opening_month_on') }}
union all
{{ share_measured(
    'flow', 'flow_forms_3_to_5', 'n_forms_early > 0', month_on='opening_month_on'
) }}
union all
{{ share_measured(
    'flow',
    'flow_planned_ending',
    "ending_code = 'planned'",
    "case when not is_over then 'open_episode' "
    ~ "when ending_code = 'not_recorded' then 'ending_not_recorded' end",
    month_on='opening_month_on',
) }}
union all
{{ value_measured(
    'followed',
    'early_alliance',
    'early_total',
    'case when not is_early_session_reached then ' ~ too_few_sessions
    ~ " when n_sessions_early_measured = 0 then 'no_form'"
    ~ ' when n_sessions_early_measured < ' ~ var('early_min_forms') ~ " then 'too_few_forms' end",
    among='is_due_each_session',
    month_on='early_month_on',
) }}
union all
{{ value_measured(
    'followed',
    'early_alliance_single_form',
    'single_form_total',
    'case when single_form_total is not null then null '
    ~ 'when not is_early_session_reached then ' ~ too_few_sessions
    ~ " else 'no_form' end",
    among='not is_due_each_session',
    month_on='single_form_month_on',
) }}
union all
{{ value_measured(
    'followed',
    'last_alliance_before_exit',
    'last_total',
    "case when ending_code = 'not_recorded' then 'ending_not_recorded' "
    ~ "when n_forms = 0 then 'no_form' end",
    among="is_over and ending_code <> 'planned'",
    month_on='closing_month_on',
) }}
