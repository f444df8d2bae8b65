{{ config(materialized='view', tags=['measures']) }}

-- A gap within a triad is each pair's; congruence is a dyad's, so a client's and a therapist's gap
-- counts once the dyad has enough pairs.
with judged as (
    select
        pairs.*,
        {{ treatment_stage('pairs', 'practices.data_through_on') }} as stage,
        case
            when pairs.dyad <> 'client_therapist' then null
            when not pairs.is_of_dyad then 'not_same_session'
            when pairs.n_pairs_of_dyad < {{ var('pair_minimum') }} then 'too_few_pairs'
        end as null_reason
    from {{ ref('int_pairs_matched') }} as pairs
    inner join {{ ref('int_practices_dated') }} as practices
        on pairs.practice_id = practices.practice_id
)

select
    practice_id,
    site_id,
    therapist_key,
    client_key,
    episode_key,
    instrument_code,
    version,
    language,
    informant,
    case when dyad = 'client_therapist' then 'pair_gap' else 'triad_gap_' || dyad end as metric,
    month_on,
    stage,
    delivery_mode,
    age_band,
    has_interpreter,
    case when null_reason is null then gap_pomp end as numerator,
    cast(case when null_reason is null then 1 end as double) as denominator,
    case when null_reason is null then gap_pomp end as value,
    null_reason
from judged
