{{ config(materialized='view', tags=['measures']) }}

-- Clients as they stand in a site's cell, for the periods that are long enough to be adjusted. The
-- value, the stage and the therapist are those of int_therapist_cells_summed; numbers stand for
-- names until the rows are few again, as there.
with client_months as (
    select
        sums.*,
        {{ treatment_stage('sums', 'practices.data_through_on') }} as stage
    from {{ ref('int_client_months_described') }} as sums
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

modes as (
    select
        delivery_mode,
        row_number() over (order by delivery_mode) as mode_no
    from (select distinct delivery_mode from client_months) as named
    where delivery_mode is not null
),

-- By their day, so that the least of a client's numbers is the first treatment.
episodes as (
    select
        client_key,
        episode_key,
        row_number() over (order by opened_on nulls last, client_key, episode_key) as episode_no
    from {{ ref('int_episodes_resolved') }}
),

numbered as (
    select
        cells.cell_no,
        clients.client_no,
        therapists.therapist_no,
        modes.mode_no,
        episodes.episode_no,
        client_months.month_on,
        client_months.stage,
        case
            when client_months.therapist_key is not null then client_months.last_day_no
            else -1
        end as last_day_no,
        client_months.n_forms,
        client_months.n_numbered,
        client_months.summed_session_nos,
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
    inner join episodes
        on
            client_months.client_key = episodes.client_key
            and client_months.episode_key = episodes.episode_key
    left join modes on client_months.delivery_mode = modes.delivery_mode
),

staged as (
    select
        *,
        stage as counted_stage
    from numbered
    where stage is not null
    union all
    select
        *,
        'all' as counted_stage
    from numbered
),

placed as (
    select
        staged.*,
        periods.period
    from staged
    inner join {{ ref('int_periods_closed') }} as periods
        on staged.month_on is not distinct from periods.month_on
    where periods.period_kind in ('year', 'last_12_months', 'all')
),

rated as (
    select
        cell_no,
        counted_stage,
        period,
        client_no,
        therapist_no,
        max(last_day_no) as last_day_no,
        min(episode_no) as episode_no,
        sum(n_forms) as n_forms,
        sum(n_numbered) as n_numbered,
        sum(summed_session_nos) as summed_session_nos,
        sum(summed_billionths) as summed_billionths
    from placed
    group by cell_no, counted_stage, period, client_no, therapist_no
),

averaged as (
    select
        cell_no,
        counted_stage,
        period,
        client_no,
        max_by(
            therapist_no,
            n_forms * 10000000000000000 + last_day_no * 10000000000 - therapist_no
        ) as therapist_no,
        min(episode_no) as episode_no,
        sum(n_forms) as n_forms,
        cast(sum(summed_session_nos) as double) / nullif(sum(n_numbered), 0) as mean_session_no,
        {{ exact(inexact('sum(summed_billionths)') ~ ' / sum(n_forms)') }} as mean_billionths
    from rated
    group by cell_no, counted_stage, period, client_no
),

-- The mode of most of the client's forms; among equals the first by name.
met as (
    select
        cell_no,
        counted_stage,
        period,
        client_no,
        max_by(mode_no, n_forms * 1000 - mode_no) as mode_no
    from (
        select
            cell_no,
            counted_stage,
            period,
            client_no,
            mode_no,
            sum(n_forms) as n_forms
        from placed
        where mode_no is not null
        group by cell_no, counted_stage, period, client_no, mode_no
    ) as by_mode
    group by cell_no, counted_stage, period, client_no
),

-- Severity by one outcome instrument for each alliance instrument: the one most clients have. Scores
-- of two are not one covariate, and who has another one is a client whose severity is missing.
baseline_choices as (
    select
        *,
        row_number() over (
            partition by instrument_code, version, language, informant
            order by
                n_clients desc,
                baseline_instrument_code asc,
                baseline_version asc,
                baseline_language asc,
                baseline_informant asc
        ) as choice
    from (
        select
            client_months.instrument_code,
            client_months.version,
            client_months.language,
            client_months.informant,
            baselines.instrument_code as baseline_instrument_code,
            baselines.version as baseline_version,
            baselines.language as baseline_language,
            baselines.informant as baseline_informant,
            count(distinct client_months.client_key) as n_clients
        from client_months
        inner join {{ ref('int_baselines_found') }} as baselines
            on
                client_months.client_key = baselines.client_key
                and client_months.episode_key = baselines.episode_key
        group by
            client_months.instrument_code,
            client_months.version,
            client_months.language,
            client_months.informant,
            baselines.instrument_code,
            baselines.version,
            baselines.language,
            baselines.informant
    ) as counted
)

select
    cells.practice_id,
    cells.site_id,
    cells.instrument_code,
    cells.version,
    cells.language,
    cells.informant,
    cells.collection_mode,
    averaged.counted_stage as stage,
    averaged.period,
    clients.client_key,
    therapists.therapist_key,
    cast(averaged.n_forms as integer) as n_forms,
    {{ inexact('averaged.mean_billionths') }} as value,
    choices.baseline_instrument_code,
    choices.baseline_version,
    choices.baseline_language,
    choices.baseline_informant,
    baselines.severity as baseline_severity,
    nullif(resolved.age_band_at_intake, 'not_recorded') as age_band,
    nullif(resolved.service_type, 'not_recorded') as service_type,
    modes.delivery_mode,
    averaged.mean_session_no
from averaged
inner join cells on averaged.cell_no = cells.cell_no
inner join clients on averaged.client_no = clients.client_no
inner join therapists on averaged.therapist_no = therapists.therapist_no
inner join episodes on averaged.episode_no = episodes.episode_no
inner join {{ ref('int_episodes_resolved') }} as resolved
    on
        episodes.client_key = resolved.client_key
        and episodes.episode_key = resolved.episode_key
left join met
    on
        averaged.cell_no = met.cell_no
        and averaged.counted_stage = met.counted_stage
        and averaged.period = met.period
        and averaged.client_no = met.client_no
left join modes on met.mode_no = modes.mode_no
left join baseline_choices as choices
    on
        cells.instrument_code = choices.instrument_code
        and cells.version = choices.version
        and cells.language = choices.language
        and cells.informant = choices.informant
        and choices.choice = 1
left join {{ ref('int_baselines_found') }} as baselines
    on
        episodes.client_key = baselines.client_key
        and episodes.episode_key = baselines.episode_key
        and choices.baseline_instrument_code = baselines.instrument_code
        and choices.baseline_version = baselines.version
        and choices.baseline_language = baselines.language
        and choices.baseline_informant = baselines.informant
