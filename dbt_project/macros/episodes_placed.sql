{#-
The episode of rows that name none: the client's only one, else the one whose days hold the row's
day (the later opened of two). A query with one row for each row that could be placed.
`rows`: a relation with client_key, episode_key, is_year_only and the columns `key` (its key within
the client) and `day`. `episodes`: int_episodes_resolved.

A derived episode has no days beyond its gap, so being the only one is enough only for a row without
a day. With `within_unit` the rows carry unit_key, and one of a couple's sessions is in no episode
derived from sessions alone.
-#}
{% macro episodes_placed(rows, key, day, episodes, within_unit=false) -%}
    select
        client_key,
        {{ key }},
        episode_key
    from (
        select
            {{ rows }}.client_key,
            {{ rows }}.{{ key }},
            {{ episodes }}.episode_key,
            row_number() over (
                partition by {{ rows }}.client_key, {{ rows }}.{{ key }}
                order by
                    {{ episodes }}.opened_on desc nulls last,
                    {{ episodes }}.episode_key
            ) as choice
        from {{ rows }}
        inner join {{ episodes }} on {{ rows }}.client_key = {{ episodes }}.client_key
        where
            {{ rows }}.episode_key is null
            and (
                (
                    {{ episodes }}.n_client_episodes = 1
                    and (
                        {{ episodes }}.episode_source = 'stated'
                        or {{ rows }}.{{ day }} is null
                    )
                )
                or {{ rows }}.is_year_only = {{ episodes }}.is_year_only
                and {{ rows }}.{{ day }} between {{ episodes }}.holds_from_on
                and coalesce({{ episodes }}.holds_to_on, {{ rows }}.{{ day }})
            )
            {%- if within_unit %}
                and (
                    {{ episodes }}.episode_source = 'stated'
                    or {{ rows }}.unit_key is not distinct from {{ episodes }}.unit_key
                )
            {%- endif %}
    ) as candidates
    where choice = 1
{%- endmacro %}
