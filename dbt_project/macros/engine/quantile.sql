{#-
A quantile between the two nearest values (R's type 7). `share`: 0 to 1.
-#}
{% macro quantile(value, share) %}{{ return(adapter.dispatch('quantile')(value, share)) }}{% endmacro %}

{% macro default__quantile(value, share) -%}
    quantile_cont({{ value }}, {{ share }})
{%- endmacro %}

{#-
Skewness of the values themselves (g1, Joanes & Gill 1998, The Statistician 47:183): the third
moment over the standard deviation cubed, out of whole thousandths, so that the order in which
threads add changes nothing. Null where all values are equal.
-#}
{% macro skewness(value) -%}
    {%- set thousandths = 'cast(round((' ~ value ~ ') * 1000) as hugeint)' -%}
    {%- set n = 'cast(count(' ~ value ~ ') as double)' -%}
    {%- set s1 = '(cast(sum(' ~ thousandths ~ ') as double) / ' ~ n ~ ')' -%}
    {%- set s2 = '(cast(sum(' ~ thousandths ~ ' * ' ~ thousandths ~ ') as double) / ' ~ n ~ ')' -%}
    {%- set s3 = '(cast(sum(' ~ thousandths ~ ' * ' ~ thousandths ~ ' * ' ~ thousandths
        ~ ') as double) / ' ~ n ~ ')' -%}
    case
        when min({{ value }}) < max({{ value }})
            then
                ({{ s3 }} - 3 * {{ s1 }} * {{ s2 }} + 2 * {{ s1 }} * {{ s1 }} * {{ s1 }})
                / power({{ s2 }} - {{ s1 }} * {{ s1 }}, 1.5)
    end
{%- endmacro %}
