{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_forms() }}',
) }}
-- depends_on: {{ ref('stg_touched_clients') }}, {{ ref('stg_administrations') }}

with instruments as (
    select distinct
        instrument_code,
        version,
        instrument_no
    from {{ ref('int_scales_numbered') }}
),

forms as (
    select
        resolved.administration_row,
        resolved.stated_total,
        instruments.instrument_no
    from {{ ref('int_administrations_resolved') }} as resolved
    inner join instruments
        on
            resolved.instrument_code = instruments.instrument_code
            and resolved.version = instruments.version
    where {{ is_touched('resolved.client_key') }}
),

-- A reversed answer is item_minimum + item_maximum - answer: mirrored within the item's range.
-- Instrument and item make one key, which only an answer joined to its form has: joined the other
-- way round, forms with items, there would be a hash table as long as all answers.
items as (
    select
        scales.instrument_no * 256 + scale_items.item_no as item_key,
        scales.scale_no,
        scale_items.is_reversed,
        cast(
            case
                when scale_items.is_reversed
                    then instruments.item_minimum + instruments.item_maximum
                else 0
            end as decimal(9, 3)
        ) as mirror
    from {{ ref('stg_scale_items') }} as scale_items
    inner join {{ ref('int_scales_numbered') }} as scales
        on
            scale_items.instrument_code = scales.instrument_code
            and scale_items.version = scales.version
            and scale_items.scale = scales.scale
    inner join {{ ref('stg_instruments') }} as instruments
        on
            scale_items.instrument_code = instruments.instrument_code
            and scale_items.version = instruments.version
),

-- One row of nothing for each form and scale, so that a scale without answers has its row too, and
-- the stated total needs no join of its own.
contributions as (
    select
        forms.administration_row,
        items.scale_no,
        -- Not a product with -1: its type would have more digits than a machine word adds.
        items.mirror
        + case when items.is_reversed then -answers.value else answers.value end as points,
        1 as n_answers,
        null as stated_score
    from {{ ref('stg_answers') }} as answers
    inner join forms on answers.administration_row = forms.administration_row
    inner join items on forms.instrument_no * 256 + answers.item_no = items.item_key
    union all
    select
        forms.administration_row,
        scales.scale_no,
        0 as points,
        0 as n_answers,
        case when scales.scale = 'total' then forms.stated_total end as stated_score
    from forms
    inner join {{ ref('int_scales_numbered') }} as scales
        on forms.instrument_no = scales.instrument_no
),

summed as (
    select
        administration_row,
        scale_no,
        -- Thousandths: answers have three decimals, and whole numbers' quotient is rounded once.
        round(cast(sum(points) as double) * 1000) as thousandths,
        cast(sum(n_answers) as integer) as n_answered,
        max(stated_score) as stated_score
    from contributions
    group by administration_row, scale_no
),

-- Prorating gives unanswered items the mean of the answered ones: sum x items / answered.
computed as (
    select
        summed.administration_row,
        scales.instrument_code,
        scales.version,
        scales.scale,
        scales.minimum,
        scales.maximum,
        scales.decimals,
        summed.n_answered,
        scales.n_items - summed.n_answered as n_missing,
        cast(summed.stated_score as double) as stated_score,
        case
            when summed.n_answered > 0 and scales.n_items - summed.n_answered <= scales.max_missing
                then
                    summed.thousandths
                    * case when scales.method = 'sum' then scales.n_items else 1 end
                    / (1000.0 * summed.n_answered)
        end as computed_score
    from summed
    inner join {{ ref('int_scales_numbered') }} as scales on summed.scale_no = scales.scale_no
),

-- A stated total stands only where no answers came: it must not get round the missing rule.
scored as (
    select
        *,
        case
            when n_answered = 0 then stated_score
            when decimals is null then computed_score
            else round(computed_score, decimals)
        end as score
    from computed
)

select
    administration_row,
    instrument_code,
    version,
    scale,
    score,
    100 * (score - minimum) / (maximum - minimum) as pomp,
    case
        when score is null then null
        when n_answered = 0 then 'stated'
        else 'computed'
    end as score_source,
    stated_score,
    n_answered,
    n_missing,
    case
        when score is not null then null
        when n_answered = 0 then 'no_answers'
        else 'too_many_missing'
    end as null_reason
from scored
