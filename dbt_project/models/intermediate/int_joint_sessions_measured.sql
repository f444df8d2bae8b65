{{ config(materialized='view', tags=['measures']) }}

-- Who is counted is the couple or the group, not its members: they are alike, and their number says
-- nothing of how many treatments a value rests on.
with sessions as (
    select
        *,
        treated_key as client_key,
        case
            when is_unit_unknown then 'unit_unknown'
            when unit_kind = 'group' then null
            when is_day_unknown then 'day_unknown'
            when n_respondents < 2 then 'one_respondent'
            when n_respondents > 2 then 'more_than_two_respondents'
        end as why_null
    from {{ ref('int_joint_sessions_answered') }}
)

{{ value_measured(
    'sessions', 'couple_minimum', 'worst_total', 'why_null', among="unit_kind = 'couple'"
) }}
union all
{{ value_measured('sessions', 'couple_gap', 'gap', 'why_null', among="unit_kind = 'couple'") }}
union all
{{ value_measured('sessions', 'group_mean', 'mean_total', 'why_null', among="unit_kind = 'group'") }}
