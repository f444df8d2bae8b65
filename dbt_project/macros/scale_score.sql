{#-
One scale's score out of the thousandths its answered items add up to, by its own missing rule; null
where the rule withholds it. Prorating gives unanswered items the mean of the answered ones: sum x
items / answered, rounded once. Filling gives them that mean as a whole number. `decimals` rounds
half away from zero, which is what published scoring programs do.
`sums`: thousandths, n_answered (null where nothing is answered). `scales`: int_scales_numbered.
-#}
{% macro scale_score(sums, scales) -%}
    {%- set score -%}
        case
            when
                not {{ scales }}.is_scored
                or {{ sums }}.n_answered is null
                or {{ scales }}.n_items - {{ sums }}.n_answered > {{ scales }}.max_missing
                then null
            when {{ scales }}.missing_rule = 'fill_with_rounded_mean'
                then
                    (
                        {{ sums }}.thousandths
                        + ({{ scales }}.n_items - {{ sums }}.n_answered)
                        * 1000 * round({{ sums }}.thousandths / (1000.0 * {{ sums }}.n_answered))
                    )
                    * {{ scales }}.multiplier / (1000.0 * {{ scales }}.n_items)
            else
                {{ sums }}.thousandths * {{ scales }}.multiplier / (1000.0 * {{ sums }}.n_answered)
        end
    {%- endset -%}
    case
        when {{ scales }}.decimals is null then {{ score }}
        else round({{ score }}, {{ scales }}.decimals)
    end
{%- endmacro %}
