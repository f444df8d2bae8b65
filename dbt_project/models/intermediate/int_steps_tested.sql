{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook='{{ delete_touched_clients() }}',
    tags=['measures'],
) }}
-- depends_on: {{ ref('stg_touched_clients') }}

-- Tang & DeRubeis between two sessions, as orchestration/measures/sudden_gains.py does it. A
-- session without a form is a gap, so places are session numbers; where a series has none at all,
-- its forms stand in for sessions, and a form outside the numbered ones has no place.
with forms as (
    select
        administration_row,
        series_row,
        form_no,
        reliable_change,
        {{ towards_better('direction') }} * {{ exact('total') }} as level,
        case
            when max(session_no) over (partition by series_row) is null then form_no
            else session_no
        end as place
    from {{ ref('int_forms_ordered') }}
    where
        {{ is_touched() }}
        and kind in ('alliance', 'outcome')
        and reliable_change is not null
),

-- Of two forms of one session the first.
placed as (
    select *
    from (
        select
            *,
            row_number() over (partition by series_row, place order by form_no) as choice
        from forms
        where place is not null
    ) as numbered
    where choice = 1
),

windowed as (
    select
        *,
        lead(place) over in_order as next_place,
        lead(level) over in_order as next_level,
        max(level) over later as best_later,
        min(level) over later as worst_later,
        count(*) over before_step as n_before,
        sum(level) over before_step as summed_before,
        sum(level * level) over before_step as squares_before,
        count(*) over after_step as n_after,
        sum(level) over after_step as summed_after,
        sum(level * level) over after_step as squares_after
    from placed
    window
        in_order as (partition by series_row order by place),
        later as (
            partition by series_row
            order by place
            rows between 2 following and unbounded following
        ),
        before_step as (
            partition by series_row
            order by place
            range between 2 preceding and current row
        ),
        after_step as (
            partition by series_row
            order by place
            range between 1 following and 3 following
        )
),

tested as (
    select
        *,
        {{ inexact('(next_level - level)') }} as step,
        {{ inexact('level') }} as start_level,
        {{ inexact('next_level') }} as end_level,
        {{ inexact('best_later') }} as best_level,
        {{ inexact('worst_later') }} as worst_level,
        {{ inexact('summed_after') }} / n_after - {{ inexact('summed_before') }} / n_before
            as shift,
        {{ student_975('(n_before + n_after - 2)') }}
        * sqrt(
            (
                {{ squared_deviations('n_before', 'summed_before', 'squares_before') }}
                + {{ squared_deviations('n_after', 'summed_after', 'squares_after') }}
            )
            / (n_before + n_after - 2)
        ) as chance
    from windowed
    where next_place = place + 1 and n_before >= 2 and n_after >= 2
),

judged as (
    select
        *,
        (start_level + end_level) / 2 as middle,
        {{ reaches('abs(step)', 'reliable_change') }}
        and {{ reaches('abs(step)', var('sudden_step_share') ~ ' * abs(start_level)') }}
        and abs(shift) > chance
        and shift * step > 0 as is_step
    from tested
)

select
    forms.administration_row,
    forms.series_row,
    forms.practice_id,
    forms.client_key,
    forms.episode_key,
    forms.instrument_code,
    forms.version,
    forms.language,
    forms.informant,
    forms.respondent,
    forms.counted_on,
    forms.form_no,
    judged.place,
    forms.session_no is not null as is_placed_by_session,
    case
        when judged.is_step and judged.step > 0 then 'gain'
        when judged.is_step then 'loss'
    end as step_kind,
    case when judged.is_step then judged.step end as magnitude,
    case
        when judged.is_step and judged.step > 0
            then coalesce({{ exceeds('(judged.middle - judged.worst_level)', '0.0') }}, false)
        when judged.is_step
            then coalesce({{ exceeds('(judged.best_level - judged.middle)', '0.0') }}, false)
    end as is_reversed
from judged
inner join {{ ref('int_forms_ordered') }} as forms
    on judged.administration_row = forms.administration_row
