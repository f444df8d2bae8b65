{#-
Incremental models take whole clients: a correction or a late session moves numbers, endings and
links backwards through everything a client has. The watermark is in the database (raw.builds), not
in a dbt variable: a changed variable on the command line makes dbt read the whole project again.

A model that uses these also says `-- depends_on: {{ ref('stg_touched_clients') }}`, because dbt
does not see a `ref` behind is_incremental() while it reads the project.
-#}

{#- Condition that keeps the clients of this build; every client where the model is built anew. -#}
{% macro is_touched(client_key='client_key') -%}
    {%- if is_incremental() -%}
        {{ client_key }} in (select client_key from {{ ref('stg_touched_clients') }})
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#-
Pre-hook. Takes the touched clients' rows out before the new ones come in, in the same transaction,
so that a client none of whose rows is left goes too, and a repeated build gives the same rows.
-#}
{% macro delete_touched_clients() -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where client_key in (select client_key from {{ ref('stg_touched_clients') }})
    {%- endif -%}
{%- endmacro %}

{#- The same for rows that carry no client: a form's row number belongs to one client for good. -#}
{% macro delete_touched_forms() -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where administration_row in (
            select administration_row from {{ ref('stg_administrations') }}
            where client_key in (select client_key from {{ ref('stg_touched_clients') }})
        )
    {%- endif -%}
{%- endmacro %}
