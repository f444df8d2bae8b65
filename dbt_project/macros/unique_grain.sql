{#-
Rows of `model` that share all of `columns`. An incremental night looks at the clients it touched:
the others' rows are those that passed before. `touched`: clients (by client_key), forms (by
administration_row), or nothing for a table built whole each time.
-#}
{% test unique_grain(model, columns, touched=none) %}
select
    {{ columns | join(', ') }},
    count(*) as n_rows
from {{ model }}
{%- if touched and not flags.FULL_REFRESH %}
where
    {%- if touched == 'forms' %}
    administration_row in (
        select administration_row from {{ ref('int_administrations_resolved') }}
        where client_key in (select client_key from {{ ref('stg_touched_clients') }})
    )
    {%- else %}
    client_key in (select client_key from {{ ref('stg_touched_clients') }})
    {%- endif %}
{%- endif %}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
