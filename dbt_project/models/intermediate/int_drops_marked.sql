{{ config(materialized='view', tags=['measures']) }}
-- A view: everything that hangs on the client alone stands in int_forms_ordered, and what is left
-- is arithmetic that follows the network's SD from night to night.
with forms as (
    select
        forms.*,
        {{ towards_better('forms.direction') }} as sign,
        {{ item_points(var('marked_drop_points'), 'forms') }} as fixed_size,
        {{ item_points(var('marked_drop_repair_points'), 'forms') }} as tolerance,
        greatest(
            forms.series_sd, coalesce(spreads.{{ var('marked_drop_network_sd') }}_sd, 0)
        ) as stricter_sd
    from {{ ref('int_forms_ordered') }} as forms
    left join {{ ref('int_spreads_pooled') }} as spreads
        on
            forms.instrument_code = spreads.instrument_code
            and forms.version = spreads.version
            and forms.language = spreads.language
            and forms.informant = spreads.informant
    where forms.kind = 'alliance'
),

-- `needed`: what the size has to reach, or for the chart to exceed, scale points.
held as (
    select
        forms.*,
        'fixed' as rule,
        forms.previous_total as level_before,
        forms.fixed_size as needed,
        false as is_unvaried
    from forms
    where forms.form_no > 1 and forms.n_forms >= {{ var('marked_drop_fixed_forms') }}
    {% for rule in ('sd1', 'sd2') %}
        union all
        select
            forms.*,
            '{{ rule }}' as rule,
            forms.previous_total as level_before,
            {{ var('marked_drop_' ~ rule ~ '_factor') }} * forms.stricter_sd as needed,
            forms.stricter_sd = 0 as is_unvaried
        from forms
        where forms.form_no > 1 and forms.n_forms >= {{ var('marked_drop_sd_forms') }}
    {% endfor %}
    union all
    select
        forms.*,
        'chart' as rule,
        forms.mean_of_others as level_before,
        {{ var('marked_drop_ranges') }} * forms.moving_range_of_others as needed,
        forms.moving_range_of_others = 0 as is_unvaried
    from forms
    where forms.n_forms >= {{ var('marked_drop_chart_forms') }}
),

sized as (
    select
        *,
        sign * (level_before - total) as size
    from held
),

judged as (
    select
        *,
        case
            when is_unvaried then null
            when rule = 'chart' then {{ exceeds('size', 'needed') }}
            when rule = 'fixed'
                then
                    {{ reaches('size', 'needed') }}
                    and (reliable_change is null or {{ exceeds('size', 'reliable_change') }})
            else {{ reaches('size', 'needed') }}
        end as is_drop
    from sized
)

select
    administration_row,
    series_row,
    practice_id,
    client_key,
    episode_key,
    instrument_code,
    version,
    language,
    informant,
    respondent,
    counted_on,
    form_no,
    n_forms,
    rule,
    level_before,
    size,
    needed,
    case when rule = 'fixed' then reliable_change is not null end as is_reliable_change_applied,
    is_drop,
    case
        when not coalesce(is_drop, false) then null
        when {{ reaches('sign * best_total_ahead', '(sign * level_before - tolerance)') }}
            then 'repaired'
        when n_forms - form_no < {{ var('marked_drop_repair_forms') }} then 'open'
        else 'unrepaired'
    end as repair_state,
    case when is_unvaried then 'no_variation' end as null_reason
from judged
