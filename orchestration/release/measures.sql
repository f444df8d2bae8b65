-- What may be shown of the measures, said once for every table of them. Run on the publisher's own
-- connection before the queries; temporary, so nothing of it stays in the warehouse.
--
-- A cell needs enough clients and therapists, and no therapist who makes most of it. A share also
-- needs that many clients counted in it, and as many not: of nobody at all, too, as "hidden" would
-- else say that there is somebody. Numerators, denominators and numbers of clients stay behind. Of
-- these a class goes out, the power of ten times {minimum_clients} - 1 that they are above: steps
-- that are multiples of what a hidden part may at most be, so that no sum of them bounds it
-- (docs/runbooks/a_release_is_refused.md). What is rounded is rounded by the class.

create or replace temp macro least_clients() as {minimum_clients};

create or replace temp macro shown_reason() as '{suppressed}';

create or replace temp macro is_few(n) as n between 1 and {minimum_clients} - 1;

-- Of a share: of whom it is about, or whom it leaves out, there are too few.
create or replace temp macro is_too_few(n) as coalesce(n < {minimum_clients}, false);

-- Of a share without its numerator: that one, or what it leaves over, is few clients.
create or replace temp macro is_few_of(share, n) as
    is_few(cast(round(share * n) as integer)) or is_few(n - cast(round(share * n) as integer));

create or replace temp macro is_small(n_clients, n_therapists, top_therapist_share) as
    coalesce(n_clients, 0) < {minimum_clients}
    or coalesce(n_therapists < {minimum_therapists}, false)
    or coalesce(top_therapist_share > {dominant_share}, false);

-- What is rounded to nothing lies on neither side of it.
create or replace temp macro unsigned_zero(value) as value + 0.0;

-- Of models of a whole network: to 5, never below the minimum.
create or replace temp macro shown_count(n) as
    cast(5 * greatest(round(n / 5.0), ceil({minimum_clients} / 5.0)) as integer);

-- The least number of a count's class; null below the minimum.
create or replace temp macro shown_least(n) as case
    when n >= {minimum_clients} then
        cast(
            ({minimum_clients} - 1)
            * pow(10, floor(log10((n - 1) / ({minimum_clients} - 1.0)) + 1e-9))
            + 1 as integer
        )
end;

create or replace temp macro exactly(n) as cast(n as integer);

create or replace temp macro greatest_of_class(at_least) as (at_least - 1) * 10;

create or replace temp macro is_many(n) as coalesce(shown_least(n) > 100, false);

create or replace temp macro share_step(n) as case when is_many(n) then 0.01 else 0.05 end;

create or replace temp macro shown_share(share, n) as
    case when is_many(n) then round(share, 2) else round(share * 20) / 20 end;

-- In scale points or days: a tenth, on a short scale of many clients a hundredth. Percent of a
-- scale's range: whole, of many clients a tenth.
create or replace temp macro mean_decimals(n, width) as
    case when width < 10 and is_many(n) then 2 else 1 end;

create or replace temp macro shown_mean(mean, n, width) as
    unsigned_zero(round(mean, mean_decimals(n, width)));

create or replace temp macro pomp_decimals(n) as case when is_many(n) then 1 else 0 end;

-- As site_benchmarks, whose counts are rounded, and whose own n this is.
create or replace temp macro beside_cell(value, n, width) as
    unsigned_zero(round(value, case when width < 10 and n > 100 then 2 else 1 end));

-- A mean of clients from `low` to `high`: so near an end that of the fewest of its class no one could
-- be at the other it is shown as the end "this or beyond". Without ends, rounded alone.
create or replace temp macro coded_end(low, high, n, decimals) as
    ceil((high - low) / shown_least(n) * pow(10, decimals) - 1e-9) / pow(10, decimals);

create or replace temp macro coded_mean(mean, n, decimals, low, high) as unsigned_zero(round(
    case
        when low is null or n < {minimum_clients} then round(mean, decimals)
        else least(
            greatest(round(mean, decimals), low + coded_end(low, high, n, decimals)),
            greatest(
                high - coded_end(low, high, n, decimals), low + coded_end(low, high, n, decimals)
            )
        )
    end,
    decimals + 1
));

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

-- Metrics whose clients are those of the forms of a site, a stage and a period, or some of them: the
-- people of site_benchmarks. Strata that are no stages part those of all stages among them.
create or replace temp macro is_of_forms(metric) as metric in (
    'mean_score', 'ceiling_share', 'all_items_at_best', 'low_alliance', 'within_window', 'lag_days'
);

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
    cells.n_clients as n_shown,
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
    beside_cell(adjusted.expected, cells.n_shown, cells.width) as expected,
    beside_cell(adjusted.adjusted, cells.n_shown, cells.width) as adjusted,
    beside_cell(adjusted.standard_error, cells.n_shown, cells.width) as standard_error,
    beside_cell(adjusted.target, cells.n_shown, cells.width) as target,
    round(adjusted.z, 1) as z,
    beside_cell(adjusted.lower95, cells.n_shown, cells.width) as lower95,
    beside_cell(adjusted.upper95, cells.n_shown, cells.width) as upper95,
    beside_cell(adjusted.lower998, cells.n_shown, cells.width) as lower998,
    beside_cell(adjusted.upper998, cells.n_shown, cells.width) as upper998,
    adjusted.flag,
    beside_cell(adjusted.shrunken, cells.n_shown, cells.width) as shrunken,
    beside_cell(adjusted.shrunken_lower95, cells.n_shown, cells.width) as shrunken_lower95,
    beside_cell(adjusted.shrunken_upper95, cells.n_shown, cells.width) as shrunken_upper95,
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
