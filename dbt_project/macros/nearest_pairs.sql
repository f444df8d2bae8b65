{#-
Of candidate pairs of forms those that are nearest to each other: a form is in one pair a dyad, and
with two caregivers' forms in one with each of them.
`candidates`: a relation with first_row, second_row, dyad, first_form, first_respondent, second_form,
second_respondent and n_days_apart.
-#}
{% macro nearest_pairs(candidates) -%}
    select
        first_row,
        second_row,
        dyad,
        n_days_apart
    from (
        select
            *,
            row_number() over (
                partition by first_row, dyad, second_form, second_respondent
                order by n_days_apart nulls last, second_row
            ) as choice_of_first,
            row_number() over (
                partition by second_row, dyad, first_form, first_respondent
                order by n_days_apart nulls last, first_row
            ) as choice_of_second
        from {{ candidates }}
    ) as chosen
    where choice_of_first = 1 and choice_of_second = 1
{%- endmacro %}
