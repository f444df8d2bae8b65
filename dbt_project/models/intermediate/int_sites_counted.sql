{{ config(tags='measures') }}
{%- set kinds = ('valued', 'counted', 'not_counted', 'without_value') %}

-- Which metrics a client is counted in is a set, one bit each: as many rows as clients have months,
-- whatever the number of metrics. A number holds sixty of them. Units of shares are 0 or 1, so that
-- one unit puts a client among those whom the share, or the rest of it, is about.
with metrics as (
    select
        metric,
        aggregation = 'share' as is_share,
        cast(power(2, (row_number() over (order by metric) - 1) % 60) as bigint) as metric_bit,
        cast(floor((row_number() over (order by metric) - 1) / 60) as integer) as bits_no
    from {{ ref('int_metrics_listed') }}
),

months as (
    select
        {{ columns_of('units', cell_columns()) }},
        {{ columns_of('units', mix_columns()) }},
        units.month_on,
        units.client_key,
        metrics.bits_no,
        bit_or(case when units.denominator is not null then metrics.metric_bit else 0 end)
            as valued_bits,
        bit_or(case when metrics.is_share and units.numerator > 0 then metrics.metric_bit else 0 end)
            as counted_bits,
        bit_or(
            case
                when metrics.is_share and units.numerator < units.denominator
                    then metrics.metric_bit
                else 0
            end
        ) as not_counted_bits,
        bit_or(case when units.denominator is null then metrics.metric_bit else 0 end)
            as without_value_bits
    from {{ ref('int_units_measured') }} as units
    inner join metrics on units.metric = metrics.metric
    where units.client_key is not null
    group by
        {{ columns_of('units', cell_columns()) }},
        {{ columns_of('units', mix_columns()) }},
        units.month_on,
        units.client_key,
        metrics.bits_no
),

{{ months_numbered(
    'months',
    'client_key, bits_no, valued_bits, counted_bits, not_counted_bits, without_value_bits',
) }},

clients as (
    select
        numbered.cell_no,
        strata.stratum_no,
        periods.period_no,
        numbered.client_key,
        numbered.bits_no,
        bit_or(numbered.valued_bits) as valued_bits,
        bit_or(numbered.counted_bits) as counted_bits,
        bit_or(numbered.not_counted_bits) as not_counted_bits,
        bit_or(numbered.without_value_bits) as without_value_bits
    from numbered
    inner join strata on numbered.mix_no = strata.mix_no
    inner join periods on numbered.month_on is not distinct from periods.month_on
    group by
        numbered.cell_no,
        strata.stratum_no,
        periods.period_no,
        numbered.client_key,
        numbered.bits_no
),

kinds as (
    {%- for kind in kinds %}
        select '{{ kind }}' as kind
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}
),

-- Few sets differ of one kind, many of all four together. One pass for the four of them: a common
-- table that is read four times is held in memory whole.
client_sets as (
    select
        clients.cell_no,
        clients.stratum_no,
        clients.period_no,
        clients.bits_no,
        kinds.kind,
        case kinds.kind
            {%- for kind in kinds %}
                when '{{ kind }}' then clients.{{ kind }}_bits
            {%- endfor %}
        end as metric_bits,
        count(*) as n_clients
    from clients
    cross join kinds
    group by
        clients.cell_no,
        clients.stratum_no,
        clients.period_no,
        clients.bits_no,
        kinds.kind,
        case kinds.kind
            {%- for kind in kinds %}
                when '{{ kind }}' then clients.{{ kind }}_bits
            {%- endfor %}
        end
),

counts as (
    select
        sets.cell_no,
        metrics.metric,
        sets.stratum_no,
        sets.period_no,
    {% for kind in kinds %}
        cast(sum(case when sets.kind = '{{ kind }}' then sets.n_clients else 0 end) as integer)
            as n_clients_{{ kind }}{{ ',' if not loop.last }}
    {% endfor %}
    from client_sets as sets
    inner join metrics
        on sets.bits_no = metrics.bits_no and sets.metric_bits & metrics.metric_bit <> 0
    group by sets.cell_no, metrics.metric, sets.stratum_no, sets.period_no
)

{{ cells_named(
    'counts',
    'n_clients_valued, n_clients_counted, n_clients_not_counted, n_clients_without_value',
) }}
