{#- The columns of a unit measured up to its numbers, of `rows` that carry them. -#}
{% macro unit_measured(rows, metric, month_on, stage) %}
    {{ rows }}.practice_id,
    {{ rows }}.site_id,
    {{ rows }}.therapist_key,
    {{ rows }}.client_key,
    {{ rows }}.episode_key,
    {{ rows }}.instrument_code,
    {{ rows }}.version,
    {{ rows }}.language,
    {{ rows }}.informant,
    {{ metric }} as metric,
    {{ month_on }} as month_on,
    {{ stage }} as stage,
    {{ rows }}.delivery_mode,
    {{ rows }}.age_band,
    {{ rows }}.has_interpreter,
{%- endmacro %}
