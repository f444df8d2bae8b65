{#- Whether two relations agree in all of `columns`; a null agrees with a null. -#}
{% macro are_same(one, other, columns) -%}
    {%- for name in columns %}
        {%- if not loop.first %} and {% endif -%}
        {{ one }}.{{ name }} is not distinct from {{ other }}.{{ name }}
    {%- endfor %}
{%- endmacro %}
