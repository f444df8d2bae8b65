{#-
The episode of rows that name none: the client's only one, else the one that was open on the row's
day (the later opened of two). A query with one row for each row that could be placed.
`rows`: a relation with client_key, episode_key, is_year_only and the columns `key` (its key within
the client) and `day`. `episodes`: int_episodes_resolved.
-#}
{% macro episodes_placed(rows, key, day, episodes) -%}
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
                {{ episodes }}.n_client_episodes = 1
                or {{ rows }}.is_year_only = {{ episodes }}.is_year_only
                and {{ rows }}.{{ day }} between {{ episodes }}.opened_on
                and coalesce({{ episodes }}.closed_on, {{ rows }}.{{ day }})
            )
    ) as candidates
    where choice = 1
{%- endmacro %}
