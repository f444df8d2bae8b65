{#-
Which version of a row stands: raw only ever grows. The delivery with the highest place in the
ledger's order wins (`version_rank`: the newest export, whatever arrived last), then the later row.
`parts` are columns that only grow with arrival.
-#}
{% macro newest(parts) %}{{ return(adapter.dispatch('newest')(parts)) }}{% endmacro %}

{% macro default__newest(parts) -%}
    max((version_rank, {{ parts | join(', ') }}))
{%- endmacro %}

{#- The n-th part of what `newest` found, counted from 1. -#}
{% macro newest_part(found, position) -%}
    {{ return(adapter.dispatch('newest_part')(found, position)) }}
{%- endmacro %}

{% macro default__newest_part(found, position) -%}
    {{ found }}[{{ position + 1 }}]
{%- endmacro %}
