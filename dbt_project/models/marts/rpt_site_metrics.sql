{{ config(tags=['measures']) }}

-- Sums by client and month come first: every unit counts in several strata and periods.
with client_months as (
    select
        practice_id,
        site_id,
        instrument_code,
        version,
        language,
        informant,
        metric,
        client_key,
        therapist_key,
        month_on,
        stage,
        delivery_mode,
        age_band,
        has_interpreter,
        count(*) as n_units,
        count(denominator) as n_valued,
        sum({{ exact('numerator') }}) as numerator_billionths,
        sum({{ exact('denominator') }}) as denominator_billionths,
        min(null_reason) as first_reason,
        max(null_reason) as last_reason
    from {{ ref('int_units_measured') }}
    group by
        practice_id,
        site_id,
        instrument_code,
        version,
        language,
        informant,
        metric,
        client_key,
        therapist_key,
        month_on,
        stage,
        delivery_mode,
        age_band,
        has_interpreter
),

-- Numbers stand for names while rows are many, given in the order of the names.
cells as (
    select
        *,
        row_number() over (
            order by
                practice_id nulls last,
                site_id nulls last,
                instrument_code nulls last,
                version nulls last,
                language nulls last,
                informant nulls last,
                metric nulls last
        ) as cell_no
    from (
        select distinct
            practice_id,
            site_id,
            instrument_code,
            version,
            language,
            informant,
            metric
        from client_months
    ) as named
),

numbered as (
    select
        cells.cell_no,
        client_months.*
    from client_months
    inner join cells
        on
            client_months.practice_id = cells.practice_id
            and client_months.site_id = cells.site_id
            and client_months.instrument_code is not distinct from cells.instrument_code
            and client_months.version is not distinct from cells.version
            and client_months.language is not distinct from cells.language
            and client_months.informant is not distinct from cells.informant
            and client_months.metric = cells.metric
),

stratified as (
    select
        cell_no,
        'all' as stratum_kind,
        'all' as stratum,
        client_key,
        therapist_key,
        month_on,
        n_units,
        n_valued,
        numerator_billionths,
        denominator_billionths,
        first_reason,
        last_reason
    from numbered
    union all
    select
        cell_no,
        'stage' as stratum_kind,
        stage as stratum,
        client_key,
        therapist_key,
        month_on,
        n_units,
        n_valued,
        numerator_billionths,
        denominator_billionths,
        first_reason,
        last_reason
    from numbered
    where stage is not null
    union all
    select
        cell_no,
        'delivery_mode' as stratum_kind,
        delivery_mode as stratum,
        client_key,
        therapist_key,
        month_on,
        n_units,
        n_valued,
        numerator_billionths,
        denominator_billionths,
        first_reason,
        last_reason
    from numbered
    where delivery_mode <> 'not_recorded'
    union all
    select
        cell_no,
        'age_band' as stratum_kind,
        age_band as stratum,
        client_key,
        therapist_key,
        month_on,
        n_units,
        n_valued,
        numerator_billionths,
        denominator_billionths,
        first_reason,
        last_reason
    from numbered
    where age_band <> 'not_recorded'
    union all
    select
        cell_no,
        'interpreter' as stratum_kind,
        case when has_interpreter then 'with' else 'without' end as stratum,
        client_key,
        therapist_key,
        month_on,
        n_units,
        n_valued,
        numerator_billionths,
        denominator_billionths,
        first_reason,
        last_reason
    from numbered
    where has_interpreter is not null
),

rated as (
    select
        stratified.cell_no,
        stratified.stratum_kind,
        stratified.stratum,
        periods.period,
        stratified.client_key,
        stratified.therapist_key,
        sum(stratified.n_units) as n_units,
        sum(stratified.n_valued) as n_valued,
        sum(stratified.numerator_billionths) as numerator_billionths,
        sum(stratified.denominator_billionths) as denominator_billionths,
        min(stratified.first_reason) as first_reason,
        max(stratified.last_reason) as last_reason
    from stratified
    inner join {{ ref('int_periods_closed') }} as periods
        on stratified.month_on is not distinct from periods.month_on
    group by
        stratified.cell_no,
        stratified.stratum_kind,
        stratified.stratum,
        periods.period,
        stratified.client_key,
        stratified.therapist_key
),

clients as (
    select
        cell_no,
        stratum_kind,
        stratum,
        period,
        client_key,
        sum(n_units) as n_units,
        sum(n_valued) as n_valued,
        sum(numerator_billionths) as numerator_billionths,
        sum(denominator_billionths) as denominator_billionths,
        case
            when sum(n_valued) > 0
                then {{ exact(inexact('sum(numerator_billionths)') ~ ' / sum(n_valued)') }}
        end as mean_billionths,
        min(first_reason) as first_reason,
        max(last_reason) as last_reason
    from rated
    group by cell_no, stratum_kind, stratum, period, client_key
),

rated_by_therapist as (
    select
        cell_no,
        stratum_kind,
        stratum,
        period,
        therapist_key,
        sum(n_valued) as n_valued,
        max(case when numerator_billionths > 0 then 1 else 0 end) as is_counted
    from rated
    where n_valued > 0 and therapist_key is not null
    group by cell_no, stratum_kind, stratum, period, therapist_key
),

therapists as (
    select
        cell_no,
        stratum_kind,
        stratum,
        period,
        count(*) as n_therapists,
        sum(is_counted) as n_therapists_counted,
        max(n_valued) as n_valued_of_top,
        sum(n_valued) as n_valued_of_known
    from rated_by_therapist
    group by cell_no, stratum_kind, stratum, period
),

-- A unit may belong to no client: a therapist who was to collect forms.
summed as (
    select
        cell_no,
        stratum_kind,
        stratum,
        period,
        sum(case when n_valued > 0 and client_key is not null then 1 else 0 end) as n_clients,
        sum(
            case
                when client_key is not null and numerator_billionths > 0 then 1 else 0
            end
        ) as n_clients_counted,
        sum(
            case
                when client_key is not null and numerator_billionths < denominator_billionths
                    then 1
                else 0
            end
        ) as n_clients_not_counted,
        sum(case when client_key is not null and n_valued < n_units then 1 else 0 end)
            as n_clients_without_value,
        sum(n_units) as n_units,
        sum(n_valued) as n_valued,
        sum(numerator_billionths) as numerator_billionths,
        sum(denominator_billionths) as denominator_billionths,
        sum(mean_billionths) as means_billionths,
        count(mean_billionths) as n_means,
        min(first_reason) as first_reason,
        max(last_reason) as last_reason
    from clients
    group by cell_no, stratum_kind, stratum, period
),

periods as (
    select distinct
        period,
        period_end_on,
        complete_from_on
    from {{ ref('int_periods_closed') }}
),

valued as (
    select
        cells.practice_id,
        cells.site_id,
        cells.instrument_code,
        cells.version,
        cells.language,
        cells.informant,
        cells.metric,
        summed.stratum_kind,
        summed.stratum,
        summed.period,
        cast(summed.n_clients as integer) as n_clients,
        cast(therapists.n_therapists as integer) as n_therapists,
        cast(therapists.n_valued_of_top as double) / therapists.n_valued_of_known
            as top_therapist_share,
        cast(summed.n_clients_counted as integer) as n_clients_counted,
        cast(summed.n_clients_not_counted as integer) as n_clients_not_counted,
        cast(summed.n_clients_without_value as integer) as n_clients_without_value,
        cast(summed.n_units as integer) as n_units,
        cast(summed.n_valued as integer) as n_valued,
        {{ inexact('summed.numerator_billionths') }} as numerator,
        {{ inexact('summed.denominator_billionths') }} as denominator,
        case
            when summed.n_valued = 0 and summed.first_reason = summed.last_reason
                then summed.first_reason
            when summed.n_valued = 0 then 'several_reasons'
            when summed.n_valued < metrics.minimum_units then 'too_few_units'
        end as null_reason,
        case metrics.aggregation
            when 'share'
                then
                    {{ inexact('summed.numerator_billionths') }}
                    / nullif({{ inexact('summed.denominator_billionths') }}, 0)
            when 'mean_of_clients'
                then {{ inexact('summed.means_billionths') }} / nullif(summed.n_means, 0)
            -- Whoever did it once in the period did it.
            when 'share_of_therapists'
                then
                    cast(therapists.n_therapists_counted as double)
                    / nullif(therapists.n_therapists, 0)
        end as unchecked_value,
        periods.period_end_on,
        practices.data_through_on >= periods.complete_from_on as is_data_complete
    from summed
    inner join cells on summed.cell_no = cells.cell_no
    inner join {{ ref('int_metrics_listed') }} as metrics on cells.metric = metrics.metric
    inner join periods on summed.period = periods.period
    inner join {{ ref('int_practices_dated') }} as practices
        on cells.practice_id = practices.practice_id
    left join therapists
        on
            summed.cell_no = therapists.cell_no
            and summed.stratum_kind = therapists.stratum_kind
            and summed.stratum = therapists.stratum
            and summed.period = therapists.period
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
    top_therapist_share,
    n_clients_counted,
    n_clients_not_counted,
    n_clients_without_value,
    n_units,
    n_valued,
    numerator,
    denominator,
    case when null_reason is null then unchecked_value end as value,
    null_reason,
    period_end_on,
    is_data_complete
from valued
