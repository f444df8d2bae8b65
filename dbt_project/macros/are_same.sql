{#- Whether two relations agree in all `columns`, named with commas between; nulls agree. -#}
{% macro are_same(one, other, columns) -%}
    {%- for name in columns.split(', ') %}
        {%- if not loop.first %} and {% endif -%}
        {{ one }}.{{ name }} is not distinct from {{ other }}.{{ name }}
    {%- endfor %}
{%- endmacro %}
