-- A percentile is about the units below it: of their clients, too, there must be enough. That is told
-- by the class alone, as nothing may say more of a count than its class: the middle and the quarters
-- of more than a hundred clients, the tenth of more than a thousand.
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
    shown.n_clients_at_least,
    case
        when shown.n_clients_at_least >= 4 * least_clients()
            then shown_mean(spread.median, spread.n_clients, shown.width)
    end as value,
    case
        when shown.n_clients_at_least >= 10 * least_clients()
            then shown_mean(spread.p10, spread.n_clients, shown.width)
    end as p10,
    case
        when shown.n_clients_at_least >= 4 * least_clients()
            then shown_mean(spread.p25, spread.n_clients, shown.width)
    end as p25,
    case
        when shown.n_clients_at_least >= 4 * least_clients()
            then shown_mean(spread.p75, spread.n_clients, shown.width)
    end as p75,
    case when shown.n_clients_at_least >= 4 * least_clients() then round(spread.skew, 1) end
        as skew,
    case
        when spread.null_reason is not null then spread.null_reason
        when shown.n_clients_at_least < 4 * least_clients() then 'too_few_clients'
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
where shown.n_clients_at_least is not null
