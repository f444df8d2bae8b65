{{ config(materialized='view', tags=['measures']) }}
{#- Without a cut-off it is not known who crossed it, but who changed reliably is. -#}
{%- set of_change = "case when null_reason <> 'no_cut_off' then null_reason end" %}
{%- set reasons = {
    'recovered': 'null_reason',
    'improved': of_change,
    'unchanged': of_change,
    'deteriorated': of_change,
    'harmed': 'null_reason',
} %}

-- An episode counts once the practice's data reach its closing. Its days are no session's, so it has
-- no stage and no way of meeting.
with closed as (
    select
        changes.practice_id,
        changes.site_id,
        changes.therapist_key,
        changes.client_key,
        changes.episode_key,
        changes.instrument_code,
        changes.version,
        changes.language,
        changes.informant,
        changes.month_on,
        cast(null as varchar) as stage,
        cast(null as varchar) as delivery_mode,
        nullif(changes.age_band, 'not_recorded') as age_band,
        cast(null as boolean) as has_interpreter,
        changes.category,
        changes.gain,
        changes.null_reason
    from {{ ref('int_changes_computed') }} as changes
    inner join {{ ref('int_practices_dated') }} as practices
        on changes.practice_id = practices.practice_id
    where coalesce(changes.closed_from_on <= practices.data_through_on, true)
)

{% for category, reason in reasons.items() %}
    {{ share_measured('closed', category, "category = '" ~ category ~ "'", reason) }}
    union all
{% endfor %}
{{ value_measured(
    'closed', 'change', 'gain', "case when null_reason = 'no_pair' then null_reason end"
) }}
