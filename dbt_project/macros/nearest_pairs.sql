{#-
Of candidate pairs of forms those that are nearest to each other: a form is in one pair of a kind,
and with two caregivers' forms in one with each of them.
`candidates`: a relation with kind_no, first_row, first_respondent, second_row, second_respondent and
n_days_apart.
-#}
{% macro nearest_pairs(candidates) -%}
    select
        kind_no,
        first_row,
        second_row,
        n_days_apart
    from (
        select
            *,
            row_number() over (
                partition by first_row, kind_no, second_respondent
                order by n_days_apart nulls last, second_row
            ) as choice_of_first,
            row_number() over (
                partition by second_row, kind_no, first_respondent
                order by n_days_apart nulls last, first_row
            ) as choice_of_second
        from {{ candidates }}
    ) as chosen
    where choice_of_first = 1 and choice_of_second = 1
{%- endmacro %}
