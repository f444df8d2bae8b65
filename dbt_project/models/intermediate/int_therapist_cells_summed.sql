-- Every form counts in its stage and in `all`, and in each closed period its month lies in, so the
-- rows multiply by about eight: numbers stand for names until they are few again. Numbers are given
-- in the order of the names: an engine that reads a CTE twice must come to the same ones.
with client_months as (
    select
        sums.*,
        {{ treatment_stage('sums', 'practices.data_through_on') }} as stage
    from {{ ref('int_client_months_summed') }} as sums
    inner join {{ ref('int_practices_dated') }} as practices
        on sums.practice_id = practices.practice_id
),

cells as (
    select
        *,
        row_number() over (
            order by
                practice_id,
                site_id,
                instrument_code,
                version,
                language,
                informant,
                collection_mode
        ) as cell_no
    from (
        select distinct
            practice_id,
            site_id,
            instrument_code,
            version,
            language,
            informant,
            collection_mode
        from client_months
    ) as named
),

clients as (
    select
        client_key,
        row_number() over (order by client_key) as client_no
    from (select distinct client_key from client_months) as named
),

therapists as (
    select
        therapist_key,
        row_number() over (order by therapist_key nulls last) as therapist_no
    from (select distinct therapist_key from client_months) as named
),

numbered as (
    select
        cells.cell_no,
        clients.client_no,
        therapists.therapist_no,
        client_months.month_on,
        client_months.stage,
        case
            when client_months.therapist_key is not null then client_months.last_day_no
            else -1
        end as last_day_no,
        client_months.n_forms,
        client_months.n_at_best,
        client_months.summed_billionths
    from client_months
    inner join cells
        on
            client_months.practice_id = cells.practice_id
            and client_months.site_id = cells.site_id
            and client_months.instrument_code = cells.instrument_code
            and client_months.version = cells.version
            and client_months.language = cells.language
            and client_months.informant = cells.informant
            and client_months.collection_mode = cells.collection_mode
    inner join clients on client_months.client_key = clients.client_key
    inner join therapists
        on client_months.therapist_key is not distinct from therapists.therapist_key
),

staged as (
    select *
    from numbered
    where stage is not null
    union all
    select
        cell_no,
        client_no,
        therapist_no,
        month_on,
        'all' as stage,
        last_day_no,
        n_forms,
        n_at_best,
        summed_billionths
    from numbered
),

-- Grain: cell x stage x period x client x therapist.
rated as (
    select
        staged.cell_no,
        staged.stage,
        periods.period,
        staged.client_no,
        staged.therapist_no,
        max(staged.last_day_no) as last_day_no,
        sum(staged.n_forms) as n_forms,
        sum(staged.n_at_best) as n_at_best,
        sum(staged.summed_billionths) as summed_billionths
    from staged
    inner join {{ ref('int_periods_closed') }} as periods
        on
            staged.month_on is not distinct from periods.month_on
            -- One stage in one month is of too few clients to be shown nearly everywhere (98.7 % of
            -- such cells of the sample practices), and what hides the rest grows with them.
            and (staged.stage = 'all' or periods.period_kind <> 'month')
    group by
        staged.cell_no, staged.stage, periods.period, staged.client_no, staged.therapist_no
),

-- A client belongs to the therapist with most of the client's forms in the cell; among equals to one
-- that is known, then to the one of the newest form. Only what is left hangs on the order of
-- pseudonyms, which is another under another key.
averaged as (
    select
        cell_no,
        stage,
        period,
        client_no,
        max_by(
            therapist_no,
            n_forms * 10000000000000000 + last_day_no * 10000000000 - therapist_no
        ) as therapist_no,
        sum(n_forms) as n_forms,
        sum(n_at_best) as n_at_best,
        {{ exact(inexact('sum(summed_billionths)') ~ ' / sum(n_forms)') }} as mean_billionths
    from rated
    group by cell_no, stage, period, client_no
),

assigned as (
    select
        cell_no,
        stage,
        period,
        therapist_no,
        count(*) as n_clients,
        sum(n_forms) as n_forms,
        sum(n_at_best) as n_at_best,
        sum(mean_billionths) as summed_means,
        sum(mean_billionths * mean_billionths) as summed_squares,
        0 as n_forms_rated
    from averaged
    group by cell_no, stage, period, therapist_no
),

by_therapist as (
    select * from assigned
    union all
    select
        cell_no,
        stage,
        period,
        therapist_no,
        0 as n_clients,
        0 as n_forms,
        0 as n_at_best,
        0 as summed_means,
        0 as summed_squares,
        sum(n_forms) as n_forms_rated
    from rated
    group by cell_no, stage, period, therapist_no
)

select
    cells.practice_id,
    cells.site_id,
    cells.instrument_code,
    cells.version,
    cells.language,
    cells.informant,
    cells.collection_mode,
    by_therapist.stage,
    by_therapist.period,
    therapists.therapist_key,
    cast(sum(by_therapist.n_clients) as integer) as n_clients,
    cast(sum(by_therapist.n_forms) as integer) as n_forms,
    cast(sum(by_therapist.n_at_best) as integer) as n_at_best,
    cast(sum(by_therapist.n_forms_rated) as integer) as n_forms_rated,
    sum(by_therapist.summed_means) as summed_means,
    sum(by_therapist.summed_squares) as summed_squares
from by_therapist
inner join cells on by_therapist.cell_no = cells.cell_no
inner join therapists on by_therapist.therapist_no = therapists.therapist_no
group by
    cells.practice_id,
    cells.site_id,
    cells.instrument_code,
    cells.version,
    cells.language,
    cells.informant,
    cells.collection_mode,
    by_therapist.stage,
    by_therapist.period,
    therapists.therapist_key
