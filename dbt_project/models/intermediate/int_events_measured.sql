{{ config(materialized='view', tags=['measures']) }}
{%- set rules = {
    'fixed': var('marked_drop_fixed_forms'),
    'sd1': var('marked_drop_sd_forms'),
    'sd2': var('marked_drop_sd_forms'),
    'chart': var('marked_drop_chart_forms'),
} %}

-- A series is counted where, when and with whom its last form was; of an outcome instrument in the
-- month its episode closed.
with series as (
    select
        forms.*,
        cast(null as varchar) as stage,
        case
            when forms.kind = 'alliance' then forms.month_on
            when episodes.is_closed
                then {{ month_counted('episodes.closed_on', 'episodes.is_year_only') }}
        end as series_month_on
    from {{ ref('int_forms_ordered') }} as forms
    left join {{ ref('int_episodes_resolved') }} as episodes
        on forms.client_key = episodes.client_key and forms.episode_key = episodes.episode_key
    where
        forms.administration_row = forms.series_row
        and forms.kind in ('alliance', 'outcome')
),

rules as (
    {%- for rule, n_forms in rules.items() %}
        select
            '{{ rule }}' as rule,
            {{ n_forms }} as fewest_forms
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}
),

drops as (
    select
        series_row,
        rule,
        count(is_drop) as n_judged,
        sum(case when is_drop then 1 else 0 end) as n_drops,
        max_by(
            case when is_drop then repair_state end, case when is_drop then form_no end
        ) as last_repair_state
    from {{ ref('int_drops_marked') }}
    group by series_row, rule
),

dropped as (
    select
        series.*,
        rules.rule,
        case
            when series.n_forms < rules.fewest_forms then 'too_few_forms'
            when coalesce(drops.n_judged, 0) = 0 then 'no_variation'
        end as drop_null_reason,
        drops.n_drops,
        drops.last_repair_state
    from series
    cross join rules
    left join drops on series.series_row = drops.series_row and rules.rule = drops.rule
    where series.kind = 'alliance'
),

steps as (
    select
        series_row,
        max(case when step_kind = 'gain' then 1 else 0 end) as n_gain,
        max(case when step_kind = 'loss' then 1 else 0 end) as n_loss
    from {{ ref('int_steps_tested') }}
    group by series_row
),

stepped as (
    select
        series.*,
        steps.n_gain,
        steps.n_loss,
        case
            when series.reliable_change is null then 'no_reliable_change'
            when steps.series_row is null then 'too_few_forms'
        end as step_null_reason
    from series
    left join steps on series.series_row = steps.series_row
),

flagged as (
    select
        forms.*,
        flags.stage,
        flags.is_low,
        flags.null_reason as flag_null_reason
    from {{ ref('int_alliance_flagged') }} as flags
    inner join {{ ref('int_forms_ordered') }} as forms
        on flags.administration_row = forms.administration_row
)

{% for rule in rules %}
    {{ share_measured(
        'dropped',
        'marked_drop_' ~ rule,
        'n_drops > 0',
        'drop_null_reason',
        "rule = '" ~ rule ~ "'",
        'series_month_on'
    ) }}
    union all
    {{ share_measured(
        'dropped',
        'unrepaired_' ~ rule,
        "last_repair_state = 'unrepaired'",
        "case when last_repair_state = 'open' then 'open' end",
        "n_drops > 0 and rule = '" ~ rule ~ "'",
        'series_month_on'
    ) }}
    union all
{% endfor %}
{% for kind in ('gain', 'loss') %}
    {{ share_measured(
        'stepped',
        'sudden_' ~ kind,
        'n_' ~ kind ~ ' > 0',
        'step_null_reason',
        month_on='series_month_on'
    ) }}
    union all
{% endfor %}
{{ share_measured('flagged', 'low_alliance', 'is_low', 'flag_null_reason') }}
