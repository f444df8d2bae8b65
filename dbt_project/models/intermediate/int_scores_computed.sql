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

summed as (
    select
        forms.administration_row,
        items.scale_no,
        -- Thousandths: answers have three decimals, and whole numbers' quotient is rounded once.
        round(
            cast(
                sum(
                    -- Not a product with -1: it would have more digits than a machine word adds.
                    items.mirror
                    + case when items.is_reversed then -answers.value else answers.value end
                ) as double
            )
            * 1000
        ) as thousandths,
        cast(count(*) as integer) as n_answered
    from {{ ref('stg_answers') }} as answers
    inner join forms on answers.administration_row = forms.administration_row
    inner join items on forms.instrument_no * 256 + answers.item_no = items.item_key
    group by forms.administration_row, items.scale_no
),

parts as (
    select
        wholes.instrument_no,
        wholes.scale_no,
        scales.scale_no as part_no
    from {{ ref('stg_scale_parts') }} as scale_parts
    inner join {{ ref('int_scales_numbered') }} as wholes
        on
            scale_parts.instrument_code = wholes.instrument_code
            and scale_parts.version = wholes.version
            and scale_parts.scale = wholes.scale
    inner join {{ ref('int_scales_numbered') }} as scales
        on
            scale_parts.instrument_code = scales.instrument_code
            and scale_parts.version = scales.version
            and scale_parts.part = scales.scale
),

part_scores as (
    select
        summed.administration_row,
        summed.scale_no,
        summed.n_answered,
        {{ scale_score('summed', 'scales') }} as score
    from summed
    inner join {{ ref('int_scales_numbered') }} as scales on summed.scale_no = scales.scale_no
    where summed.scale_no in (select parts.part_no from parts)
),

-- A row for each form and scale, with answers or without: scales of items, then scales of scales,
-- which have a score when each of their parts has one.
computed as (
    select
        forms.administration_row,
        scales.scale_no,
        forms.stated_total,
        coalesce(summed.n_answered, 0) as n_answered,
        {{ scale_score('summed', 'scales') }} as computed_score
    from forms
    inner join {{ ref('int_scales_numbered') }} as scales
        on forms.instrument_no = scales.instrument_no
    left join summed
        on
            forms.administration_row = summed.administration_row
            and scales.scale_no = summed.scale_no
    where scales.method <> 'sum_of_scales'
    union all
    select
        forms.administration_row,
        parts.scale_no,
        max(forms.stated_total) as stated_total,
        cast(coalesce(sum(part_scores.n_answered), 0) as integer) as n_answered,
        case
            when count(part_scores.score) = count(*)
                then {{ inexact('sum(' ~ exact('part_scores.score') ~ ')') }}
        end as computed_score
    from forms
    inner join parts on forms.instrument_no = parts.instrument_no
    left join part_scores
        on
            forms.administration_row = part_scores.administration_row
            and parts.part_no = part_scores.scale_no
    group by forms.administration_row, parts.scale_no
),

-- A stated total stands only where no answers came, or none that can be scored: it must not get
-- round the missing rule.
scored as (
    select
        computed.administration_row,
        scales.instrument_code,
        scales.version,
        scales.scale,
        scales.minimum,
        scales.maximum,
        computed.n_answered,
        scales.n_items - computed.n_answered as n_missing,
        computed.n_answered > 0 and not scales.is_scored as is_key_unknown,
        computed.n_answered > 0 and scales.is_scored as is_computed,
        case when scales.scale = 'total' then cast(computed.stated_total as double) end
            as stated_score,
        computed.computed_score
    from computed
    inner join {{ ref('int_scales_numbered') }} as scales on computed.scale_no = scales.scale_no
),

chosen as (
    select
        *,
        case when is_computed then computed_score else stated_score end as score
    from scored
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
        when is_computed then 'computed'
        else 'stated'
    end as score_source,
    stated_score,
    n_answered,
    n_missing,
    case
        when score is not null then null
        when n_answered = 0 then 'no_answers'
        when is_key_unknown then 'key_unknown'
        else 'too_many_missing'
    end as null_reason
from chosen
