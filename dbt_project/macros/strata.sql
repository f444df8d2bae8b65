{#-
Cells of sites over strata and closed periods. Every unit counts in several of both, so models
bring sums by month, and a mix for what decides the strata: `months`, a CTE or a model, has the columns
of a cell (`cell_columns`), of a mix (`mix_columns`) and month_on. Numbers stand for names, in the order of
the names, while rows are many.
-#}
{% macro cell_columns() -%}
    practice_id, site_id, instrument_code, version, language, informant
{%- endmacro %}

{% macro mix_columns() -%}
    stage, delivery_mode, age_band, has_interpreter
{%- endmacro %}

{#- Columns, named with commas between them, of a relation. -#}
{% macro columns_of(relation, columns) -%}
    {%- for name in columns.split(', ') -%}
        {{ relation }}.{{ name }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#-
The CTEs `cells`, `mixes`, `strata` (a mix in each of its strata), `periods`, and `numbered`: the
`columns` of `months` with cell_no, mix_no and month_on.
-#}
{% macro months_numbered(months, columns) -%}
cells as (
    select
        *,
        cast(
            row_number() over (order by {{ cell_columns() | replace(',', ' nulls last,') }} nulls last)
            as integer
        ) as cell_no
    from (select distinct {{ cell_columns() }} from {{ months }}) as named
),

mixes as (
    select
        *,
        cast(
            row_number() over (order by {{ mix_columns() | replace(',', ' nulls last,') }} nulls last)
            as integer
        ) as mix_no
    from (select distinct {{ mix_columns() }} from {{ months }}) as named
),

mixes_in_strata as (
    {%- for kind, stratum, is_known in (
        ('all', "'all'", 'true'),
        ('stage', 'stage', 'stage is not null'),
        ('delivery_mode', 'delivery_mode', "delivery_mode <> 'not_recorded'"),
        ('age_band', 'age_band', "age_band <> 'not_recorded'"),
        (
            'interpreter',
            "case when has_interpreter then 'with' else 'without' end",
            'has_interpreter is not null',
        ),
    ) %}
        select
            mix_no,
            '{{ kind }}' as stratum_kind,
            {{ stratum }} as stratum
        from mixes
        where {{ is_known }}
        {%- if not loop.last %}
        union all
        {%- endif %}
    {%- endfor %}
),

strata as (
    select
        *,
        cast(dense_rank() over (order by stratum_kind, stratum) as integer) as stratum_no
    from mixes_in_strata
),

periods as (
    select
        *,
        cast(dense_rank() over (order by period) as integer) as period_no
    from {{ ref('int_periods_closed') }}
),

numbered as (
    select
        cells.cell_no,
        mixes.mix_no,
        months.month_on,
        {{ columns_of('months', columns) }}
    from {{ months }} as months
    inner join cells on {{ are_same('months', 'cells', cell_columns()) }}
    inner join mixes on {{ are_same('months', 'mixes', mix_columns()) }}
)
{%- endmacro %}

{#- The `values` of `counts` (cell_no, metric, stratum_no, period_no) under the cells' names. -#}
{% macro cells_named(counts, values) -%}
    select
        {{ columns_of('cells', cell_columns()) }},
        {{ counts }}.metric,
        named_strata.stratum_kind,
        named_strata.stratum,
        named_periods.period,
        {{ columns_of(counts, values) }}
    from {{ counts }}
    inner join cells on {{ counts }}.cell_no = cells.cell_no
    inner join (
        select distinct
            stratum_no,
            stratum_kind,
            stratum
        from strata
    ) as named_strata on {{ counts }}.stratum_no = named_strata.stratum_no
    inner join (
        select distinct
            period_no,
            period
        from periods
    ) as named_periods on {{ counts }}.period_no = named_periods.period_no
{%- endmacro %}
