{{ config(tags=['measures']) }}
{%- set cell = ['practice_id', 'site_id', 'instrument_code', 'version', 'language', 'informant'] %}
{%- set mix = ['stage', 'delivery_mode', 'age_band', 'has_interpreter'] %}
{%- set numbered = {
    'summed': [
        'metric', 'n_units', 'n_valued', 'numerator_billionths', 'denominator_billionths',
        'first_reason', 'last_reason',
    ],
    'counted': ['client_key', 'therapist_key', 'bits_no', 'metric_bits'],
    'averaged': ['metric', 'client_key', 'therapist_key', 'n_valued', 'numerator_billionths'],
} %}

-- Every unit counts in several strata and periods, so what is multiplied by them is kept small.
-- Sums need no client. Who is counted at all is a set of metrics, one bit each, for a client, and
-- for a therapist, whatever the number of metrics. Sums by client are needed for means alone.
-- Numbers stand for names, in the order of the names, while rows are many.
with metrics as (
    select
        *,
        cast(power(2, (row_number() over (order by metric) - 1) % 60) as bigint) as metric_bit,
        cast(floor((row_number() over (order by metric) - 1) / 60) as integer) as bits_no
    from {{ ref('int_metrics_listed') }}
),

summed_months as (
    select
        {{ cell | join(', ') }},
        metric,
        {{ mix | join(', ') }},
        month_on,
        count(*) as n_units,
        count(denominator) as n_valued,
        sum({{ exact('numerator') }}) as numerator_billionths,
        sum({{ exact('denominator') }}) as denominator_billionths,
        min(null_reason) as first_reason,
        max(null_reason) as last_reason
    from {{ ref('int_units_measured') }}
    group by {{ cell | join(', ') }}, metric, {{ mix | join(', ') }}, month_on
),

counted_months as (
    select
        {% for name in cell %}units.{{ name }}, {% endfor %}
        {% for name in mix %}units.{{ name }}, {% endfor %}
        units.client_key,
        units.therapist_key,
        units.month_on,
        metrics.bits_no,
        bit_or(metrics.metric_bit) as metric_bits
    from {{ ref('int_units_measured') }} as units
    inner join metrics on units.metric = metrics.metric
    where units.denominator is not null
    group by
        {% for name in cell %}units.{{ name }}, {% endfor %}
        {% for name in mix %}units.{{ name }}, {% endfor %}
        units.client_key,
        units.therapist_key,
        units.month_on,
        metrics.bits_no
),

-- `averaged_key`: the client, or the therapist where therapists are what is counted.
averaged_months as (
    select
        {% for name in cell %}units.{{ name }}, {% endfor %}
        units.metric,
        {% for name in mix %}units.{{ name }}, {% endfor %}
        units.client_key,
        case when metrics.aggregation = 'share_of_therapists' then units.therapist_key end
            as therapist_key,
        units.month_on,
        count(*) as n_valued,
        sum({{ exact('units.numerator') }}) as numerator_billionths
    from {{ ref('int_units_measured') }} as units
    inner join metrics on units.metric = metrics.metric
    where
        units.denominator is not null
        and metrics.aggregation in ('mean_of_clients', 'share_of_therapists')
    group by
        {% for name in cell %}units.{{ name }}, {% endfor %}
        units.metric,
        {% for name in mix %}units.{{ name }}, {% endfor %}
        units.client_key,
        case when metrics.aggregation = 'share_of_therapists' then units.therapist_key end,
        units.month_on
),

cells as (
    select
        *,
        cast(
            row_number() over (order by {{ cell | join(' nulls last, ') }} nulls last) as integer
        ) as cell_no
    from (select distinct {{ cell | join(', ') }} from summed_months) as named
),

mixes as (
    select
        *,
        cast(
            row_number() over (order by {{ mix | join(' nulls last, ') }} nulls last) as integer
        ) as mix_no
    from (select distinct {{ mix | join(', ') }} from summed_months) as named
),

mixes_in_strata as (
    select
        mix_no,
        'all' as stratum_kind,
        'all' as stratum
    from mixes
    union all
    select
        mix_no,
        'stage' as stratum_kind,
        stage as stratum
    from mixes
    where stage is not null
    union all
    select
        mix_no,
        'delivery_mode' as stratum_kind,
        delivery_mode as stratum
    from mixes
    where delivery_mode <> 'not_recorded'
    union all
    select
        mix_no,
        'age_band' as stratum_kind,
        age_band as stratum
    from mixes
    where age_band <> 'not_recorded'
    union all
    select
        mix_no,
        'interpreter' as stratum_kind,
        case when has_interpreter then 'with' else 'without' end as stratum
    from mixes
    where has_interpreter is not null
),

strata as (
    select
        mixes_in_strata.*,
        cast(
            dense_rank() over (order by mixes_in_strata.stratum_kind, mixes_in_strata.stratum)
            as integer
        ) as stratum_no
    from mixes_in_strata
),

periods as (
    select
        *,
        cast(dense_rank() over (order by period) as integer) as period_no
    from {{ ref('int_periods_closed') }}
),
{% for rows, columns in numbered.items() %}
    {{ rows }} as (
        select
            cells.cell_no,
            mixes.mix_no,
            months.month_on,
            months.{{ columns | join(', months.') }}
        from {{ rows }}_months as months
        inner join cells on {{ are_same('months', 'cells', cell) }}
        inner join mixes on {{ are_same('months', 'mixes', mix) }}
    ),
{% endfor %}

sums as (
    select
        months.cell_no,
        months.metric,
        strata.stratum_no,
        periods.period_no,
        sum(months.n_units) as n_units,
        sum(months.n_valued) as n_valued,
        sum(months.numerator_billionths) as numerator_billionths,
        sum(months.denominator_billionths) as denominator_billionths,
        min(months.first_reason) as first_reason,
        max(months.last_reason) as last_reason
    from summed as months
    inner join strata on months.mix_no = strata.mix_no
    inner join periods on months.month_on is not distinct from periods.month_on
    group by months.cell_no, months.metric, strata.stratum_no, periods.period_no
),
{% for who in ('client', 'therapist') %}
    {{ who }}_bits as (
        select
            months.cell_no,
            strata.stratum_no,
            periods.period_no,
            months.{{ who }}_key,
            months.bits_no,
            bit_or(months.metric_bits) as metric_bits
        from (
            select
                cell_no,
                mix_no,
                month_on,
                {{ who }}_key,
                bits_no,
                bit_or(metric_bits) as metric_bits
            from counted
            where {{ who }}_key is not null
            group by cell_no, mix_no, month_on, {{ who }}_key, bits_no
        ) as months
        inner join strata on months.mix_no = strata.mix_no
        inner join periods on months.month_on is not distinct from periods.month_on
        group by
            months.cell_no, strata.stratum_no, periods.period_no, months.{{ who }}_key, months.bits_no
    ),

    {{ who }}s as (
        select
            counts.cell_no,
            counts.stratum_no,
            counts.period_no,
            metrics.metric,
            sum(counts.n) as n_{{ who }}s
        from (
            select
                cell_no,
                stratum_no,
                period_no,
                bits_no,
                metric_bits,
                count(*) as n
            from {{ who }}_bits
            group by cell_no, stratum_no, period_no, bits_no, metric_bits
        ) as counts
        inner join metrics
            on
                counts.bits_no = metrics.bits_no
                and counts.metric_bits & metrics.metric_bit <> 0
        group by counts.cell_no, counts.stratum_no, counts.period_no, metrics.metric
    ),
{% endfor %}
means as (
    select
        cell_no,
        metric,
        stratum_no,
        period_no,
        sum({{ exact(inexact('numerator_billionths') ~ ' / n_valued') }}) as means_billionths,
        count(*) as n_means,
        sum(case when numerator_billionths > 0 and therapist_key is not null then 1 else 0 end)
            as n_therapists_counted
    from (
        select
            months.cell_no,
            months.metric,
            strata.stratum_no,
            periods.period_no,
            months.client_key,
            months.therapist_key,
            sum(months.n_valued) as n_valued,
            sum(months.numerator_billionths) as numerator_billionths
        from averaged as months
        inner join strata on months.mix_no = strata.mix_no
        inner join periods on months.month_on is not distinct from periods.month_on
        group by
            months.cell_no,
            months.metric,
            strata.stratum_no,
            periods.period_no,
            months.client_key,
            months.therapist_key
    ) as each_one
    group by cell_no, metric, stratum_no, period_no
),

named_strata as (
    select distinct
        stratum_no,
        stratum_kind,
        stratum
    from strata
),

named_periods as (
    select distinct
        period_no,
        period,
        period_end_on,
        complete_from_on
    from periods
),

valued as (
    select
        cells.practice_id,
        cells.site_id,
        cells.instrument_code,
        cells.version,
        cells.language,
        cells.informant,
        sums.metric,
        named_strata.stratum_kind,
        named_strata.stratum,
        named_periods.period,
        cast(coalesce(clients.n_clients, 0) as integer) as n_clients,
        cast(therapists.n_therapists as integer) as n_therapists,
        cast(sums.n_units as integer) as n_units,
        cast(sums.n_valued as integer) as n_valued,
        {{ inexact('sums.numerator_billionths') }} as numerator,
        {{ inexact('sums.denominator_billionths') }} as denominator,
        case
            when sums.n_valued = 0 and sums.first_reason = sums.last_reason then sums.first_reason
            when sums.n_valued = 0 then 'several_reasons'
            when sums.n_valued < metrics.minimum_units then 'too_few_units'
        end as null_reason,
        case metrics.aggregation
            when 'share'
                then
                    {{ inexact('sums.numerator_billionths') }}
                    / nullif({{ inexact('sums.denominator_billionths') }}, 0)
            when 'mean_of_clients'
                then {{ inexact('means.means_billionths') }} / nullif(means.n_means, 0)
            -- Whoever did it once in the period did it.
            when 'share_of_therapists'
                then cast(means.n_therapists_counted as double) / therapists.n_therapists
        end as unchecked_value,
        named_periods.period_end_on,
        practices.data_through_on >= named_periods.complete_from_on as is_data_complete
    from sums
    inner join cells on sums.cell_no = cells.cell_no
    inner join metrics on sums.metric = metrics.metric
    inner join named_strata on sums.stratum_no = named_strata.stratum_no
    inner join named_periods on sums.period_no = named_periods.period_no
    inner join {{ ref('int_practices_dated') }} as practices
        on cells.practice_id = practices.practice_id
    {% for counts in ('clients', 'therapists', 'means') %}
        left join {{ counts }}
            on
                sums.cell_no = {{ counts }}.cell_no
                and sums.metric = {{ counts }}.metric
                and sums.stratum_no = {{ counts }}.stratum_no
                and sums.period_no = {{ counts }}.period_no
    {% endfor %}
)

select
    practice_id,
    site_id,
    instrument_code,
    version,
    language,
    informant,
    metric,
    stratum_kind,
    stratum,
    period,
    n_clients,
    n_therapists,
    n_units,
    n_valued,
    numerator,
    denominator,
    case when null_reason is null then unchecked_value end as value,
    null_reason,
    period_end_on,
    is_data_complete
from valued
