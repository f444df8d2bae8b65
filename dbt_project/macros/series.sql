{#-
What the models of a series of forms share. Levels are billionths of a scale point with the sign
turned where lower is better, so that up is always better and sums are exact.
-#}

{#- 1 where a higher score is better, -1 where a lower one is. -#}
{% macro towards_better(direction) -%}
    case when {{ direction }} = 'lower_is_better' then -1 else 1 end
{%- endmacro %}

{#-
Whether a size is at least a bound, and whether it is above it: decimals that are equal on paper may
differ in their last binary digit, 4.3 - 3.3 from 1.
-#}
{% macro reaches(size, bound) -%}
    {{ size }} >= {{ bound }} - 0.000000001 * greatest(1.0, abs({{ bound }}))
{%- endmacro %}

{% macro exceeds(size, bound) -%}
    {{ size }} > {{ bound }} + 0.000000001 * greatest(1.0, abs({{ bound }}))
{%- endmacro %}

{#- Scale points that stand for points of an item mean from 1 to 7, in a total's range. -#}
{% macro item_points(points, forms) -%}
    {{ points }} * ({{ forms }}.total_maximum - {{ forms }}.total_minimum) / 6.0
{%- endmacro %}

{#- Student's t that .975 lies below, for the few degrees of freedom two times three scores have. -#}
{% macro student_975(freedom) -%}
    case {{ freedom }}
        when 2 then 4.302652729911275
        when 3 then 3.182446305284263
        when 4 then 2.7764451051977987
    end
{%- endmacro %}

{#- The moving range between two neighbours, billionths; 0 where one of them is missing. -#}
{% macro moving_range(before, after) -%}
    coalesce(abs({{ exact(after) }} - {{ exact(before) }}), 0)
{%- endmacro %}
