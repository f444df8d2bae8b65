-- Cells of period and stage `all` hold the forms without an exclusion, up to the last closed month.
with eligible as (
    select
        forms.practice_id,
        count(*) as n_forms
    from {{ ref('int_administrations_linked') }} as forms
    inner join {{ ref('int_periods_closed') }} as periods
        on periods.period = 'all' and forms.month_on is not distinct from periods.month_on
    where forms.exclusion_reason is null
    group by forms.practice_id
),

in_cells as (
    select
        practice_id,
        sum(n_forms) as n_forms
    from {{ ref('rpt_site_statistics') }}
    where stage = 'all' and period = 'all'
    group by practice_id
)

select
    coalesce(eligible.practice_id, in_cells.practice_id) as practice_id,
    eligible.n_forms as n_eligible,
    in_cells.n_forms as n_in_cells
from eligible
full outer join in_cells on eligible.practice_id = in_cells.practice_id
where
    exists (select 1 from {{ ref('int_periods_closed') }} where period = 'all')
    and eligible.n_forms is distinct from in_cells.n_forms
