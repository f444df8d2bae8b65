-- What may be shown of the measures, said once for every table of them. Run on the publisher's own
-- connection before the queries; temporary, so nothing of it stays in the warehouse.
--
-- A cell needs enough clients and therapists, and no therapist who makes most of it. A share is also
-- small when it, or what it leaves over, is of 1 to {minimum_clients} - 1 clients. Counts of clients
-- are rounded to 5 and never below the minimum; a share is rounded so far that every count of
-- clients that rounds to the one beside it has a numerator with that share, so it gives none away:
-- a twentieth up to 100 clients, a whole percent above. Numerators and denominators stay behind.

create or replace temp macro least_clients() as {minimum_clients};

create or replace temp macro shown_reason() as '{suppressed}';

create or replace temp macro is_few(n) as n between 1 and {minimum_clients} - 1;

-- Of a share without its numerator: that one, or what it leaves over, is few clients.
create or replace temp macro is_few_of(share, n) as
    is_few(cast(round(share * n) as integer)) or is_few(n - cast(round(share * n) as integer));

create or replace temp macro is_small(n_clients, n_therapists, top_therapist_share) as
    coalesce(n_clients, 0) < {minimum_clients}
    or coalesce(n_therapists < {minimum_therapists}, false)
    or coalesce(top_therapist_share > {dominant_share}, false);

-- What is rounded to nothing lies on neither side of it.
create or replace temp macro unsigned_zero(value) as value + 0.0;

create or replace temp macro shown_count(n) as
    cast(5 * greatest(round(n / 5.0), ceil({minimum_clients} / 5.0)) as integer);

create or replace temp macro shown_share(share, n) as
    case when shown_count(n) > 100 then round(share, 2) else round(share * 20) / 20 end;

-- In scale points or days: a tenth, on a short scale of many clients a hundredth. Percent of a
-- scale's range: whole, of many clients a tenth.
create or replace temp macro shown_mean(mean, n, width) as
    unsigned_zero(round(mean, case when width < 10 and shown_count(n) > 100 then 2 else 1 end));

create or replace temp macro shown_pomp(mean, n) as
    round(mean, case when shown_count(n) > 100 then 1 else 0 end);

-- Which table a metric goes to. Percentages of a range are the gaps of two informants' forms.
create or replace temp macro table_of(metric, stratum_kind) as case
    when starts_with(metric, 'flow_')
        or metric in (
            'early_alliance', 'early_alliance_single_form', 'last_alliance_before_exit'
        ) then 'cohort_flow'
    when starts_with(metric, 'marked_drop_') or starts_with(metric, 'unrepaired_')
        or starts_with(metric, 'sudden_') then 'alliance_events'
    when metric = 'pair_gap' or starts_with(metric, 'triad_gap_') then 'informant_gaps'
    when metric in (
            'attended', 'no_show', 'cancelled_client_late', 'cancelled_therapist', 'minutes_kept',
            'gap_kept', 'gap_days'
        ) then 'frame_adherence'
    when stratum_kind = 'stage'
        and metric in (
            'mean_score', 'ceiling_share', 'all_items_at_best', 'low_alliance', 'response_rate'
        ) then 'stage_profiles'
    else 'site_metrics'
end;

-- Forms of which site_benchmarks hides a cell, whichever way they were collected: what is hidden
-- there must not stand elsewhere under another name.
create or replace temp view hidden_forms as
select distinct
    practice_id,
    site_id,
    instrument_code,
    version,
    language,
    informant,
    stage,
    period
from benchmark.site_benchmarks
where is_suppressed;

-- Metrics whose clients are those of the forms of a site, a stage and a period: the people of
-- site_benchmarks. Strata that are no stages part those of all stages among them.
create or replace temp macro is_of_forms(metric) as
    metric in ('mean_score', 'ceiling_share', 'all_items_at_best', 'low_alliance');

create or replace temp view judged_metrics as
with counted as (
    select
        cells.*,
        table_of(cells.metric, cells.stratum_kind) as release_table,
        metrics.aggregation,
        scales.maximum - scales.minimum as width,
        -- Of therapists' metrics the people are therapists, and as many of them are needed.
        case
            when metrics.aggregation = 'share_of_therapists' then cells.n_therapists
            else cells.n_clients
        end as n_people,
        case metrics.aggregation
            when 'share' then cells.n_clients_counted
            when 'share_of_therapists'
                then cast(round(cells.value * cells.n_therapists) as integer)
        end as n_people_counted,
        case metrics.aggregation
            when 'share' then cells.n_clients_not_counted
            when 'share_of_therapists'
                then cells.n_therapists
                    - cast(round(cells.value * cells.n_therapists) as integer)
        end as n_people_not_counted
    from marts.rpt_site_metrics as cells
    inner join reference.metrics as metrics on cells.metric = metrics.metric
    left join marts.dim_scales as scales
        on
            cells.instrument_code = scales.instrument_code
            and cells.version = scales.version
            and scales.scale = 'total'
),

judged as (
    select
        *,
        case
            when n_valued = 0 then n_clients_without_value < {minimum_clients}
            else
                is_small(n_people, n_therapists, top_therapist_share)
                or coalesce(is_few(n_people_counted), false)
                or coalesce(is_few(n_people_not_counted), false)
        end as is_primary
    from counted
)

select
    judged.*,
    judged.is_primary or hidden_forms.site_id is not null as is_suppressed
from judged
left join hidden_forms
    on
        is_of_forms(judged.metric)
        and judged.practice_id = hidden_forms.practice_id
        and judged.site_id = hidden_forms.site_id
        and judged.instrument_code = hidden_forms.instrument_code
        and judged.version = hidden_forms.version
        and judged.language is not distinct from hidden_forms.language
        and judged.informant = hidden_forms.informant
        and judged.period = hidden_forms.period
        and case when judged.stratum_kind = 'stage' then judged.stratum else 'all' end
        = hidden_forms.stage;

-- How many rows of a table stand as an earlier release showed them; counted once that is decided.
create or replace temp table kept_measures (table_name varchar, n_kept bigint);

-- A row a table of measures, for the suppression report.
create or replace temp view suppressed_measures as
select
    release_table as table_name,
    count(*) as n_cells,
    count(*) filter (where is_suppressed) as n_hidden,
    coalesce(max(kept_measures.n_kept), 0) as n_kept,
    coalesce(
        sum(ln(1 + coalesce(n_clients, 0))) filter (where is_suppressed and not is_primary)
        / nullif(sum(ln(1 + coalesce(n_clients, 0))), 0),
        0
    ) as information_lost_share
from judged_metrics
left join kept_measures on judged_metrics.release_table = kept_measures.table_name
group by release_table;

-- Small cells of a stratum are absent, of all strata together suppressed. A metric that nobody's
-- units have a value of says why, where the clients without one are enough.
create or replace temp view shown_metrics as
select
    release_table,
    practice_id,
    site_id,
    instrument_code,
    version,
    language,
    informant,
    metric,
    stratum_kind,
    stratum,
    period,
    case
        when not is_suppressed and n_valued > 0 and aggregation <> 'share_of_therapists'
            then shown_count(n_clients)
    end as n_clients,
    case
        when is_suppressed then null
        when aggregation = 'share' then shown_share(value, n_clients)
        when aggregation = 'share_of_therapists' then round(value * 20) / 20
        when release_table = 'informant_gaps' then shown_pomp(value, n_clients)
        else shown_mean(value, n_clients, width)
    end as value,
    case
        when
            not is_suppressed
            and n_valued > 0
            and aggregation <> 'share_of_therapists'
            and not is_few(n_clients_without_value)
            then shown_share(n_valued / n_units, n_clients)
    end as valued_share,
    case when not is_suppressed then is_data_complete end as is_data_complete,
    case when not is_suppressed then null_reason end as null_reason,
    is_suppressed,
    case when is_suppressed then shown_reason() end as suppression_reason,
    width
from judged_metrics
where not is_suppressed or stratum_kind = 'all';


-- Cells of the comparison that are shown, each with the width of its scale: nothing of another one's
-- case mix goes out.
create or replace temp view shown_comparisons as
select
    cells.practice_id,
    cells.site_id,
    cells.instrument_code,
    cells.version,
    cells.language,
    cells.informant,
    cells.collection_mode,
    cells.metric,
    cells.stage,
    cells.period,
    scales.maximum - scales.minimum as width
from benchmark.site_benchmarks as cells
left join marts.dim_scales as scales
    on
        cells.instrument_code = scales.instrument_code
        and cells.version = scales.version
        and scales.scale = 'total'
where not cells.is_suppressed;

-- Flags are worked out from exact values. A share missing is one of few clients like any other.
create or replace temp view shown_adjustments as
select
    practice_id,
    site_id,
    instrument_code,
    version,
    language,
    informant,
    collection_mode,
    metric,
    stage,
    period,
    shown_mean(adjusted.expected, adjusted.n_clients, cells.width) as expected,
    shown_mean(adjusted.adjusted, adjusted.n_clients, cells.width) as adjusted,
    shown_mean(adjusted.standard_error, adjusted.n_clients, cells.width) as standard_error,
    shown_mean(adjusted.target, adjusted.n_clients, cells.width) as target,
    round(adjusted.z, 1) as z,
    shown_mean(adjusted.lower95, adjusted.n_clients, cells.width) as lower95,
    shown_mean(adjusted.upper95, adjusted.n_clients, cells.width) as upper95,
    shown_mean(adjusted.lower998, adjusted.n_clients, cells.width) as lower998,
    shown_mean(adjusted.upper998, adjusted.n_clients, cells.width) as upper998,
    adjusted.flag,
    shown_mean(adjusted.shrunken, adjusted.n_clients, cells.width) as shrunken,
    shown_mean(adjusted.shrunken_lower95, adjusted.n_clients, cells.width) as shrunken_lower95,
    shown_mean(adjusted.shrunken_upper95, adjusted.n_clients, cells.width) as shrunken_upper95,
    case
        when not is_few_of(adjusted.largest_share_missing, adjusted.n_clients)
            then round(adjusted.largest_share_missing * 20) / 20
    end as largest_share_missing,
    adjusted.not_identifiable,
    adjusted.null_reason
from benchmark.site_adjustments as adjusted
inner join shown_comparisons as cells
    using (
        practice_id,
        site_id,
        instrument_code,
        version,
        language,
        informant,
        collection_mode,
        metric,
        stage,
        period
    );
