{#-
What is declared for some languages, informants or ages alone. `named` holds the words, separated by
spaces; empty means any. A word is never part of another between the spaces.
-#}
{% macro is_declared_for(named, word) -%}
    ({{ named }} = '' or ' ' || {{ named }} || ' ' like '% ' || {{ word }} || ' %')
{%- endmacro %}
