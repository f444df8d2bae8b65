{#- How many rows of a group lie in each bucket, 0 to n - 1, as one list of whole numbers. -#}
{% macro bucket_counts(bucket, n) %}{{ return(adapter.dispatch('bucket_counts')(bucket, n)) }}{% endmacro %}

{% macro default__bucket_counts(bucket, n) -%}
    cast([
        {%- for number in range(n) %}
            count(*) filter (where {{ bucket }} = {{ number }}){{ ',' if not loop.last }}
        {%- endfor %}
    ] as integer[])
{%- endmacro %}
