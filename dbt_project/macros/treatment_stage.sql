{#-
Stages are exclusive and count attended treatment sessions of an episode: the first ones are
`opening`, the last ones of a closed episode `ending`, the early ones `developing`, the rest
`maintaining`. The bounds are the group's settings.
-#}
{% macro stage_while_open(session_no, settings) -%}
    case
        when {{ session_no }} <= {{ settings }}.opening_sessions then 'opening'
        when {{ session_no }} <= {{ settings }}.developing_until_session then 'developing'
        when {{ session_no }} is not null then 'maintaining'
    end
{%- endmacro %}

{% macro stage_once_closed(session_no, n_sessions_after, settings) -%}
    case
        when {{ session_no }} <= {{ settings }}.opening_sessions then 'opening'
        when {{ n_sessions_after }} < {{ settings }}.ending_sessions then 'ending'
        when {{ session_no }} <= {{ settings }}.developing_until_session then 'developing'
        when {{ session_no }} is not null then 'maintaining'
    end
{%- endmacro %}

{#-
An episode's closing counts once the practice's data reach it. They move on every night without the
client being touched, so rows carry both stages and the day the second begins to hold.
-#}
{% macro treatment_stage(rows, data_through_on) -%}
    case
        when {{ rows }}.closed_from_on <= {{ data_through_on }} then {{ rows }}.stage_once_closed
        else {{ rows }}.stage_while_open
    end
{%- endmacro %}
