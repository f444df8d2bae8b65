{{ config(materialized='view', tags=['measures']) }}

-- A couple is one episode, whether its members have a row each or not: rows of one unit that opened
-- in one month are one. Who is counted is the unit, so that eleven of them are eleven couples.
with episodes as (
    select
        *,
        row_number() over (
            partition by
                practice_id,
                coalesce(unit_key, client_key),
                coalesce(unit_key, episode_key),
                unit_kind,
                opening_month_on
            order by client_key, episode_key
        ) as member_no
    from {{ ref('int_episodes_classified') }}
    where exclusion_reason is null
),

kinds as (
    {%- for kind in (
        'individual', 'couple', 'family', 'group', 'crisis', 'assessment', 'not_recorded'
    ) %}
        select '{{ kind }}' as kind
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}
)

select
    episodes.practice_id,
    episodes.site_id,
    episodes.therapist_key,
    coalesce(episodes.unit_key, episodes.client_key) as client_key,
    episodes.episode_key,
    cast(null as varchar) as instrument_code,
    cast(null as varchar) as version,
    cast(null as varchar) as language,
    cast(null as varchar) as informant,
    'flow_kind_' || kinds.kind as metric,
    episodes.opening_month_on as month_on,
    cast(null as varchar) as stage,
    episodes.delivery_mode,
    episodes.age_band,
    episodes.has_interpreter,
    cast(case when episodes.unit_kind = kinds.kind then 1 else 0 end as double) as numerator,
    cast(1 as double) as denominator,
    cast(null as double) as value,
    cast(null as varchar) as null_reason
from episodes
cross join kinds
where episodes.member_no = 1
