{#-
Rows whose dates are years (`is_year_only`: raw says date_precision `year`). Their day is the first
of January and an offset from a day that only the practice knows: distances within one client are
true, the month is made up. So no month, quarter or last twelve months may hold them, and no day of
the calendar (a schedule's first, an arrival) may be compared with theirs.
-#}

{#-
What a row is counted under: the first day of its month; the last day of its year where the day is
not known, which is never the first of a month, so that the two do not meet in a period.
-#}
{% macro month_counted(day, is_year_only) -%}
    case
        when {{ is_year_only }} then {{ year_end(month_of(day)) }}
        else {{ month_of(day) }}
    end
{%- endmacro %}

{#- The first and the last day that a row's day may be. -#}
{% macro first_possible(day, is_year_only) -%}
    case when {{ is_year_only }} then {{ year_begin(day) }} else {{ day }} end
{%- endmacro %}

{% macro last_possible(day, is_year_only) -%}
    case when {{ is_year_only }} then {{ year_end(month_of(day)) }} else {{ day }} end
{%- endmacro %}

{#-
How far a row of a year alone shows the data to reach: the end of its year if that had ended when
the row came, else the end of the year before the arrival.
-#}
{% macro year_known_through(day, received_on) -%}
    least({{ year_end(month_of(day)) }}, {{ days_away(year_begin(received_on), -1) }})
{%- endmacro %}
