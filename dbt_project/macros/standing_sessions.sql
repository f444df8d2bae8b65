{#-
The appointments as they stand, as the CTEs `standing`, `newest` and `current_sessions`: the newest
version of each client x appointment, and whether it was attended. `condition`: which rows are
wanted at all, of `versions`.
-#}
{% macro standing_sessions(condition) -%}
standing as (
    {{ standing_versions(
        ref('stg_sessions'),
        ['session_key', 'client_key', 'load_seq', 'row_no'],
        'versions.scheduled_on',
        condition,
    ) }}
),

newest as (
    select
        session_key,
        client_key,
        {{ newest(['load_seq', 'row_no']) }} as found
    from standing
    group by session_key, client_key
),

current_sessions as (
    select
        versions.*,
        -- A session said to have been attended after the day it was reported has a misread date.
        versions.attendance = 'attended'
        and coalesce(
            {{ first_possible('versions.scheduled_on', 'versions.is_year_only') }}
            <= deliveries.received_on,
            false
        ) as is_attended,
        case
            when versions.is_year_only
                then {{ year_known_through('versions.scheduled_on', 'deliveries.received_on') }}
        end as year_known_through_on
    from {{ ref('stg_sessions') }} as versions
    inner join newest
        on
            versions.load_seq = {{ newest_part('newest.found', 1) }}
            and versions.row_no = {{ newest_part('newest.found', 2) }}
    inner join {{ ref('stg_deliveries') }} as deliveries on versions.load_seq = deliveries.load_seq
    inner join {{ ref('stg_practices') }} as practices
        on versions.practice_id = practices.practice_id
)
{%- endmacro %}

{#-
Which sessions are numbered: practices that send no session type send treatment sessions.
`sessions`: the relation's name where the query has several.
-#}
{% macro is_treatment(sessions=none) -%}
    {%- set of = sessions ~ '.' if sessions else '' -%}
    {{ of }}is_attended and {{ is_of_treatment(of ~ 'session_type') }}
{%- endmacro %}

{#- Whether an appointment, kept or not, is one of treatment. -#}
{% macro is_of_treatment(session_type) -%}
    {{ session_type }} in ('treatment', 'not_recorded')
{%- endmacro %}
