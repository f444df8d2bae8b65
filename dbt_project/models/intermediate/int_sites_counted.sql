{{ config(tags='measures') }}

-- Who is counted at all is a set of metrics, one bit each, for a client and for a therapist: as many
-- rows as clients have months, whatever the number of metrics. A number holds sixty of them.
with metrics as (
    select
        metric,
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
        units.therapist_key,
        metrics.bits_no,
        bit_or(metrics.metric_bit) as metric_bits
    from {{ ref('int_units_measured') }} as units
    inner join metrics on units.metric = metrics.metric
    where units.denominator is not null
    group by
        {{ columns_of('units', cell_columns()) }},
        {{ columns_of('units', mix_columns()) }},
        units.month_on,
        units.client_key,
        units.therapist_key,
        metrics.bits_no
),

{{ months_numbered('months', 'client_key, therapist_key, bits_no, metric_bits') }},
{% for who in ('client', 'therapist') %}
    {{ who }}_months as (
        select
            cell_no,
            mix_no,
            month_on,
            {{ who }}_key,
            bits_no,
            bit_or(metric_bits) as metric_bits
        from numbered
        where {{ who }}_key is not null
        group by cell_no, mix_no, month_on, {{ who }}_key, bits_no
    ),

    {{ who }}_bits as (
        select
            months.cell_no,
            strata.stratum_no,
            periods.period_no,
            months.{{ who }}_key,
            months.bits_no,
            bit_or(months.metric_bits) as metric_bits
        from {{ who }}_months as months
        inner join strata on months.mix_no = strata.mix_no
        inner join periods on months.month_on is not distinct from periods.month_on
        group by
            months.cell_no,
            strata.stratum_no,
            periods.period_no,
            months.{{ who }}_key,
            months.bits_no
    ),

    {{ who }}_sets as (
        select
            cell_no,
            stratum_no,
            period_no,
            bits_no,
            metric_bits,
            count(*) as n_{{ who }}s
        from {{ who }}_bits
        group by cell_no, stratum_no, period_no, bits_no, metric_bits
    ),
{% endfor %}

counted as (
    {%- for who in ('client', 'therapist') %}
        select
            sets.cell_no,
            sets.stratum_no,
            sets.period_no,
            metrics.metric,
            {{ 'sets.n_clients' if who == 'client' else '0' }} as n_clients,
            {{ '0' if who == 'client' else 'sets.n_therapists' }} as n_therapists
        from {{ who }}_sets as sets
        inner join metrics
            on sets.bits_no = metrics.bits_no and sets.metric_bits & metrics.metric_bit <> 0
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}
),

counts as (
    select
        cell_no,
        metric,
        stratum_no,
        period_no,
        cast(sum(n_clients) as integer) as n_clients,
        cast(nullif(sum(n_therapists), 0) as integer) as n_therapists
    from counted
    group by cell_no, metric, stratum_no, period_no
)

{{ cells_named('counts', 'n_clients, n_therapists') }}
