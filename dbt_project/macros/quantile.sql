{#-
Quantiles and skewness out of counts of equal values: few rows whatever the number of units, where
an engine's own quantile would keep every value. Rows are distinct values with `n`, how many units
have it, `n_up_to`, how many have it or a lower one, and `n_all`, the units of the group.
-#}

{#- A quantile between the two nearest values (R's type 7). `share`: 0 to 1. -#}
{% macro quantile(value, share) -%}
    {%- set place = '((n_all - 1) * ' ~ share ~ ')' -%}
    {%- set below = _value_at(value, 'floor(' ~ place ~ ')') -%}
    {%- set above = _value_at(value, 'ceil(' ~ place ~ ')') -%}
    {{ below }} + max({{ place }} - floor({{ place }})) * ({{ above }} - {{ below }})
{%- endmacro %}

{#- The value at a place, counted from 0, of all units in order. -#}
{% macro _value_at(value, place) -%}
    max(case when n_up_to - n <= {{ place }} and {{ place }} < n_up_to then {{ value }} end)
{%- endmacro %}

{#-
Skewness of the values themselves (g1, Joanes & Gill 1998, The Statistician 47:183): the third
moment over the standard deviation cubed, out of whole thousandths, so that the order in which
threads add changes nothing. Null where all values are equal.
-#}
{% macro skewness(value) -%}
    {%- set thousandths = 'cast(round((' ~ value ~ ') * 1000) as hugeint)' -%}
    {%- set s1 = '(cast(sum(n * ' ~ thousandths ~ ') as double) / max(n_all))' -%}
    {%- set s2 = '(cast(sum(n * ' ~ thousandths ~ ' * ' ~ thousandths
        ~ ') as double) / max(n_all))' -%}
    {%- set s3 = '(cast(sum(n * ' ~ thousandths ~ ' * ' ~ thousandths ~ ' * ' ~ thousandths
        ~ ') as double) / max(n_all))' -%}
    case
        when min({{ value }}) < max({{ value }})
            then
                ({{ s3 }} - 3 * {{ s1 }} * {{ s2 }} + 2 * {{ s1 }} * {{ s1 }} * {{ s1 }})
                / power({{ s2 }} - {{ s1 }} * {{ s1 }}, 1.5)
    end
{%- endmacro %}
