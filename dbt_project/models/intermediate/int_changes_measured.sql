{{ config(materialized='view', tags=['measures']) }}

-- An episode counts once the practice's data reach its closing. Its days are no session's, so it has
-- no stage and no way of meeting.
{%- set categories = ['recovered', 'improved', 'unchanged', 'deteriorated', 'harmed'] %}
with closed as (
    select changes.*
    from {{ ref('int_changes_computed') }} as changes
    inner join {{ ref('int_practices_dated') }} as practices
        on changes.practice_id = practices.practice_id
    where coalesce(changes.closed_from_on <= practices.data_through_on, true)
)

{%- for metric in categories + ['change'] %}
{%- set reason %}
    {%- if metric in ('recovered', 'harmed') -%}
        null_reason
    {%- elif metric == 'change' -%}
        case when null_reason = 'no_pair' then null_reason end
    {%- else -%}
        case when null_reason <> 'no_cut_off' then null_reason end
    {%- endif -%}
{%- endset %}
{%- set is_known = '(' ~ reason ~ ') is null' %}
{% if not loop.first %}union all
{% endif -%}
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
    month_on,
    cast(null as varchar) as stage,
    cast(null as varchar) as delivery_mode,
    nullif(age_band, 'not_recorded') as age_band,
    cast(null as boolean) as has_interpreter,
    {%- if metric == 'change' %}
    gain as numerator,
    {%- else %}
    cast(
        case when {{ is_known }} then case when category = '{{ metric }}' then 1 else 0 end end
        as double
    ) as numerator,
    {%- endif %}
    cast(case when {{ is_known }} then 1 end as double) as denominator,
    {%- if metric == 'change' %}
    gain as value,
    {%- else %}
    cast(null as double) as value,
    {%- endif %}
    {{ reason }} as null_reason
from closed
{%- endfor %}
