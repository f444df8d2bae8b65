{#-
Sums of floating point numbers depend on the order in which parallel threads add them, and two
builds of the same rows must agree to the last bit. So what is added up is a whole number of
billionths of a scale point, in 128 bits: client means, their sums and the sums of their squares
are exact, and the one division at the end is rounded once.
-#}
{% macro exact(value) %}{{ return(adapter.dispatch('exact')(value)) }}{% endmacro %}

{% macro default__exact(value) -%}
    cast(round(({{ value }}) * 1000000000) as hugeint)
{%- endmacro %}

{#- Billionths back to scale points. -#}
{% macro inexact(value) %}{{ return(adapter.dispatch('inexact')(value)) }}{% endmacro %}

{% macro default__inexact(value) -%}
    cast({{ value }} as double) / 1000000000
{%- endmacro %}

{#- Sum of squared deviations from the mean, out of the count, the sum and the sum of squares. -#}
{% macro squared_deviations(n, summed, summed_squares) -%}
    {{ return(adapter.dispatch('squared_deviations')(n, summed, summed_squares)) }}
{%- endmacro %}

{% macro default__squared_deviations(n, summed, summed_squares) -%}
    cast({{ n }} * {{ summed_squares }} - {{ summed }} * {{ summed }} as double)
    / {{ n }} / 1000000000000000000
{%- endmacro %}
