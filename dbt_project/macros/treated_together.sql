{#-
Whether somebody is treated as one of a couple, a family or a group. Cells compare clients seen
alone: members of a unit are alike, and their forms say something else of a therapist. A group
session stands for itself, whatever the episode says.
-#}
{% macro is_treated_together(service_type, unit_key, group_session_key) -%}
    {{ service_type }} in ('couple', 'family', 'group')
    or {{ unit_key }} is not null
    or {{ group_session_key }} is not null
{%- endmacro %}
