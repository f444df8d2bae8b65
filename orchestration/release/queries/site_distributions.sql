-- A percentile is about the clients below it: of them, too, there must be enough.
select
    spread.practice_id,
    spread.site_id,
    spread.instrument_code,
    spread.version,
    spread.language,
    spread.informant,
    spread.metric,
    shown.stratum_kind,
    shown.stratum,
    spread.period,
    shown.n_clients,
    case
        when spread.n_clients >= 2 * least_clients()
            then shown_mean(spread.median, spread.n_clients, shown.width)
    end as value,
    case
        when spread.n_clients >= 10 * least_clients()
            then shown_mean(spread.p10, spread.n_clients, shown.width)
    end as p10,
    case
        when spread.n_clients >= 4 * least_clients()
            then shown_mean(spread.p25, spread.n_clients, shown.width)
    end as p25,
    case
        when spread.n_clients >= 4 * least_clients()
            then shown_mean(spread.p75, spread.n_clients, shown.width)
    end as p75,
    case when spread.n_clients >= 4 * least_clients() then round(spread.skew, 1) end as skew,
    case
        when spread.null_reason is not null then spread.null_reason
        when spread.n_clients < 2 * least_clients() then 'too_few_clients'
    end as null_reason,
    false as is_suppressed,
    cast(null as varchar) as suppression_reason
from marts.rpt_site_distributions as spread
inner join shown_metrics as shown
    on
        spread.practice_id = shown.practice_id
        and spread.site_id = shown.site_id
        and spread.instrument_code is not distinct from shown.instrument_code
        and spread.version is not distinct from shown.version
        and spread.language is not distinct from shown.language
        and spread.informant is not distinct from shown.informant
        and spread.metric = shown.metric
        and spread.period = shown.period
        and shown.stratum_kind = 'all'
where shown.n_clients is not null
