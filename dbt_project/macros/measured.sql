{#-
One metric's rows in the shape every family of metrics ends in, so that sites can be summed up from
all of them alike. `rows`: a relation with the columns named below. `null_reason`: SQL that is null
where the metric can be computed, else says why not. `among`: the units that the metric is about;
others have no row.

A condition or value that is unknown where no reason says so gives null, not 0: it is a mistake in
the metric, and must be seen.
-#}
{% macro share_measured(
    rows, metric, is_met, null_reason='cast(null as varchar)', among='true', month_on='month_on'
) -%}
    {{ _measured(
        rows,
        metric,
        'case when ' ~ is_met ~ ' then 1 when not (' ~ is_met ~ ') then 0 end',
        'cast(null as double)',
        null_reason,
        among,
        month_on,
    ) }}
{%- endmacro %}

{#- The same for a metric that is averaged: its numerator is the value, its denominator 1. -#}
{% macro value_measured(
    rows, metric, value, null_reason='cast(null as varchar)', among='true', month_on='month_on'
) -%}
    {{ _measured(rows, metric, value, value, null_reason, among, month_on) }}
{%- endmacro %}

{% macro _measured(rows, metric, numerator, value, null_reason, among, month_on) -%}
    {%- set is_known = '(' ~ null_reason ~ ') is null' -%}
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
        '{{ metric }}' as metric,
        {{ month_on }} as month_on,
        stage,
        delivery_mode,
        age_band,
        has_interpreter,
        case when {{ is_known }} then cast({{ numerator }} as double) end as numerator,
        case when {{ is_known }} then cast(1 as double) end as denominator,
        case when {{ is_known }} then cast({{ value }} as double) end as value,
        {{ null_reason }} as null_reason
    from {{ rows }}
    where {{ among }}
{%- endmacro %}

{#- Why a treated client's unit enters no metric of clients seen alone; null when it does. -#}
{% macro unit_exclusion(episodes, is_treated_together, sites) -%}
    case
        when {{ episodes }}.use_permission <> 'all' then 'no_permission'
        when {{ episodes }}.service_type in ('crisis', 'assessment') then 'service_type'
        when {{ is_treated_together }} then 'unit_of_treatment'
        when {{ sites }}.site_id is null then 'site_unknown'
    end
{%- endmacro %}

{#- One more family of metrics, where its feed is sent: a build leaves its models out elsewhere. -#}
{% macro family_if_built(family) -%}
    {%- if not execute or load_relation(family) is not none -%}
        union all
        select * from {{ family }}
    {%- endif -%}
{%- endmacro %}
