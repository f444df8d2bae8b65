{#-
Which version of a row stands: raw only ever grows. The newest export wins, whatever arrived last;
a version whose export has no date counts as older than any that has one; between equal dates the
later delivery wins, then the later row. `parts` are columns that only grow with arrival.
-#}
{% macro newest(parts) %}{{ return(adapter.dispatch('newest')(parts)) }}{% endmacro %}

{% macro default__newest(parts) -%}
    max((coalesce(exported_on, date '0001-01-01'), {{ parts | join(', ') }}))
{%- endmacro %}

{#- The n-th part of what `newest` found, counted from 1. -#}
{% macro newest_part(found, position) -%}
    {{ return(adapter.dispatch('newest_part')(found, position)) }}
{%- endmacro %}

{% macro default__newest_part(found, position) -%}
    {{ found }}[{{ position + 1 }}]
{%- endmacro %}
