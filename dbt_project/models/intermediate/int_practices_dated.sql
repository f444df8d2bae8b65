with sessions as (
    select
        practice_id,
        max(
            case when is_attended then coalesce(year_known_through_on, scheduled_on) end
        ) as last_on,
        max(case when is_year_only then 1 else 0 end) as n_by_year
    from {{ ref('int_sessions_numbered') }}
    group by practice_id
),

forms as (
    select
        practice_id,
        max(known_through_on) as last_on,
        max(case when is_year_only then 1 else 0 end) as n_by_year
    from {{ ref('int_administrations_linked') }}
    group by practice_id
),

practices as (
    select
        practices.practice_id,
        practices.practice_name,
        sessions.practice_id is not null as is_sending_sessions,
        coalesce(sessions.n_by_year, 0) + coalesce(forms.n_by_year, 0) > 0 as is_dated_by_year,
        case
            when sessions.last_on is null then forms.last_on
            when forms.last_on is null then sessions.last_on
            else greatest(sessions.last_on, forms.last_on)
        end as data_through_on
    from {{ ref('stg_practices') }} as practices
    left join sessions on practices.practice_id = sessions.practice_id
    left join forms on practices.practice_id = forms.practice_id
)

select
    practice_id,
    practice_name,
    is_sending_sessions,
    is_dated_by_year,
    data_through_on,
    max(data_through_on) over () as group_data_through_on
from practices
