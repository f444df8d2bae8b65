{#- Dates, where engines spell them differently. DuckDB's spelling is the default. -#}

{#- Whole days from one date to another. -#}
{% macro days_between(first, last) -%}
    {{ return(adapter.dispatch('days_between')(first, last)) }}
{%- endmacro %}
{% macro default__days_between(first, last) -%}
    date_diff('day', {{ first }}, {{ last }})
{%- endmacro %}

{#- The date a number of days away. -#}
{% macro days_away(day, number) -%}
    {{ return(adapter.dispatch('days_away')(day, number)) }}
{%- endmacro %}
{% macro default__days_away(day, number) -%}
    cast({{ day }} + to_days({{ number }}) as date)
{%- endmacro %}

{#- First day of the date's month. -#}
{% macro month_of(day) %}{{ return(adapter.dispatch('month_of')(day)) }}{% endmacro %}
{% macro default__month_of(day) -%}
    cast(date_trunc('month', {{ day }}) as date)
{%- endmacro %}

{#- First day of the month that lies a number of months away. -#}
{% macro months_away(month, number) -%}
    {{ return(adapter.dispatch('months_away')(month, number)) }}
{%- endmacro %}
{% macro default__months_away(month, number) -%}
    cast({{ month }} + to_months({{ number }}) as date)
{%- endmacro %}

{#- First day of the date's year. -#}
{% macro year_begin(day) %}{{ return(adapter.dispatch('year_begin')(day)) }}{% endmacro %}
{% macro default__year_begin(day) -%}
    cast(date_trunc('year', {{ day }}) as date)
{%- endmacro %}

{#- Last day of the month, quarter or year that begins with a month. -#}
{% macro month_end(month) %}{{ return(adapter.dispatch('month_end')(month)) }}{% endmacro %}
{% macro default__month_end(month) -%}
    last_day({{ month }})
{%- endmacro %}

{% macro quarter_end(month) %}{{ return(adapter.dispatch('quarter_end')(month)) }}{% endmacro %}
{% macro default__quarter_end(month) -%}
    last_day(cast(date_trunc('quarter', {{ month }}) + to_months(2) as date))
{%- endmacro %}

{% macro year_end(month) %}{{ return(adapter.dispatch('year_end')(month)) }}{% endmacro %}
{% macro default__year_end(month) -%}
    last_day(cast(date_trunc('year', {{ month }}) + to_months(11) as date))
{%- endmacro %}

{#- Periods as they are published: 2026-06, 2026-Q2, 2026. -#}
{% macro month_label(month) %}{{ return(adapter.dispatch('month_label')(month)) }}{% endmacro %}
{% macro default__month_label(month) -%}
    strftime({{ month }}, '%Y-%m')
{%- endmacro %}

{% macro quarter_label(month) %}{{ return(adapter.dispatch('quarter_label')(month)) }}{% endmacro %}
{% macro default__quarter_label(month) -%}
    strftime({{ month }}, '%Y') || '-Q' || cast(quarter({{ month }}) as varchar)
{%- endmacro %}

{% macro year_label(month) %}{{ return(adapter.dispatch('year_label')(month)) }}{% endmacro %}
{% macro default__year_label(month) -%}
    strftime({{ month }}, '%Y')
{%- endmacro %}
