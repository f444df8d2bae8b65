{#-
The versions of a feed's rows that may stand, with the place of the delivery that says so: the rows
of deliveries no newer snapshot puts out, and of snapshots those which the newest holds, whenever
they were stored; both without the rows of days that a newer period delivery speaks for. Of several
versions of one row that are left, `newest` finds the one that stands.

`rows`: a relation of the feed with load_seq, row_hash and what is selected. `columns`: what to
select of it. `day`: the feed's own day. `condition`: which rows are wanted at all.
-#}
{% macro standing_versions(rows, columns, day, condition) -%}
    {%- for is_repeated in (false, true) %}
        select
            {%- for column in columns %}
                versions.{{ column }},
            {%- endfor %}
            deliveries.version_rank
        from {{ rows }} as versions
        {%- if is_repeated %}
            inner join {{ ref('stg_snapshot_rows') }} as deliveries
                on versions.row_hash = deliveries.row_hash
        {%- else %}
            inner join {{ ref('stg_deliveries') }} as deliveries
                on versions.load_seq = deliveries.load_seq
        {%- endif %}
        where
            {{ condition }}
            {%- if not is_repeated %}
                and versions.row_hash is null
                and deliveries.is_standing
            {%- endif %}
            and not exists (
                select 1
                from {{ ref('stg_periods_taken_over') }} as taken
                where
                    deliveries.load_seq = taken.load_seq
                    and coalesce({{ day }}, taken.first_on)
                    between taken.taken_from_on and taken.taken_to_on
            )
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}
{%- endmacro %}
